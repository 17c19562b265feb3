package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// Inspect returns one image by its ID. A missing one gives an *Error for which
// errors.Is(err, ErrNotFound).
func (p Podman) Inspect(ctx context.Context, id string) (graph.Image, error) {
	doing := fmt.Sprintf("reading image %.19s", id)
	out, err := p.run(ctx, doing, "image", "inspect", "--format", "json", "--", strings.TrimPrefix(id, "sha256:"))
	if err != nil {
		return graph.Image{}, err
	}
	var images []struct {
		ID       string `json:"Id"`
		Digest   string
		Labels   map[string]string
		RepoTags []string
	}
	if err := json.Unmarshal(out, &images); err != nil {
		return graph.Image{}, badAnswer(doing, err)
	}
	if len(images) != 1 || !isHex64(images[0].ID) {
		return graph.Image{}, badAnswer(doing, fmt.Errorf("want one image with an ID, got %d", len(images)))
	}
	img := images[0]
	return graph.Image{ID: "sha256:" + img.ID, Manifest: img.Digest, Labels: img.Labels, Names: img.RepoTags}, nil
}

// Run runs podman for those who change the storage, with the same command,
// environment and errors as looks have. It returns what podman printed.
func (p Podman) Run(ctx context.Context, doing string, args ...string) ([]byte, error) {
	return p.run(ctx, doing, args...)
}
