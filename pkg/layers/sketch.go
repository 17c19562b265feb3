package layers

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// Sketch is what a spec draws as far as it does not depend on which image the
// base is: every recipe, and so every name. It is made while the store is still
// being looked at.
type Sketch struct{ d *drawing }

// NewSketch renders every recipe of a spec and finds all that is wrong with the
// request and the resources. The spec's base need not be pinned.
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

// Graph reads the recipes and joins them to a graph, on the base's image with
// this config digest. Unchecked says that the digest is only what a record
// remembers.
func (s *Sketch) Graph(baseDigest string, unchecked bool) (*graph.Graph, error) {
	if !strings.HasPrefix(baseDigest, "sha256:") {
		return nil, fmt.Errorf("drawing on %q: the base is not pinned", s.d.spec.Base)
	}
	d := *s.d
	d.spec.BaseDigest, d.spec.BaseUnchecked = baseDigest, unchecked
	return d.assemble()
}
