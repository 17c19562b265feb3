package build_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/build/buildtest"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/graph"
)

// With SOURCE_DATE_EPOCH two builds of the whole graph, by daemons and into
// stores that share nothing, give the same manifests.
func TestGraphIsReproducible(t *testing.T) {
	buildkittest.Require(t)
	p := engineless(t, "claude,codex")
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	const all = "agent/claude agent/codex fetch l0 l1 sidecar/ast-grep tool/ast-grep"
	var manifests [2]map[string]string
	for i := range manifests {
		dir, address := filepath.Join(t.TempDir(), "images"), buildkittest.Daemon(t)
		buildkittest.AddToLayout(t, dir, buildtest.Base, buildkittest.Busybox(t))
		bk := func(s *build.Spec, o *build.Options) {
			s.Sidecars = []string{"ast-grep"}
			o.Executor, o.Store, o.BuildkitAddrs = "buildkit", "oci:"+dir, []string{address}
		}
		if got := p.apply(t, bk); got != all {
			t.Fatalf("built %q", got)
		}
		made := p.plan(t, bk)
		manifests[i] = map[string]string{}
		for _, id := range strings.Fields(all) {
			s, _ := made.Step(graph.ID(id))
			img, ok := made.Snapshot.ByID(s.Found)
			if !ok || img.Manifest == "" {
				t.Fatalf("%s has no manifest", id)
			}
			manifests[i][id] = img.Manifest
		}
	}
	for id, want := range manifests[0] {
		if got := manifests[1][id]; got != want {
			t.Errorf("%s: %s, then %s", id, want, got)
		}
	}
}
