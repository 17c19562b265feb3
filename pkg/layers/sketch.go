package layers

import (
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

// Sketch is what a spec draws as far as it does not depend on which images the
// external ones are: every recipe, and so every name. It is made while the store
// is still being looked at.
type Sketch struct{ d *drawing }

// NewSketch renders and reads every recipe of a spec and finds all that is
// wrong with the request and the resources. Nothing need be pinned.
func NewSketch(spec Spec, resources fs.FS) (*Sketch, error) {
	d, err := newDrawing(spec, resources)
	if err != nil {
		return nil, err
	}
	if err := d.drawAll(); err != nil {
		return nil, err
	}
	return &Sketch{d}, nil
}

// Names returns the tags of all layers.
func (s *Sketch) Names() []string {
	var names []string
	for i := range s.d.layers {
		names = append(names, s.d.layers[i].tags...)
	}
	return names
}

// Layers returns the IDs of all layers, sorted.
func (s *Sketch) Layers() []graph.ID {
	var ids []graph.ID
	for i := range s.d.layers {
		ids = append(ids, s.d.layers[i].id)
	}
	slices.Sort(ids)
	return ids
}

// Family is the base's family as it was drawn; "" when nothing that was drawn
// depends on it.
func (s *Sketch) Family() Family {
	if s.d.has(L0ID) || s.d.has(FetchID) {
		return s.d.spec.Family
	}
	return ""
}

// Bases returns the external images that the layers refer to, by ID.
func (s *Sketch) Bases() []Base {
	var out []Base
	for _, b := range s.d.bases {
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b Base) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return out
}

// Targets are what is wanted when nobody names it: L1, the sidecars and the
// user's layers, as far as they were asked for; else what nothing else reads,
// said by an empty list.
func (s *Sketch) Targets() []graph.ID {
	var out []graph.ID
	for i := range s.d.layers {
		l := &s.d.layers[i]
		isSidecar := func(tool string) bool { return l.id == SidecarID(tool) }
		if l.user != nil || (l.id == L1ID && s.d.asked.l1) || slices.ContainsFunc(s.d.asked.sidecars, isSidecar) {
			out = append(out, l.id)
		}
	}
	slices.Sort(out)
	return out
}

// MaxAges are how old the images of the user's layers may be, where that is
// limited.
func (s *Sketch) MaxAges() map[graph.ID]time.Duration {
	out := map[graph.ID]time.Duration{}
	for i := range s.d.layers {
		if l := &s.d.layers[i]; l.user != nil && l.user.MaxAge > 0 {
			out[l.id] = l.user.MaxAge
		}
	}
	return out
}

// Graph reads what the recipes copy and joins them to a graph, on these external
// images. A base without its digest is an error; a name that only the store
// could tell, and that is not among them, is an *UnknownRefError.
func (s *Sketch) Graph(found map[graph.ID]External) (*graph.Graph, error) {
	a := &assembly{drawing: s.d, found: found, read: map[graph.ID]*dockerfile.Facts{}, used: map[graph.ID]Base{}}
	return a.graph()
}
