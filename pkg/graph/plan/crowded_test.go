package plan_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// crowd is a layer "hub" that copies from n layers on one base, has as many
// stages as are asked for, and as many files in one directory.
type crowd struct {
	n, stages, files int
	// edited are the layers, stages and files that were changed.
	edited map[string]bool
	store  *exectest.Memory
}

func newCrowd(n, stages, files int) *crowd {
	c := &crowd{n: n, stages: stages, files: files, edited: map[string]bool{}, store: &exectest.Memory{}}
	c.store.Add(graph.DigestOf("base-1"), nil)
	return c
}

func (c *crowd) text(name string) string {
	if c.edited[name] {
		return name + ", edited"
	}
	return name
}

func (c *crowd) graph(t *testing.T) *graph.Graph {
	t.Helper()
	const platform = "linux/amd64"
	onBase := []graph.Input{{Role: graph.RoleFrom, Node: "base"}}
	base := graph.Ingredient{Kind: graph.Base, Name: "from", Digest: graph.DigestOf("base-1"), Note: "debian:12"}
	nodes := []graph.Node{{ID: "base", Kind: graph.KindBase, Ref: "debian:12", Digest: graph.DigestOf("base-1")}}
	hub := graph.Node{
		ID: "hub", Kind: graph.KindLayer, Stage: c.stages, Platform: platform, Tags: []string{"hub:1"}, Recipe: &graph.Recipe{},
		Inputs: onBase, Files: []graph.Ingredient{base},
		Config: []graph.Ingredient{ins("CMD", c.text("CMD"), 1)},
	}
	reads := func(id graph.ID) {
		hub.Inputs = append(hub.Inputs, graph.Input{Role: graph.RoleCopy, Node: id})
		hub.Files = append(hub.Files, ins("COPY", "COPY --from="+string(id)+" / /", 1),
			graph.Ingredient{Kind: graph.FromInput, Name: "copy", Attr: graph.FilesOf, Note: string(id)})
	}
	for i := range c.n {
		id := fmt.Sprintf("l%d", i)
		nodes = append(nodes, graph.Node{
			ID: graph.ID(id), Kind: graph.KindLayer, Platform: platform, Tags: []string{id + ":1"}, Recipe: &graph.Recipe{}, Inputs: onBase,
			Files: []graph.Ingredient{base, ins("RUN", "RUN "+c.text(id), 1)},
		})
		reads(graph.ID(id))
	}
	for i := range c.stages {
		id := fmt.Sprintf("hub/s%d", i)
		nodes = append(nodes, graph.Node{
			ID: graph.ID(id), Kind: graph.KindStage, Layer: "hub", Stage: i, Platform: platform, Inputs: onBase,
			Files: []graph.Ingredient{base, ins("RUN", "RUN "+c.text(id), 1)},
		})
		reads(graph.ID(id))
	}
	for i := range c.files {
		name := fmt.Sprintf("file-%d", i)
		hub.Files = append(hub.Files, graph.Ingredient{Kind: graph.File, Name: name, Attr: "f0644", Digest: graph.DigestOf(c.text(name)), Step: 1})
	}
	g, err := graph.New(append(nodes, hub)...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (c *crowd) plan(t *testing.T, p plan.Policy) *plan.Plan {
	t.Helper()
	p.Targets, p.Salt = []graph.ID{"hub"}, "salt"
	made, err := plan.Make(c.graph(t), c.store.Snapshot(), p)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (c *crowd) apply(t *testing.T, p plan.Policy) {
	t.Helper()
	_, err := exec.Apply(context.Background(), c.graph(t), c.plan(t, p), c.store, exec.Options{Jobs: 1, Now: func() time.Time { return time.Unix(0, 0) }})
	if err != nil {
		t.Fatal(err)
	}
}

// hubSays is the verdict on the hub, with its reasons.
func hubSays(t *testing.T, p *plan.Plan) string {
	t.Helper()
	s, ok := p.Step("hub")
	if !ok {
		t.Fatal("no hub")
	}
	out := string(s.Action)
	for _, r := range s.Reasons {
		out += fmt.Sprintf(" %s(%s)", r.Code, r.Subject)
	}
	return out
}

// A layer has a record whatever it is made from and stands on. What is too much
// for it is folded, and then as much is said as can be told.
func TestCrowdedRecords(t *testing.T) {
	for name, tc := range map[string]struct {
		crowd *crowd
		// edits are what is changed, and what is said of the hub then.
		edits map[string]string
		// rebuilt is what is said when l7 is made again, gone when l7 and its
		// image are.
		rebuilt, gone string
	}{
		"a hundred layers": {newCrowd(100, 0, 0), map[string]string{
			"l7": "build input-changed(l7)", "CMD": "build instruction-changed(CMD)",
		}, "build input-rebuilt(l7)", "up-to-date"},
		"two thousand layers": {newCrowd(2000, 0, 0), map[string]string{
			"l7": "build input-changed(one of 2000 inputs)", "CMD": "build instruction-changed(instruction)",
		}, "build input-rebuilt(l7)", "up-to-date"},
		"three thousand layers": {newCrowd(3000, 0, 0), map[string]string{
			"l7": "build input-changed(one of 3000 inputs)",
			// Nobody can tell whether the others are the ones it was built on.
		}, "build input-rebuilt(l7)", "build input-rebuilt(one of 3000 images)"},
		"three hundred stages": {newCrowd(0, 300, 0), map[string]string{
			"hub/s7": "build input-changed(one of 300 stages) input-changed(one of 300 inputs)", "CMD": "build instruction-changed(instruction)",
		}, "", ""},
		"ten thousand files in one directory": {newCrowd(1, 0, 10_000), map[string]string{
			"file-77": "build file-changed(.)", "CMD": "build instruction-changed(CMD)", "l0": "build input-changed(l0)",
		}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := tc.crowd
			c.apply(t, plan.Policy{})
			img, _ := c.store.Snapshot().ByName("localhost/hub:1")
			if n := len(img.Labels[graph.LabelRecord]); n > graph.RecordBudget {
				t.Errorf("the record takes %d bytes", n)
			}
			if p := c.plan(t, plan.Policy{}); p.Changes() {
				t.Errorf("after apply: %s", hubSays(t, p))
			}
			for edit, want := range tc.edits {
				c.edited = map[string]bool{edit: true}
				if got := hubSays(t, c.plan(t, plan.Policy{})); got != want {
					t.Errorf("%s: %s, want %s", edit, got, want)
				}
			}
			c.edited = nil
			if tc.rebuilt != "" {
				c.remakesAnInput(t, tc.rebuilt, tc.gone)
			}
		})
	}
}

// remakesAnInput looks at the hub when l7 is to be made again, was made again,
// and is gone.
func (c *crowd) remakesAnInput(t *testing.T, rebuilt, gone string) {
	t.Helper()
	again := plan.Policy{Refresh: map[graph.ID]plan.Code{"l7": plan.RefreshRequested}}
	if got := hubSays(t, c.plan(t, again)); got != rebuilt {
		t.Errorf("l7 is to be made again: %s, want %s", got, rebuilt)
	}
	// As if by another run, which did not want the hub.
	labels, err := c.graph(t).NewRecord("l7", "other", nil).Labels()
	if err != nil {
		t.Fatal(err)
	}
	was, _ := c.store.Snapshot().ByName("localhost/l7:1")
	c.store.Add("", labels, "l7:1", "other:1")
	got := hubSays(t, c.plan(t, plan.Policy{}))
	if strings.Contains(gone, "one of") { // then it is all that can be said
		rebuilt = gone
	}
	if got != rebuilt {
		t.Errorf("l7 was made again: %s, want %s", got, rebuilt)
	}
	c.store.Remove("other:1")
	c.store.Add(was.ID, was.Labels, "l7:1")
	if got := hubSays(t, c.plan(t, plan.Policy{})); got != "up-to-date" {
		t.Errorf("l7 is as it was: %s", got)
	}
	c.store.Remove("l7:1")
	if got := hubSays(t, c.plan(t, plan.Policy{})); !strings.HasPrefix(got, gone) {
		t.Errorf("l7 is gone: %s, want %s", got, gone)
	}
	c.apply(t, plan.Policy{})
	if p := c.plan(t, plan.Policy{}); p.Changes() {
		t.Errorf("after the next apply: %s", hubSays(t, p))
	}
}

// What is folded is told in the right words, and named by every way to look.
func TestCrowdedRecordIsExplained(t *testing.T) {
	c := newCrowd(2000, 0, 0)
	c.apply(t, plan.Policy{})
	c.edited["l7"] = true
	e, err := plan.Explain(c.graph(t), c.store.Snapshot(), c.plan(t, plan.Policy{}), "hub")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range e.Facts {
		if f.Status != plan.Same {
			got = append(got, fmt.Sprintf("%s %s %s %s", f.Part, f.Kind, f.Name, f.Status))
		}
	}
	if s := strings.Join(got, "; "); s != "files folded input changed" {
		t.Errorf("changed: %s", s)
	}
	img, _ := c.store.Snapshot().ByName("localhost/hub:1")
	rec, facts, err := plan.ExplainImage(img, nil)
	if err != nil || len(facts) == 0 || len(rec.Unnamed.Images) != 2000 {
		t.Errorf("%d facts, %d images without names, %v", len(facts), len(rec.Unnamed.Images), err)
	}
}

// A record that knows fewer images than its layer has inputs, which no build of
// ours writes, leaves nothing to compare: the layer is built.
func TestTooFewUnnamedImages(t *testing.T) {
	c := newCrowd(2000, 0, 0)
	c.apply(t, plan.Policy{})
	img, _ := c.store.Snapshot().ByName("localhost/hub:1")
	rec, err := graph.ParseRecord(img.Labels)
	if err != nil {
		t.Fatal(err)
	}
	rec.Unnamed.Images = rec.Unnamed.Images[:1999]
	labels, err := rec.Labels()
	if err != nil {
		t.Fatal(err)
	}
	c.store.Add(img.ID, labels, "hub:1")
	if got := hubSays(t, c.plan(t, plan.Policy{})); got != "build input-rebuilt(one of 2000 images)" {
		t.Error(got)
	}
}
