package store

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// Holding is all that a store holds, for housekeeping.
type Holding struct {
	// Images are those that the store shows, without mere steps of others.
	Images []graph.Image
	// Steps are the images that are mere steps of others: without a name, and
	// built on.
	Steps []graph.Image
	// Users are the containers that stand on an image, by its ID.
	Users map[string][]string
	// pieces are what an image's bytes lie in, by its ID; images share them.
	pieces map[string][]piece
}

type piece struct {
	id   string
	size int64
}

// Freed is how many bytes it would free to remove images: those of pieces that
// no image left needs.
func (h Holding) Freed(ids []string) int64 {
	kept := map[string]bool{}
	for _, img := range h.Images {
		if slices.Contains(ids, img.ID) {
			continue
		}
		for _, p := range h.pieces[img.ID] {
			kept[p.id] = true
		}
	}
	var sum int64
	for _, id := range ids {
		for _, p := range h.pieces[id] {
			if !kept[p.id] {
				kept[p.id] = true // counted once
				sum += p.size
			}
		}
	}
	return sum
}

// Holding returns what the storage holds, by two calls of podman. Trouble is an
// *Error.
func (p Podman) Holding(ctx context.Context) (Holding, error) {
	const doing = "looking at all that podman holds"
	all, err := p.list(ctx, doing, "--all")
	if err != nil {
		return Holding{}, err
	}
	h := Holding{pieces: map[string][]piece{}}
	if h.Users, err = p.users(ctx); err != nil {
		return Holding{}, err
	}
	byID, isParent := map[string]graph.Image{}, map[string]bool{}
	for _, img := range all {
		byID[img.ID] = img
		isParent[img.Parent] = true
	}
	for _, img := range all {
		if len(img.Names) == 0 && isParent[img.ID] {
			h.Steps = append(h.Steps, img)
			continue
		}
		h.Images = append(h.Images, img)
		h.pieces[img.ID] = chain(byID, img)
	}
	return h, nil
}

// chain are an image's own bytes and those of the images it was built on.
func chain(byID map[string]graph.Image, img graph.Image) []piece {
	var out []piece
	for range len(byID) {
		parent, ok := byID[img.Parent]
		if !ok {
			break
		}
		out = append(out, piece{img.ID, max(0, img.Size-parent.Size)})
		img = parent
	}
	return append(out, piece{img.ID, img.Size})
}

// users lists containers, those of builds included, by the image they stand on.
func (p Podman) users(ctx context.Context) (map[string][]string, error) {
	const doing = "looking at podman's containers"
	out, err := p.run(ctx, doing, "ps", "--all", "--external", "--format", "json")
	if err != nil {
		return nil, err
	}
	var list []struct {
		ImageID string
		Names   []string
	}
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, badAnswer(doing, err)
	}
	users := map[string][]string{}
	for _, c := range list {
		users["sha256:"+c.ImageID] = append(users["sha256:"+c.ImageID], c.Names...)
	}
	return users, nil
}

// Holding returns what the layout holds. Trouble is an *Error.
func (l Layout) Holding(ctx context.Context) (Holding, error) {
	found, err := l.Images(ctx)
	if err != nil {
		return Holding{}, err
	}
	h := Holding{pieces: map[string][]piece{}}
	for i := range found {
		img, _, err := snapshotImage(&found[i])
		if err != nil {
			return Holding{}, l.failure("reading image "+found[i].ConfigDigest, err)
		}
		h.Images = append(h.Images, img)
		h.pieces[img.ID] = found[i].pieces
	}
	return h, nil
}
