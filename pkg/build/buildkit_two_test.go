package build_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/graph"
)

// One of two daemons dies while both build: that is said, no name moves, and
// what is left makes the right images.
func TestOneOfTwoDaemonsDies(t *testing.T) {
	p := engineless(t, "claude,codex")
	r := exectest.ServeRegistry(t)
	alone, _ := onRegistryOf(t, r)
	second, stop, err := buildkittest.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stop() }()
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
	wantFailure(t, err, exec.ClassNoEngine, "failed: "+second.Address+": ")
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
