package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/llb"
)

// plannedStore is where the dump says parents come from: nothing exists yet,
// so that their keys stand for their digests.
const plannedStore = "planned"

// writeLLB shows one layer as BuildKit would be given it. No store and no
// daemon is asked: of the base only the name is known.
func writeLLB(ctx context.Context, w io.Writer, g *graph.Graph, id graph.ID) error {
	n, ok := g.Lookup(id)
	if !ok || n.Kind != graph.KindLayer {
		var names []string
		for _, n := range g.Nodes() {
			if n.Kind == graph.KindLayer {
				names = append(names, string(n.ID))
			}
		}
		return &wrongUseError{text: fmt.Sprintf("cannot show %q: no such layer", id), hint: "layers: " + strings.Join(names, ", ")}
	}
	img, err := lowerings{g: g, done: map[graph.ID]*llb.Image{}}.lower(ctx, n)
	if err != nil {
		return err
	}
	return img.WriteJSON(w)
}

// lowerings lowers layers, what they stand on first: a parent's configuration
// decides what the steps of a child see.
type lowerings struct {
	g    *graph.Graph
	done map[graph.ID]*llb.Image
}

func (l lowerings) lower(ctx context.Context, n graph.Node) (*llb.Image, error) {
	if img := l.done[n.ID]; img != nil {
		return img, nil
	}
	r := llb.Recipe{
		Name: string(n.ID), File: n.Recipe.Name, Dockerfile: n.Recipe.Dockerfile, Target: n.Recipe.Target,
		Platform: n.Recipe.Platform, Args: n.Recipe.Args, Parents: map[string]llb.Parent{},
	}
	if n.Recipe.ContextDir == "" {
		r.Context = n.Recipe.Context
	} else {
		r.LocalContext, r.Exclude = "context", n.Recipe.Exclude
	}
	if err := l.parents(ctx, n, r.Parents); err != nil {
		return nil, err
	}
	img, err := llb.Lower(ctx, llb.Env{}, r)
	if err != nil {
		return nil, fmt.Errorf("lowering %q: %w", n.ID, err)
	}
	l.done[n.ID] = img
	return img, nil
}

// parents adds the images that a layer and its stages refer to.
func (l lowerings) parents(ctx context.Context, n graph.Node, into map[string]llb.Parent) error {
	for _, in := range n.Inputs {
		t, _ := l.g.Lookup(in.Node)
		if t.Kind == graph.KindStage {
			if err := l.parents(ctx, t, into); err != nil {
				return err
			}
			continue
		}
		p := llb.Parent{
			Source: "oci-layout://" + plannedStore + "@" + string(l.g.Keys(in.Node).Image), Config: []byte("{}"),
			Part: layers.IsPart(in.Node),
		}
		if t.Kind == graph.KindLayer {
			img, err := l.lower(ctx, t)
			if err != nil {
				return err
			}
			p.Config = img.Config
		}
		into[in.Ref] = p
	}
	return nil
}
