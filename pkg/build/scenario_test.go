package build_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/build/buildtest"
	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
	"github.com/terok-ai/terok-agent/pkg/graph"
)

// project is a project with a real engine and a store of its own.
type project struct {
	*buildtest.World
	engine engine
	// podman is the engine's, if that is podman.
	podman podmantest.Env
	agents string
	// changes are made to every request.
	changes []change
	// steps are the steps that ran since the last reset, "node: instruction".
	mu    sync.Mutex
	steps []string
	notes []string
}

// engineless is a project that no engine is chosen for yet.
func engineless(t *testing.T, agents string) *project {
	t.Helper()
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	return &project{World: buildtest.New(t), agents: agents}
}

// newProject is a project on podman that has the base.
func newProject(t *testing.T) *project {
	t.Helper()
	p := engineless(t, "claude,codex")
	p.podman = podmantest.Storage(t)
	p.usePodman(t)
	p.engine.addBase(t, buildtest.Base)
	return p
}

// usePodman makes the project's podman the one that is asked.
func (p *project) usePodman(t *testing.T) {
	t.Helper()
	p.engine = onPodman{p.podman}
	for _, kv := range p.podman.Vars {
		k, v, _ := strings.Cut(kv, "=")
		t.Setenv(k, v)
	}
}

func (p *project) spec() build.Spec {
	return build.Spec{Base: "debian:12", Agents: &p.agents}
}

func (p *project) options() build.Options {
	return build.Options{Resources: p.Resources(), Mirrors: p.Mirrors(), Jobs: 2, Sink: exec.SinkFunc(p.event)}
}

// request is what the library is asked: the engine, and what a scenario
// changes.
func (p *project) request(changes []change) (build.Spec, build.Options) {
	spec, o := p.spec(), p.options()
	if p.engine != nil {
		p.engine.choose(&spec, &o)
	}
	for _, c := range slices.Concat(p.changes, changes) {
		c(&spec, &o)
	}
	return spec, o
}

func (p *project) event(e exec.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e.Kind {
	case exec.StepStarted:
		p.steps = append(p.steps, string(e.Node)+": "+e.Text)
	case exec.StepCached:
		// It was announced as started before, maybe among those of other nodes.
		step := string(e.Node) + ": " + e.Text
		for i := len(p.steps) - 1; i >= 0; i-- {
			if p.steps[i] == step {
				p.steps = slices.Delete(p.steps, i, i+1)
				break
			}
		}
	case exec.Note:
		p.notes = append(p.notes, e.Text)
	case exec.NodeStarted, exec.NodeDone, exec.NodeFailed, exec.NodeSkipped, exec.StepDone, exec.Log, exec.TagsMoved,
		exec.WaitingLock, exec.PullStarted, exec.PullProgress:
		// Scenarios look at steps and notes.
	}
}

// ran returns the steps with this instruction that were not answered from
// cache, and forgets them.
func (p *project) ran(keyword string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, s := range p.steps {
		if _, text, _ := strings.Cut(s, ": "); strings.HasPrefix(text, keyword) {
			out = append(out, s)
		}
	}
	p.steps = nil
	return out
}

type change func(*build.Spec, *build.Options)

func (p *project) plan(t *testing.T, changes ...change) *build.Planned {
	t.Helper()
	spec, o := p.request(changes)
	made, err := build.Plan(context.Background(), spec, o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (p *project) tryApply(changes ...change) (*build.Applied, error) {
	spec, o := p.request(changes)
	return build.Run(context.Background(), spec, o, func(*build.Planned) error { return nil })
}

// apply applies and returns what was built, sorted.
func (p *project) apply(t *testing.T, changes ...change) string {
	t.Helper()
	done, err := p.tryApply(changes...)
	if err != nil {
		var e *build.Error
		if errors.As(err, &e) {
			t.Fatalf("%v\nhint: %s\n%s", err, e.Hint, strings.Join(e.Tail, "\n"))
		}
		t.Fatal(err)
	}
	return sortedIDs(done.Built)
}

func sortedIDs(ids []graph.ID) string {
	var out []string
	for _, id := range ids {
		out = append(out, string(id))
	}
	sort.Strings(out)
	return strings.Join(out, " ")
}

// says is a plan in short, sorted.
func says(p *build.Planned) string {
	out := exectest.Says(p.Plan)
	sort.Strings(out)
	return strings.Join(out, "; ")
}

func (p *project) expect(t *testing.T, want string, changes ...change) {
	t.Helper()
	if got := says(p.plan(t, changes...)); got != want {
		t.Errorf("plan:\n got %s\nwant %s", got, want)
	}
}

func (p *project) upToDate(t *testing.T, changes ...change) {
	t.Helper()
	if made := p.plan(t, changes...); made.Changes() {
		t.Errorf("after apply there is work left: %s", says(made))
	}
}

// run runs a command in an image.
func (p *project) run(t *testing.T, image string, command ...string) string {
	t.Helper()
	return p.engine.run(t, image, command...)
}

func refresh(nodes ...graph.ID) change {
	return func(_ *build.Spec, o *build.Options) { o.Refresh = nodes }
}

func targets(nodes ...graph.ID) change {
	return func(_ *build.Spec, o *build.Options) { o.Targets = nodes }
}

func TestMain(m *testing.M) {
	if run := os.Getenv("TEROK_TEST_APPLY"); run != "" {
		os.Exit(applyChild(run))
	}
	code := m.Run()
	if err := buildkittest.StopShared(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the tests' daemon:", err)
		code = 1
	}
	if err := removeBuilt(); err != nil {
		fmt.Fprintln(os.Stderr, "removing the tests' storage:", err)
		code = 1
	}
	os.Exit(code)
}
