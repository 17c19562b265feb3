package exec_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// errBroken is what a layer that is made to fail says.
var errBroken = errors.New("broken")

// diamond is a base, a layer on it, two that stand on that one, and one on top
// of both.
func diamond(t *testing.T) *graph.Graph {
	t.Helper()
	layer := func(id graph.ID, on ...graph.ID) graph.Node {
		n := graph.Node{ID: id, Kind: graph.KindLayer, Platform: "linux/amd64", Tags: []string{"t-" + string(id) + ":1"}, Recipe: &graph.Recipe{}}
		for _, in := range on {
			n.Inputs = append(n.Inputs, graph.Input{Role: graph.RoleFrom, Node: in, Arg: "ON_" + string(in)})
			n.Files = append(n.Files, graph.Ingredient{Kind: graph.FromInput, Name: "from", Attr: graph.ImageOf, Note: string(in)})
		}
		return n
	}
	g, err := graph.New(
		graph.Node{ID: "base", Kind: graph.KindBase, Ref: "debian:12", Digest: graph.DigestOf("base")},
		layer("ground", "base"), layer("left", "ground"), layer("right", "ground"), layer("top", "left", "right"),
	)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// newStore is a store that holds the base.
func newStore() *exectest.Memory {
	m := &exectest.Memory{}
	m.Add(graph.DigestOf("base"), nil, "docker.io/library/debian:12")
	return m
}

func planOf(t *testing.T, g *graph.Graph, m *exectest.Memory) *plan.Plan {
	t.Helper()
	p, err := plan.Make(g, m.Snapshot(), plan.Policy{Platform: "linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// named lists the names of ours in a store.
func named(m *exectest.Memory) string {
	var names []string
	for _, img := range m.Snapshot().Images {
		for _, name := range img.Names {
			if ours, ok := strings.CutPrefix(name, "localhost/"); ok {
				names = append(names, ours)
			}
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestApplyBuildsInputsFirstAndNamesAtTheEnd(t *testing.T) {
	g, m := diamond(t), newStore()
	m.During = func(id graph.ID) {
		if got := named(m); got != "" {
			t.Errorf("while %s is built, these names are there already: %s", id, got)
		}
	}
	var kinds []exec.EventKind
	sink := exec.SinkFunc(func(e exec.Event) { kinds = append(kinds, e.Kind) })
	out, err := exec.Apply(context.Background(), g, planOf(t, g, m), m, exec.Options{Jobs: 1, Sink: sink})
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Built(); got != "ground left right top" {
		t.Errorf("built %s", got)
	}
	if got := named(m); got != "t-ground:1 t-left:1 t-right:1 t-top:1" {
		t.Errorf("named %s", got)
	}
	if len(out.Images) != 5 || len(out.Built) != 4 {
		t.Errorf("outcome %+v", out)
	}
	if kinds[0] != exec.NodeStarted || kinds[len(kinds)-1] != exec.TagsMoved {
		t.Errorf("events %v", kinds)
	}
	if after := planOf(t, g, m); after.Changes() {
		t.Errorf("afterwards: %v", exectest.Says(after))
	}
}

func TestApplyBuildsAsManyAtOnceAsAsked(t *testing.T) {
	for _, jobs := range []int{1, 2} {
		t.Run(fmt.Sprint(jobs), func(t *testing.T) {
			g, m := diamond(t), newStore()
			var mu sync.Mutex
			var both sync.WaitGroup
			both.Add(2)
			now, most := 0, 0
			m.During = func(id graph.ID) {
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				if jobs == 2 && (id == "left" || id == "right") {
					both.Done()
					both.Wait() // goes on when the other one is here too
				}
				mu.Lock()
				now--
				mu.Unlock()
			}
			if _, err := exec.Apply(context.Background(), g, planOf(t, g, m), m, exec.Options{Jobs: jobs}); err != nil {
				t.Fatal(err)
			}
			if most != jobs {
				t.Errorf("%d at once, want %d", most, jobs)
			}
		})
	}
}

func TestApplyFails(t *testing.T) {
	for _, tc := range []struct {
		name      string
		fails     graph.ID
		keepGoing bool
		built     string
		skipped   []graph.ID
	}{
		{"and stops", "left", false, "ground", []graph.ID{"top"}},
		{"and keeps going", "left", true, "ground right", []graph.ID{"top"}},
		{"below all", "ground", true, "", []graph.ID{"left", "top", "right"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, m := diamond(t), newStore()
			m.Fail = map[graph.ID]error{tc.fails: errBroken}
			var failed []graph.ID
			sink := exec.SinkFunc(func(e exec.Event) {
				if e.Kind == exec.NodeFailed && errors.Is(e.Err, errBroken) {
					failed = append(failed, e.Node)
				}
			})
			out, err := exec.Apply(context.Background(), g, planOf(t, g, m), m, exec.Options{Jobs: 1, KeepGoing: tc.keepGoing, Sink: sink})
			if !errors.Is(err, exec.ErrFailed) || !errors.Is(err, errBroken) {
				t.Errorf("error %v", err)
			}
			if got := join(out.Built); got != tc.built || !slices.Equal(out.Skipped, tc.skipped) {
				t.Errorf("built %q, skipped %v", got, out.Skipped)
			}
			if !slices.Equal(failed, []graph.ID{tc.fails}) || !slices.Equal(out.Failed, failed) {
				t.Errorf("failed %v, told of %v", out.Failed, failed)
			}
			if got := named(m); got != "" {
				t.Errorf("names moved: %s", got)
			}
			// What was finished is found by its key and not built again.
			m.Built()
			m.Fail = nil
			if _, err := exec.Apply(context.Background(), g, planOf(t, g, m), m, exec.Options{Jobs: 1}); err != nil {
				t.Fatal(err)
			}
			if again := m.Built(); tc.built != "" && strings.Contains(again, "ground") {
				t.Errorf("built again: %s", again)
			}
		})
	}
}

func TestApplyIsCancelled(t *testing.T) {
	g, m := diamond(t), newStore()
	ctx, cancel := context.WithCancel(context.Background())
	m.During = func(id graph.ID) {
		if id == "right" {
			cancel()
		}
	}
	out, err := exec.Apply(ctx, g, planOf(t, g, m), m, exec.Options{Jobs: 1})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if got := join(out.Built); got != "ground left" || named(m) != "" {
		t.Errorf("built %q, named %q", got, named(m))
	}
}

// An image that a pull brings must be the planned one.
func TestApplyRefusesAnotherBase(t *testing.T) {
	g, m := diamond(t), newStore()
	p := planOf(t, g, &exectest.Memory{})
	_, err := exec.Apply(context.Background(), g, p, moved{m}, exec.Options{})
	var failed *exec.Error
	if !errors.As(err, &failed) || failed.Class != exec.ClassBaseMissing || failed.Node != "base" {
		t.Errorf("error %v", err)
	}
	if got := m.Built(); got != "" {
		t.Errorf("built %s", got)
	}
}

// moved pulls another image than the one planned.
type moved struct{ *exectest.Memory }

func (moved) Pull(context.Context, string, exec.Sink) (exec.Result, error) {
	return exec.Result{Image: graph.DigestOf("another")}, nil
}

func TestApplyTellsTheTimeItIsGiven(t *testing.T) {
	for name, now := range map[string]func() time.Time{"none": nil, "noon": func() time.Time { return time.Unix(43200, 0) }} {
		t.Run(name, func(t *testing.T) {
			g, m := diamond(t), newStore()
			var want time.Time
			if now != nil {
				want = now()
			}
			sink := exec.SinkFunc(func(e exec.Event) {
				if !e.Time.Equal(want) || e.Duration != 0 {
					t.Errorf("%s of %s at %v, after %v", e.Kind, e.Node, e.Time, e.Duration)
				}
			})
			if _, err := exec.Apply(context.Background(), g, planOf(t, g, m), m, exec.Options{Now: now, Sink: sink}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func join(ids []graph.ID) string {
	var out []string
	for _, id := range ids {
		out = append(out, string(id))
	}
	return strings.Join(out, " ")
}
