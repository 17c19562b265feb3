package plan_test

import (
	"testing"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// layersOf are layers on nothing, each with what it reads.
func layersOf(t *testing.T, reads map[graph.ID][]graph.Input) *graph.Graph {
	t.Helper()
	var nodes []graph.Node
	for id, in := range reads {
		n := graph.Node{
			ID: id, Kind: graph.KindLayer, Platform: "linux/amd64", Tags: []string{string(id) + ":1"}, Recipe: &graph.Recipe{}, Inputs: in,
			Files: []graph.Ingredient{ins("RUN", "RUN "+string(id), 1)},
		}
		for _, i := range in {
			if !i.Builder {
				n.Files = append(n.Files, graph.Ingredient{Kind: graph.FromInput, Name: "copy", Attr: graph.FilesOf, Note: string(i.Node)})
			}
		}
		nodes = append(nodes, n)
	}
	g, err := graph.New(nodes...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func copies(ids ...graph.ID) (out []graph.Input) {
	for _, id := range ids {
		out = append(out, graph.Input{Role: graph.RoleCopy, Node: id})
	}
	return out
}

// built is an image of a node that was built on others, by name.
func built(t *testing.T, g *graph.Graph, id graph.ID, image string, on map[graph.ID]string, names ...string) graph.Image {
	t.Helper()
	var inputs []graph.InputRecord
	for in, was := range on {
		inputs = append(inputs, graph.InputRecord{Node: in, Image: graph.DigestOf(was), Key: string(g.Keys(in).Image)})
	}
	labels, err := g.NewRecord(id, "", inputs).Labels()
	if err != nil {
		t.Fatal(err)
	}
	return graph.Image{ID: graph.DigestOf(image), Labels: labels, Names: names}
}

// What is pulled because one reader needs it makes another reader stale that was
// built on other bytes, and whose turn was before.
func TestPullReachesOtherReaders(t *testing.T) {
	g := layersOf(t, map[graph.ID][]graph.Input{"x": nil, "a": copies("x"), "b": copies("x")})
	there := graph.NewSnapshot([]graph.Image{built(t, g, "a", "a", map[graph.ID]string{"x": "x here"}, "localhost/a:1")})
	offered := graph.NewSnapshot([]graph.Image{built(t, g, "x", "x offered", nil, "registry.test/x:k")})
	made, err := plan.Make(g, there, plan.Policy{Targets: []graph.ID{"a", "b"}, Offered: offered})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := verdicts(made), "x pull no-image(x:1)\na build input-rebuilt(x)\nb build no-image(b:1)"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// Alone, a needs no x.
	made, err = plan.Make(g, there, plan.Policy{Targets: []graph.ID{"a"}, Offered: offered})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := verdicts(made), "x not-needed no-image(x:1)\na up-to-date\nb not-needed no-image(b:1)"; got != want {
		t.Errorf("alone: got\n%s\nwant\n%s", got, want)
	}
}

// What a layer is only made with is no reason to make it again, even if its
// record names it.
func TestBuilderMakesNothingStale(t *testing.T) {
	g := layersOf(t, map[graph.ID][]graph.Input{"tool": nil, "a": {{Role: graph.RoleCopy, Node: "tool", Builder: true}}})
	there := graph.NewSnapshot([]graph.Image{
		built(t, g, "tool", "tool", nil, "localhost/tool:1"),
		built(t, g, "a", "a", map[graph.ID]string{"tool": "another tool"}, "localhost/a:1"),
	})
	for want, p := range map[string]plan.Policy{
		"tool up-to-date\na up-to-date": {},
		"tool build refresh-requested(tool)\na up-to-date": {
			Targets: []graph.ID{"a", "tool"}, Refresh: map[graph.ID]plan.Code{"tool": plan.RefreshRequested}, Salt: "s",
		},
	} {
		made, err := plan.Make(g, there, p)
		if err != nil {
			t.Fatal(err)
		}
		if got := verdicts(made); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}
