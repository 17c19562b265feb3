package store

import (
	"context"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// Hidden adds to a snapshot the images of ours that podman lists only when
// asked for all: those without a name that another image was built on. A
// finished layer becomes one when the run that would have named it died, or
// when somebody took its name away. It costs one more call of podman.
func (p Podman) Hidden(ctx context.Context, snap graph.Snapshot) (graph.Snapshot, error) {
	all, err := p.list(ctx, "looking at podman's images without a name", "--all", "--filter", "label="+graph.LabelRecord)
	if err != nil {
		return graph.Snapshot{}, err
	}
	images := append([]graph.Image(nil), snap.Images...)
	for _, img := range all {
		if _, seen := snap.ByID(img.ID); !seen {
			images = append(images, img)
		}
	}
	return graph.NewSnapshot(images), nil
}
