package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// A layer is explained with its stages, what changed with what it was.
func TestExplainNamesStages(t *testing.T) {
	snap := image(t, newStaged().graph(t), nil)
	s := newStaged()
	s.steps["build"][2].Digest = graph.DigestOf("A")
	g := s.graph(t)
	made, err := plan.Make(g, snap, plan.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := plan.Explain(g, snap, made, "app")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range e.Facts {
		if f.Status != plan.Same && f.Kind != graph.FromInput {
			got = append(got, fmt.Sprintf("%s %s %s", f.Node, f.Name, f.Status))
		}
	}
	if text := strings.Join(got, "; "); text != "app/build src/a changed" {
		t.Errorf("changed: %s", text)
	}
}

// A record of another version of the program is told from one that is broken.
func TestRecordOfAnotherFormat(t *testing.T) {
	g := newStaged().graph(t)
	made, err := plan.Make(g, image(t, g, func(l map[string]string) { l[graph.LabelRecord] = "9.x.y" }), plan.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if s, _ := made.Step("app"); len(s.Reasons) != 1 || s.Reasons[0].Code != plan.RecordFormat {
		t.Errorf("%+v", s.Reasons)
	}
}
