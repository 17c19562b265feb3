package llb_test

import (
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/llb"
	"github.com/terok-ai/terok-agent/resources"
)

// The built-in layers, drawn as ever, lower without an error.
func TestBuiltInLayers(t *testing.T) {
	agents := "all"
	g, err := layers.Draw(layers.Spec{
		Base: "ubuntu:24.04", BaseDigest: digestA, Agents: &agents, Sidecars: []string{"ast-grep"}, Platform: "linux/amd64",
	}, resources.FS)
	if err != nil {
		t.Fatal(err)
	}
	lowered := map[graph.ID]*llb.Image{}
	for _, n := range g.Nodes() {
		if n.Kind != graph.KindLayer {
			continue
		}
		r := llb.Recipe{
			Name: string(n.ID), File: n.Recipe.Name, Dockerfile: n.Recipe.Dockerfile, Platform: n.Recipe.Platform,
			Context: n.Recipe.Context, Args: n.Recipe.Args, Salt: "s1", Parents: map[string]llb.Parent{},
		}
		for _, in := range edges(g, n) {
			p := llb.Parent{Source: "oci-layout://out@" + digestOf(g, in.Node), Config: []byte(baseConfig), Part: layers.IsPart(in.Node)}
			if img := lowered[in.Node]; img != nil {
				p.Config = img.Config
			}
			r.Parents[in.Ref] = p
		}
		img := lower(t, r)
		lowered[n.ID] = img
		checkPlaces(t, n, img)
		for _, o := range dumped(t, img) {
			if strings.HasPrefix(o.Source, "docker-image://") {
				t.Errorf("%s asks a registry: %s", n.ID, o.Source)
			}
		}
	}
	for id, want := range map[graph.ID]string{
		layers.L0ID: "exec", layers.FetchID: "exec", "agent/codex": "exec", layers.L1ID: "merge", "sidecar/ast-grep": "merge",
	} {
		if lowered[id] == nil || !strings.Contains(kinds(dumped(t, lowered[id])), want) {
			t.Errorf("%s has no %s", id, want)
		}
	}
}

func digestOf(g *graph.Graph, id graph.ID) string { return string(g.Keys(id).Image) }

// checkPlaces makes sure that every step that runs leads back to its line.
func checkPlaces(t *testing.T, n graph.Node, img *llb.Image) {
	t.Helper()
	lines := strings.Split(string(n.Recipe.Dockerfile), "\n")
	for _, o := range dumped(t, img) {
		if strings.Contains(o.Name, " internal] ") {
			continue
		}
		if o.Line == 0 {
			t.Errorf("%s: %q has no line", n.ID, o.Name)
			continue
		}
		word, _, _ := strings.Cut(lines[o.Line-1], " ")
		if o.Kind == "source" && word == "FROM" {
			continue
		}
		if !strings.Contains(o.Name, "] "+word+" ") && !strings.Contains(o.Name, "] LINK "+word+" ") {
			t.Errorf("%s: %q is said to be line %d, %q", n.ID, o.Name, o.Line, lines[o.Line-1])
		}
	}
}

// edges are the inputs of a layer and of its stages, without the stages.
func edges(g *graph.Graph, n graph.Node) []graph.Input {
	var out []graph.Input
	for _, in := range n.Inputs {
		if t, _ := g.Lookup(in.Node); t.Kind == graph.KindStage {
			out = append(out, edges(g, t)...)
		} else {
			out = append(out, in)
		}
	}
	return out
}
