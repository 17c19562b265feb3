package store

import (
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// shortNames are the distributions that podman's own list of short names sends
// to one fixed place, before it looks at names under localhost.
var shortNames = map[string]string{
	"almalinux":   "docker.io/library/almalinux",
	"alpine":      "docker.io/library/alpine",
	"amazonlinux": "public.ecr.aws/amazonlinux/amazonlinux",
	"busybox":     "docker.io/library/busybox",
	"centos":      "quay.io/centos/centos",
	"debian":      "docker.io/library/debian",
	"fedora":      "registry.fedoraproject.org/fedora",
	"oraclelinux": "container-registry.oracle.com/os/oraclelinux",
	"rockylinux":  "docker.io/library/rockylinux",
	"ubuntu":      "docker.io/library/ubuntu",
	"ubi8":        "registry.access.redhat.com/ubi8",
	"ubi9":        "registry.access.redhat.com/ubi9",
}

// FindBase returns the image that podman would take for a reference as people
// write it: "debian", "ubuntu:24.04", "localhost/x", "quay.io/a/b:1",
// "name@sha256:<manifest>", or an image ID. It pulls nothing and asks no one.
func FindBase(snap graph.Snapshot, ref string) (graph.Image, bool) {
	ref = strings.TrimSpace(ref)
	if id := strings.TrimPrefix(ref, "sha256:"); isHex64(id) {
		return snap.ByID("sha256:" + id)
	}
	name, digest, pinned := strings.Cut(ref, "@")
	if pinned {
		return findManifest(snap, repository(name), digest)
	}
	for _, full := range fullNames(name) {
		if img, ok := snap.ByName(full); ok {
			return img, true
		}
	}
	return graph.Image{}, false
}

// findManifest finds an image by manifest digest. The digest names the content
// whatever the name, so an image of another name serves when none of the right
// name is there; podman drops the name of an image whose tag moved on.
func findManifest(snap graph.Snapshot, repo, digest string) (graph.Image, bool) {
	var found graph.Image
	ok := false
	for _, img := range snap.Images {
		if img.Manifest != digest || digest == "" {
			continue
		}
		if !ok || holdsName(img, repo) {
			found, ok = img, true
		}
	}
	return found, ok
}

func holdsName(img graph.Image, repo string) bool {
	for _, full := range fullNames(repo) {
		for _, n := range img.Names {
			if repository(n) == repository(full) {
				return true
			}
		}
	}
	return false
}

// fullNames returns the full names that a reference may stand for, the one
// podman prefers first.
func fullNames(ref string) []string {
	repo := repository(ref)
	tag := strings.TrimPrefix(ref[len(repo):], ":")
	if repo == "" {
		return nil
	}
	if tag == "" {
		tag = "latest"
	}
	repos := []string{repo}
	if !hasHost(repo) {
		repos = repos[:0]
		if full, known := shortNames[repo]; known {
			repos = append(repos, full)
		}
		repos = append(repos, "localhost/"+repo, "docker.io/"+library(repo))
	} else if rest, ok := strings.CutPrefix(repo, "docker.io/"); ok {
		repos[0] = "docker.io/" + library(rest)
	}
	for i := range repos {
		repos[i] += ":" + tag
	}
	return repos
}

// library adds the name space of official images to a bare name.
func library(repo string) string {
	if strings.Contains(repo, "/") {
		return repo
	}
	return "library/" + repo
}

// hasHost says whether a repository begins with a registry's host.
func hasHost(repo string) bool {
	host, _, more := strings.Cut(repo, "/")
	return more && (strings.ContainsAny(host, ".:") || host == "localhost")
}

// repository returns a reference without its tag. A colon before the last
// slash belongs to a host's port.
func repository(ref string) string {
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		return ref[:i]
	}
	return ref
}

// CanonicalName is the full name with tag that a reference to an external
// image stands for: "ubuntu:24.04" is "docker.io/library/ubuntu:24.04". A
// digest is left out.
func CanonicalName(ref string) string {
	bare, _, _ := strings.Cut(strings.TrimSpace(ref), "@")
	full := fullNames(bare)
	switch {
	case len(full) == 0:
		return ""
	case strings.HasPrefix(full[0], "localhost/") && !hasHost(repository(bare)):
		return full[len(full)-1]
	}
	return full[0]
}
