package store

import (
	"context"
	"slices"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// Holding returns what the engine holds. A name without a registry is shown
// once, under localhost. The engine does not say how large a layer is: what two
// images share counts as shared where an image ends there. Trouble is an *Error.
func (d Docker) Holding(ctx context.Context) (Holding, error) {
	const doing = "looking at all that Docker holds"
	out, err := d.inspectAll(ctx, doing)
	if err != nil {
		return Holding{}, err
	}
	images, layers, err := readDockerImages(out)
	if err != nil {
		return Holding{}, badDockerAnswer(doing, err)
	}
	h := Holding{Images: images, pieces: dockerPieces(images, layers)}
	for i := range h.Images {
		h.Images[i].Names = shownOnce(h.Images[i].Names)
	}
	h.Users, err = d.users(ctx)
	return h, err
}

// shownOnce leaves out what dockerNames adds to a name under localhost.
func shownOnce(names []string) []string {
	var out []string
	for _, name := range names {
		short, ok := strings.CutPrefix(name, "docker.io/")
		if !ok || !slices.Contains(names, "localhost/"+strings.TrimPrefix(short, "library/")) {
			out = append(out, name)
		}
	}
	return out
}

// dockerPieces are, by image, the bytes that it adds to the largest image that
// it begins with, and that image's.
func dockerPieces(images []graph.Image, layers map[string][]string) map[string][]piece {
	byLength := slices.Clone(images)
	slices.SortStableFunc(byLength, func(a, b graph.Image) int { return len(layers[a.ID]) - len(layers[b.ID]) })
	pieces := map[string][]piece{}
	for i, img := range byLength {
		below := graph.Image{}
		for _, other := range byLength[:i] {
			if have := layers[other.ID]; len(have) > 0 && len(have) <= len(layers[img.ID]) && slices.Equal(have, layers[img.ID][:len(have)]) {
				below = other
			}
		}
		own := piece{strings.Join(layers[img.ID], " "), max(0, img.Size-below.Size)}
		pieces[img.ID] = append(slices.Clone(pieces[below.ID]), own)
	}
	return pieces
}

// users lists containers by the image they stand on.
func (d Docker) users(ctx context.Context) (map[string][]string, error) {
	const doing = "looking at Docker's containers"
	out, err := d.Run(ctx, doing, nil, "ps", "--all", "--quiet", "--no-trunc")
	if err != nil {
		return nil, err
	}
	users := map[string][]string{}
	for _, id := range strings.Fields(string(out)) {
		out, err := d.Run(ctx, doing, nil, "container", "inspect", "--format", "{{.Image}} {{.Name}}", id)
		if err != nil {
			continue // it may be gone meanwhile
		}
		if image, name, ok := strings.Cut(strings.TrimSpace(string(out)), " "); ok {
			users[image] = append(users[image], strings.TrimPrefix(name, "/"))
		}
	}
	return users, nil
}
