package exec_test

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// offered is a store with the base and a registry that has all of the diamond.
func offered(t *testing.T, g *graph.Graph) (*exectest.Memory, *plan.Plan) {
	t.Helper()
	there := newStore()
	if _, err := exec.Apply(context.Background(), g, planOf(t, g, there), there, exec.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, s := range planOf(t, g, there).Steps {
		if s.Kind == graph.KindLayer {
			if err := there.Push(context.Background(), s.Found, []string{"registry.test/" + string(s.Node)}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	m := newStore()
	m.Registry = there.Registry
	p, err := plan.Make(g, m.Snapshot(), plan.Policy{Platform: "linux/amd64", Offered: m.Offers(), Targets: []graph.ID{"top", "left"}})
	if err != nil {
		t.Fatal(err)
	}
	return m, p
}

func TestApplyPullsLayers(t *testing.T) {
	g := diamond(t)
	m, p := offered(t, g)
	out, err := exec.Apply(context.Background(), g, p, m, exec.Options{Jobs: 1})
	if err != nil {
		t.Fatal(err)
	}
	if m.Built() != "" || len(out.Built) != 0 || join(out.Pulled) != "left top" {
		t.Errorf("built %v, pulled %v; want left and top pulled", out.Built, out.Pulled)
	}
	if got := named(m); got != "t-left:1 t-top:1" {
		t.Errorf("named %s", got)
	}
}

// Only the image that was planned is taken, and only if its record is this
// layer's with this key.
func TestApplyRefusesAnotherImage(t *testing.T) {
	for name, change := range map[string]func(*graph.Image, graph.Image){
		"another image":     func(img *graph.Image, _ graph.Image) { img.ID = graph.DigestOf("x") },
		"no record":         func(img *graph.Image, _ graph.Image) { img.Labels = nil },
		"another key":       func(img *graph.Image, _ graph.Image) { img.Labels[graph.LabelKey] = graph.DigestOf("x") },
		"another's record":  func(img *graph.Image, left graph.Image) { img.Labels = left.Labels },
		"another node name": func(img *graph.Image, _ graph.Image) { img.Labels[graph.LabelNode] = "left" },
	} {
		t.Run(name, func(t *testing.T) {
			g := diamond(t)
			m, p := offered(t, g)
			img := m.Registry["registry.test/top"]
			img.Labels = maps.Clone(img.Labels)
			change(&img, m.Registry["registry.test/left"])
			m.Registry["registry.test/top"] = img
			_, err := exec.Apply(context.Background(), g, p, m, exec.Options{})
			var failed *exec.Error
			if !errors.As(err, &failed) || failed.Class != exec.ClassUnverified || failed.Node != "top" || failed.Hint == "" {
				t.Errorf("error %v, want class unverified", err)
			}
			if got := named(m); got != "" {
				t.Errorf("named %s", got)
			}
		})
	}
}
