package exec

import (
	"context"
	"fmt"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// fetch brings a layer's image from a registry. Only the image that the plan
// speaks of is taken, and only with a record of this very layer: what a
// registry has under a name may have changed since it was looked at.
func (r *run) fetch(ctx context.Context, n graph.Node, s *plan.Step) (Result, error) {
	x, ok := r.x.(Sharer)
	if !ok {
		return Result{}, &Error{
			Class: ClassRegistry, Node: n.ID, ExitCode: -1,
			Message: fmt.Sprintf("pulling %s: the executor %q takes no images from registries", n.ID, r.x.Name()),
		}
	}
	res, labels, err := x.Fetch(ctx, s.Source, r.events.sink(n.ID))
	if err != nil {
		return res, err
	}
	if why := r.notTheLayer(n, s, res, labels); why != "" {
		return res, &Error{
			Class: ClassUnverified, Node: n.ID, ExitCode: -1,
			Message: fmt.Sprintf("pulling %s from %s: %s", n.ID, s.Source, why),
			Hint:    "plan again; when it stays, somebody pushed another image there: leave --pull-from out",
		}
	}
	return res, nil
}

// notTheLayer says why an image is not the one planned; "" when it is.
func (r *run) notTheLayer(n graph.Node, s *plan.Step, res Result, labels map[string]string) string {
	rec, err := graph.ParseRecord(labels)
	want := r.g.Keys(n.ID).Image
	switch {
	case res.Image != s.Found:
		return fmt.Sprintf("got image %.19s, planned %.19s", res.Image, s.Found)
	case err != nil:
		return fmt.Sprintf("its record cannot be read: %v", err)
	case rec.Node != n.ID:
		return fmt.Sprintf("it is an image of %q", rec.Node)
	case rec.Keys.Image != want || s.Key != want:
		return fmt.Sprintf("it has the key %.19s, not %.19s", rec.Keys.Image, want)
	}
	return ""
}
