package build_test

import (
	"archive/tar"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
)

// onBuildkit builds on the package's daemon into a store.
func onBuildkit(t *testing.T, store string) change {
	address := buildkittest.Shared(t).Address
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	return func(_ *build.Spec, o *build.Options) {
		o.Executor, o.Store, o.BuildkitAddrs, o.Network = "buildkit", store, []string{address}, ""
	}
}

// Whatever one executor built is up to date for the other, and each builds on
// what the other left.
func TestSwitchExecutorsOnPodmansStorage(t *testing.T) {
	p := newBuiltProject(t)
	bk := onBuildkit(t, "podman")
	p.upToDate(t, bk)
	p.Agent(t, "codex", "0.169.0")
	p.expect(t, "agent/codex version-changed(VERSION 0.168.0→0.169.0); l1 input-changed(agent/codex)", bk)
	if got := p.apply(t, bk); got != "agent/codex l1" {
		t.Errorf("BuildKit built %q", got)
	}
	p.upToDate(t)
	p.upToDate(t, bk)
	if got := p.run(t, l1Image, "sh", "-c", "claude; codex; id -un"); got != "claude 2.1.0\ncodex 0.169.0\ndev" {
		t.Errorf("in the image: %q", got)
	}
	p.Write(t, "scripts/l0/another", "#!/bin/sh\n")
	if got := p.apply(t); got != "l0 l1" {
		t.Errorf("podman built %q on what BuildKit left", got)
	}
	p.upToDate(t, bk)
	p.Remove(t, "scripts/l0/another")
	if got := p.apply(t, bk); got != "l1" && got != "" {
		t.Errorf("going back built %q", got)
	}
	p.upToDate(t)
	if got := p.apply(t, bk, refresh("l0")); got != "l0 l1" {
		t.Errorf("--refresh l0 on BuildKit built %q", got)
	}
	p.upToDate(t)
	if got := p.run(t, l1Image, "codex"); got != "codex 0.169.0" {
		t.Errorf("in the image: %q", got)
	}
}

// serveBase serves a registry with a base and returns the base's reference.
func serveBase(t *testing.T) string {
	t.Helper()
	return exectest.ServeRegistry(t).Put(t, "library/debian:12", buildkittest.Busybox(t))
}

// The two executors give equal keys, equal records and equal files.
func TestExecutorsAreEqual(t *testing.T) {
	p := newProject(t)
	ref := serveBase(t)
	// A directory for one file of a mode of its own has the mode of directories.
	p.Write(t, "scripts/agents/codex/settings", "x = 1\n")
	p.Edit(t, "agents/codex.yaml", "commands:", "files:\n  - {put: settings, to: /etc/codex/deep/settings, mode: \"0644\"}\ncommands:")
	equalOn(t, p, func(s *build.Spec, _ *build.Options) {
		s.Base, s.Family, s.Sidecars = ref, layers.Deb, []string{"ast-grep"}
	})
}

// equalOn builds on both executors all that claude, codex and the sidecar
// ast-grep need, and compares.
func equalOn(t *testing.T, p *project, spec change) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "images")
	bk := onBuildkit(t, "oci:"+dir)
	const all = "agent/claude agent/codex fetch l0 l1 sidecar/ast-grep tool/ast-grep"
	if got := p.apply(t, spec); got != all {
		t.Fatalf("podman built %q", got)
	}
	if got := p.apply(t, spec, bk); got != all {
		t.Fatalf("BuildKit built %q", got)
	}
	p.upToDate(t, spec, bk)
	one, two := p.plan(t, spec), p.plan(t, spec, bk)
	for _, id := range strings.Fields(all) {
		node := graph.ID(id)
		a, b := recordOf(t, one, node), recordOf(t, two, node)
		if one.Graph.Keys(node) != two.Graph.Keys(node) || !reflect.DeepEqual(a, b) {
			t.Errorf("%s: records differ\npodman   %+v\nBuildKit %+v", id, a, b)
		}
		if len(a.Files)+len(a.Config) == 0 {
			t.Errorf("%s: the record is empty", id)
		}
		s, _ := one.Step(node)
		u, _ := two.Step(node)
		mine := filepath.Join(t.TempDir(), "podman")
		p.podman.Run(t, "push", "-q", strings.TrimPrefix(s.Found, "sha256:"), "oci:"+mine+":x")
		compareTrees(t, id, treeOf(t, buildkittest.ImageIn(t, mine, "")), treeOf(t, buildkittest.ImageIn(t, dir, u.Found)))
	}
}

// recordOf is what an image remembers, without the images it was built on.
func recordOf(t *testing.T, p *build.Planned, id graph.ID) graph.Record {
	t.Helper()
	s, ok := p.Step(id)
	img, found := p.Snapshot.ByID(s.Found)
	if !ok || !found {
		t.Fatalf("%s: no image %q", id, s.Found)
	}
	rec, err := graph.ParseRecord(img.Labels)
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	for i := range rec.Inputs {
		if rec.Inputs[i].Node != "base" {
			rec.Inputs[i].Image = ""
		}
	}
	return rec
}

// treeOf describes every path of an image.
func treeOf(t *testing.T, img v1.Image) map[string]string {
	t.Helper()
	out := map[string]string{}
	exectest.EachFile(t, img, func(h *tar.Header, content io.Reader) error {
		sum := graph.NewContentHash()
		_, err := io.Copy(sum, content)
		out["/"+h.Name] = fmt.Sprintf("%c %04o %d:%d %q %s", h.Typeflag, h.Mode&0o7777, h.Uid, h.Gid, h.Linkname, graph.ContentDigest(sum))
		return err
	})
	return out
}

// mountPoints are what podman makes in a base that lacks them, because it mounts
// something there while a step runs, and leaves in the image. Bases of
// distributions have them, but for the place of secrets.
var mountPoints = map[string]bool{
	"/etc/hostname": true, "/etc/hosts": true, "/etc/resolv.conf": true, "/run": true, "/run/secrets": true,
}

func compareTrees(t *testing.T, id string, podman, bk map[string]string) {
	t.Helper()
	paths := map[string]bool{}
	for p := range podman {
		paths[p] = true
	}
	for p := range bk {
		paths[p] = true
	}
	var lines []string
	for p := range paths {
		if mountPoints[p] && bk[p] == "" {
			continue
		}
		if podman[p] != bk[p] && !isTimed(p) {
			lines = append(lines, fmt.Sprintf("%s\n  podman   %s\n  BuildKit %s", p, podman[p], bk[p]))
		}
	}
	sort.Strings(lines)
	if len(lines) > 0 {
		t.Errorf("%s: files differ:\n%s", id, strings.Join(lines, "\n"))
	}
	if len(podman) == 0 {
		t.Errorf("%s: no files", id)
	}
}

// A base that only podman has is taken out of its storage into a layout.
func TestBaseOfPodmanInALayout(t *testing.T) {
	p := newProject(t)
	p.agents = "claude"
	const own = "localhost/own:1"
	id := podmantest.ImportBusybox(t, p.podman, own)
	dir := filepath.Join(t.TempDir(), "images")
	bk := onBuildkit(t, "oci:"+dir)
	onOwn := func(s *build.Spec, o *build.Options) {
		bk(s, o)
		s.Base, s.Family = own, layers.Deb
	}
	if got := p.apply(t, onOwn); got != "agent/claude fetch l0 l1" {
		t.Fatalf("built %q", got)
	}
	p.upToDate(t, onOwn)
	if base, _ := p.plan(t, onOwn).Step("base"); base.Digest != id {
		t.Errorf("the base is %s, want podman's %s", base.Digest, id)
	}
}
