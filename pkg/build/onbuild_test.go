package build_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/layers"
)

// The triggers of an external image run in a user's layer on it, with the
// layer's own context and arguments.
func TestTriggersOnPodman(t *testing.T) {
	p := newProject(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	file := filepath.Join(dir, "Dockerfile")
	if err := os.WriteFile(file, []byte("FROM debian:12\nONBUILD ARG NAME\nONBUILD COPY on /on\nONBUILD RUN echo \"$NAME\" > /name\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.podman.Run(t, "build", "-q", "--format", "docker", "--pull=never", "-t", "localhost/trigger:1", "-f", file, dir)

	u := &users{project: p, dir: t.TempDir()}
	u.write(t, "it.Dockerfile", "FROM localhost/trigger:1\nRUN cat /on/f > /read\n")
	u.write(t, "on/f", "first\n")
	u.layers = []layers.UserLayer{{
		Name: "it", Dockerfile: filepath.Join(u.dir, "it.Dockerfile"), Context: u.dir, Tags: []string{"it:1"}, Args: map[string]string{"NAME": "given"},
	}}
	p.changes = append(p.changes, func(s *build.Spec, _ *build.Options) { s.Layers, s.NoL1 = u.layers, true })
	if got := p.apply(t); got != "it" {
		t.Fatalf("built %q", got)
	}
	p.upToDate(t)
	if got := p.run(t, "it:1", "cat", "/name", "/read"); got != "given\nfirst" {
		t.Errorf("the image says %q", got)
	}
	u.write(t, "on/f", "second\n")
	p.expect(t, "it file-changed(on/f)")
	if got := p.apply(t); got != "it" {
		t.Errorf("built %q", got)
	}
	p.upToDate(t)
	if got := p.run(t, "it:1", "cat", "/read"); got != "second" {
		t.Errorf("the image says %q", got)
	}
}
