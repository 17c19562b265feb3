// Package buildtest has a small project for tests on real engines: recipes
// that build in seconds on a busybox base, agents that are shell scripts, and a
// registry on loopback that serves them over npm's protocol. Only the base, the
// two templates on it and the agents are made up; everything else is what users
// get.
package buildtest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/sources"
	"github.com/terok-ai/terok-agent/pkg/testfile"
	"github.com/terok-ai/terok-agent/resources"
)

// Base is the reference of the base that tests import.
const Base = "docker.io/library/debian:12"

// World is one such project.
type World struct {
	// Dir is laid over the built-in resources.
	Dir string
	// Registry serves the agents.
	Registry *Registry
}

// New makes a project with the agents claude 2.1.0 and codex 0.168.0 and the
// tool ast-grep 0.51.1.
func New(t testing.TB) *World {
	t.Helper()
	w := &World{Dir: t.TempDir(), Registry: newRegistry(t)}
	w.Write(t, "templates/l0.Dockerfile.tmpl", l0Template)
	w.Write(t, "templates/fetch.Dockerfile.tmpl", fetchTemplate)
	w.Agent(t, "claude", "2.1.0")
	w.Agent(t, "codex", "0.168.0")
	w.Tool(t, "ast-grep", "0.51.1")
	return w
}

// NewBare makes a project that is nothing but the built-in resources, and a
// registry.
func NewBare(t testing.TB) *World {
	t.Helper()
	return &World{Dir: t.TempDir(), Registry: newRegistry(t)}
}

const l0Template = `ARG BASE_IMAGE={{.Base}}
FROM ${BASE_IMAGE}
RUN echo installing packages && mkdir -p /workspace /home/dev && \
    echo 'dev:x:1000:1000::/home/dev:/bin/sh' >> /etc/passwd && echo 'dev:x:1000:' >> /etc/group
COPY scripts/l0/ /usr/local/bin/
USER dev
WORKDIR /workspace
CMD ["init-ssh-and-repo.sh"]
`

const fetchTemplate = `ARG BASE_IMAGE={{.Base}}
FROM ${BASE_IMAGE}
USER 0
COPY scripts/fetch/ /usr/local/bin/
`

// Resources is the tree that commands and the library are given.
func (w *World) Resources() fs.FS { return layers.Overlay(os.DirFS(w.Dir), resources.FS) }

// Mirrors lead downloads to the registry.
func (w *World) Mirrors() []sources.Mirror {
	return []sources.Mirror{{From: "npm", To: w.Registry.URL + "/"}}
}

// Write puts a file into the overlay.
func (w *World) Write(t testing.TB, name, text string) {
	t.Helper()
	testfile.Write(t, filepath.Join(w.Dir, filepath.FromSlash(name)), text)
}

// Remove takes a file out of the overlay, so that the built-in one shows.
func (w *World) Remove(t testing.TB, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(w.Dir, filepath.FromSlash(name))); err != nil {
		t.Fatal(err)
	}
}

// Read returns a file as the overlay shows it.
func (w *World) Read(t testing.TB, name string) string {
	t.Helper()
	data, err := fs.ReadFile(w.Resources(), name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Edit replaces old by new in a file, which must hold old.
func (w *World) Edit(t testing.TB, name, old, changed string) {
	t.Helper()
	text := w.Read(t, name)
	if !strings.Contains(text, old) {
		t.Fatalf("%s does not hold %q", name, old)
	}
	w.Write(t, name, strings.Replace(text, old, changed, 1))
}

// Agent makes an agent of this version, or gives it another version.
func (w *World) Agent(t testing.TB, name, version string) { w.entry(t, name, version, "native", "") }

// Tool makes a tool that can have a sidecar.
func (w *World) Tool(t testing.TB, name, version string) {
	w.entry(t, name, version, "tool", "default: false\nsidecar: {}\n")
}

func (w *World) entry(t testing.TB, name, version, kind, more string) {
	t.Helper()
	w.Write(t, "agents/"+name+".yaml", fmt.Sprintf(`kind: %s
label: %s
%sinstall:
  - download: {source: npm, track: "@test/%s", package: "{{.Track}}-linux-{{.NodeArch}}", unpack: {format: npm, keep: [%s]}}
commands: {%s: %s}
probe: {run: [%s, --version]}
help: {label: "  %s"}
`, kind, name, more, name, name, name, name, name, name))
	body := w.Offer(name, version)
	var artefacts []string
	for _, arch := range []struct{ goarch, node string }{{"amd64", "x64"}, {"arm64", "arm64"}} {
		pkg := name + "-linux-" + arch.node
		artefacts = append(artefacts, fmt.Sprintf(`{"platform": "linux/%s", "source": "pkg:npm/%%40test/%s@%s", "sha512": %q}`,
			arch.goarch, pkg, version, Sha512(body)))
	}
	w.Write(t, "agents/"+name+".lock.json", fmt.Sprintf(`{"schema": 1, "entry": %q, "version": %q, "from": "npm", "resolved_at": "2026-01-01",
 "artefacts": [
  %s]}
`, name, version, strings.Join(artefacts, ",\n  ")))
}

// Offer puts a version of an agent into the registry, as the newest, and locks
// nothing; it returns the tarball.
func (w *World) Offer(name, version string) []byte {
	body := Tarball(map[string]string{"package/" + name: fmt.Sprintf("#!/bin/sh\necho '%s %s'\n", name, version)})
	for _, pkg := range []string{name, name + "-linux-x64", name + "-linux-arm64"} {
		w.Registry.Put("@test/"+pkg, version, body)
	}
	return body
}

// Sha512 is a digest as npm's lock files write it, without its name.
func Sha512(data []byte) string {
	sum := sha512.Sum512(data)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Tarball packs scripts by path.
func Tarball(files map[string]string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, text := range files {
		_ = w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg})
		_, _ = w.Write([]byte(text))
	}
	_ = w.Close()
	_ = z.Close()
	return b.Bytes()
}
