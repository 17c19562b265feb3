package build

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// Remembered is an image with what it remembers.
type Remembered struct {
	graph.Image
	Record graph.Record
	Facts  []plan.Fact
}

// FindImage finds an image of ours in the store by name or by the beginning of
// its ID, and reads its record: it need not have been built from what is drawn
// here. The graph is only for the hint. Errors are *Error.
func FindImage(ctx context.Context, name string, g *graph.Graph, o Options) (Remembered, error) {
	o, err := o.complete()
	if err != nil {
		return Remembered{}, err
	}
	snap, err := o.Engine.Observe(ctx, Query{Names: []string{name}, Platform: layers.HostPlatform()})
	if err != nil {
		return Remembered{}, wrap(err)
	}
	img, ok := find(snap, name)
	if !ok {
		if snap, err = o.Engine.Hidden(ctx, snap); err != nil {
			return Remembered{}, wrap(err)
		}
		img, ok = find(snap, name)
	}
	if !ok {
		missing := unknownNode("explain", graph.ID(name), g)
		missing.Message = fmt.Sprintf("cannot explain %q: no such layer, and no such image in %s", name, o.Engine.StoreName())
		return Remembered{}, missing
	}
	rec, facts, err := plan.ExplainImage(img, o.recallRecord)
	switch {
	case errors.Is(err, graph.ErrNoRecord):
		return Remembered{}, &Error{
			Message: fmt.Sprintf("cannot explain %s: it is no image of ours, it has no record", name),
			Hint:    "terok-agent images list shows those that are", ExitCode: exitFailed,
		}
	case errors.Is(err, graph.ErrRecordFormat):
		return Remembered{}, &Error{
			Message: fmt.Sprintf("cannot explain %s: its record was written by another version of terok-agent", name), ExitCode: exitFailed,
		}
	case err != nil:
		return Remembered{}, &Error{Message: fmt.Sprintf("cannot explain %s: %v", name, err), ExitCode: exitFailed, Err: err}
	}
	return Remembered{Image: img, Record: rec, Facts: facts}, nil
}

// shortestID is how many hex digits of an ID are enough.
const shortestID = 4

func find(snap graph.Snapshot, name string) (graph.Image, bool) {
	for _, full := range []string{name, plan.FullName(name), store.CanonicalName(name)} {
		if img, ok := snap.ByName(full); ok {
			return img, true
		}
	}
	var found []graph.Image
	hex := strings.TrimPrefix(name, "sha256:")
	for _, img := range snap.Images {
		if len(hex) >= shortestID && strings.HasPrefix(img.ID, "sha256:"+hex) {
			found = append(found, img)
		}
	}
	if len(found) != 1 {
		return graph.Image{}, false
	}
	return found[0], true
}
