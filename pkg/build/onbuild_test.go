package build_test

import (
	"os"
	"path/filepath"
	"testing"
)

// The triggers of an external image run in a user's layer on it, with the
// layer's own context and arguments.
func TestTriggersOnPodman(t *testing.T) {
	p := newProject(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "Dockerfile")
	if err := os.WriteFile(file, []byte("FROM debian:12\nONBUILD ARG NAME\nONBUILD COPY on /on\nONBUILD RUN echo \"$NAME\" > /name\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.podman.Run(t, "build", "-q", "--format", "docker", "--pull=never", "-t", "localhost/trigger:1", "-f", file, dir)

	u := newUsers(t, p)
	u.write(t, "it.Dockerfile", "FROM localhost/trigger:1\nRUN cat /on/f > /read\n")
	u.write(t, "on/f", "first\n")
	u.declare("it", "it:1").Args = map[string]string{"NAME": "given"}
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
