package build_test

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/resources"
)

// timed are the paths that hold the time of the build, so that two builds of
// one engine differ there too. docs/executors.md lists the same.
var timed = []string{"/etc/shadow"}

func isTimed(file string) bool {
	return slices.ContainsFunc(timed, func(pattern string) bool {
		matches, err := path.Match(pattern, file)
		return matches && err == nil
	})
}

// The list in the manual is this one.
func TestTimedPathsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/executors.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range timed {
		if !strings.Contains(string(text), "`"+pattern+"`") {
			t.Errorf("docs/executors.md does not list %s", pattern)
		}
	}
}

// What people get, with distribution packages and real agents, on a Debian: the
// trees are equal but for the paths whose content is time.
func TestExecutorsAreEqualOnDebian(t *testing.T) {
	if os.Getenv("TEROK_LONG") == "" {
		t.Log("part of make test-long: it builds all images twice, with packages and agents from the network")
		return
	}
	p := engineless(t, "claude,codex")
	p.podman = podmantest.Storage(t)
	podmantest.LoadDebian(t, p.podman) // from the user's storage, so before the test's own is used
	p.usePodman(t)
	dir := filepath.Join(t.TempDir(), "base")
	p.podman.Run(t, "push", "-q", podmantest.Debian, "oci:"+dir+":x")
	ref := exectest.ServeRegistry(t).Put(t, "library/debian:12", buildkittest.ImageIn(t, dir, ""))
	equalOn(t, p, func(s *build.Spec, o *build.Options) {
		s.Base, s.Family, s.Sidecars = ref, layers.Deb, []string{"ast-grep"}
		o.Resources, o.Mirrors = resources.FS, nil
	})
}
