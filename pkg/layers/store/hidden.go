package store

import (
	"context"
	"encoding/json"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// Hidden adds to a snapshot the images of ours that podman lists only when
// asked for all: those without a name that another image was built on. A
// finished layer becomes one when the run that would have named it died, or
// when somebody took its name away. It costs one more call of podman.
func (p Podman) Hidden(ctx context.Context, snap graph.Snapshot) (graph.Snapshot, error) {
	const doing = "looking at podman's images without a name"
	out, err := p.run(ctx, doing, "images", "--all", "--filter", "label="+graph.LabelRecord, "--format", "json")
	if err != nil {
		return graph.Snapshot{}, err
	}
	var entries []listed
	if err := json.Unmarshal(out, &entries); err != nil {
		return graph.Snapshot{}, badAnswer(doing, err)
	}
	all, err := toImages(entries)
	if err != nil {
		return graph.Snapshot{}, badAnswer(doing, err)
	}
	images := append([]graph.Image(nil), snap.Images...)
	for _, img := range all {
		if _, seen := snap.ByID(img.ID); !seen {
			images = append(images, img)
		}
	}
	return graph.NewSnapshot(images), nil
}
