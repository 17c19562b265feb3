package build_test

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/build/buildtest"
	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
)

// One of two daemons dies while both build: that is said, no name moves, and
// what is left makes the right images.
func TestOneOfTwoDaemonsDies(t *testing.T) {
	p := engineless(t, "claude,codex")
	r := exectest.ServeRegistry(t)
	ref := r.Put(t, "library/debian:12", buildkittest.Busybox(t))
	one := onBuildkit(t, "registry:"+r.Host+"/team")
	second, stop, err := buildkittest.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stop() }()
	alone := func(s *build.Spec, o *build.Options) {
		one(s, o)
		s.Base, s.Family = ref, layers.Deb
	}
	var once sync.Once
	both := func(s *build.Spec, o *build.Options) {
		alone(s, o)
		o.BuildkitAddrs = append(o.BuildkitAddrs, second.Address)
		o.Sink = exec.SinkFunc(func(e exec.Event) {
			if e.Kind == exec.Log && e.Text == "running" {
				once.Do(second.Kill)
			}
		})
	}
	// The two that depend on nothing run at the same time, one on each; the one
	// on the daemon that lives may end.
	words := "sleep\x00000012"
	defer exectest.EndAll(t, words) // a daemon that is killed leaves its steps
	whole := map[string]string{}
	for _, name := range []string{"l0", "fetch"} {
		file := "templates/" + name + ".Dockerfile.tmpl"
		whole[file] = p.Read(t, file)
		p.Write(t, file, whole[file]+"RUN echo running && "+strings.ReplaceAll(words, "\x00", " ")+"\n")
	}
	_, err = p.tryApply(both)
	wantFailure(t, err, exec.ClassNoEngine, "failed")
	for file, text := range whole {
		p.Write(t, file, text)
	}
	for _, s := range p.plan(t, alone).Steps {
		if s.Kind == graph.KindLayer && s.Found != "" {
			t.Errorf("%s is there: %s", s.Node, s.Found)
		}
	}
	_, err = p.tryApply(both)
	wantFailure(t, err, exec.ClassNoEngine, second.Address)
	if got := p.apply(t, alone); got != "agent/claude agent/codex fetch l0 l1" {
		t.Errorf("on the daemon that is left built %q", got)
	}
	p.upToDate(t, alone)
	l1, _ := p.plan(t, alone).Step("l1")
	img, ok := r.Image(t, "team/"+l1.Tags[0])
	if !ok || buildkittest.IDOf(t, img) != l1.Found {
		t.Fatalf("%s is not %s in the registry", l1.Tags[0], l1.Found)
	}
	if tree := treeOf(t, img); tree["/opt/terok/agents/codex"] == "" || tree["/opt/terok/agents/claude"] == "" {
		t.Error("an agent is not in l1")
	}
}

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
