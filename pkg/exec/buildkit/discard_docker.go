package buildkit

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// DiscardFromDocker removes images with all their names from a Docker engine,
// without force: what a container uses stays. All are tried; what stayed is one
// *exec.Error.
func DiscardFromDocker(ctx context.Context, from store.Docker, images []graph.Image) error {
	var stayed []string
	var first error
	for _, img := range images {
		err := discardFromDocker(ctx, from, img.ID)
		if ctx.Err() != nil {
			return cancelled(ctx)
		}
		if err != nil {
			stayed = append(stayed, fmt.Sprintf("%.19s", img.ID))
			if first == nil {
				first = err
			}
		}
	}
	if first == nil {
		return nil
	}
	e := sorted(first)
	e.Message = fmt.Sprintf("%d of %d images stayed (%s): %s", len(stayed), len(images), strings.Join(stayed, ", "), e.Message)
	if e.Hint == "" {
		e.Hint = "see docker ps --all for what uses them"
	}
	return e
}

// discardFromDocker removes an image's names, the last with the image; one that
// has none is removed itself. That it is gone already is no error.
func discardFromDocker(ctx context.Context, from store.Docker, id string) error {
	const names = "{{range .RepoTags}}{{println .}}{{end}}"
	doing := fmt.Sprintf("removing %.19s", id)
	out, err := from.Run(ctx, doing, nil, "image", "inspect", "--format", names, id)
	if err == nil {
		what := strings.Fields(string(out))
		if len(what) == 0 {
			what = []string{id}
		}
		_, err = from.Run(ctx, doing, nil, append([]string{"image", "rm"}, what...)...)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
