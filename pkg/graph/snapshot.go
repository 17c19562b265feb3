package graph

import "time"

// Image is one image as a store shows it.
type Image struct {
	// ID is the image config digest, "sha256:…".
	ID string
	// Manifest is the manifest digest, "sha256:…", or "" where a store has none.
	Manifest string
	// Parent is the ID of the image it was built on, step by step, where a
	// store remembers it; "" otherwise.
	Parent string
	// Names are the full names with tags, such as "localhost/terok-l0:x".
	Names []string
	// Labels are the labels of its config.
	Labels map[string]string
	// Created is when it was built.
	Created time.Time
	// Size is in bytes, 0 when unknown.
	Size int64
}

// Snapshot is what one look at a store found. A store that could not be looked
// at gives an error, never an empty snapshot.
type Snapshot struct {
	Images []Image
	byName map[string]int
	byID   map[string]int
	byKey  chains[Key]
	byNode chains[ID]
}

// NewSnapshot indexes images. Of several images with the same key the newest
// comes first.
func NewSnapshot(images []Image) Snapshot {
	n := len(images)
	s := Snapshot{
		Images: images,
		byName: make(map[string]int, n), byID: make(map[string]int, n), byKey: newChains[Key](n), byNode: newChains[ID](n),
	}
	for i := range images {
		img := &images[i]
		s.byID[img.ID] = i
		for _, name := range img.Names {
			s.byName[name] = i
		}
		if k := img.Labels[LabelKey]; k != "" {
			s.byKey.insert(images, Key(k), i)
		}
		if n := img.Labels[LabelNode]; n != "" {
			s.byNode.insert(images, ID(n), i)
		}
	}
	return s
}

// chains are lists of images by what they share, newest first: nearly all have
// one image, which takes no list of its own.
type chains[K comparable] struct {
	first map[K]int
	next  []int // by image; 0 ends, for the others are one more than a place
}

func newChains[K comparable](n int) chains[K] {
	return chains[K]{first: make(map[K]int, n), next: make([]int, n)}
}

func (c chains[K]) insert(images []Image, key K, i int) {
	first, taken := c.first[key]
	if !taken || newer(&images[i], &images[first]) {
		if taken {
			c.next[i] = first + 1
		}
		c.first[key] = i
		return
	}
	at := first
	for c.next[at] != 0 && !newer(&images[i], &images[c.next[at]-1]) {
		at = c.next[at] - 1
	}
	c.next[i], c.next[at] = c.next[at], i+1
}

func newer(a, b *Image) bool {
	return a.Created.After(b.Created) || (a.Created.Equal(b.Created) && a.ID < b.ID)
}

// pick returns the images of a chain.
func (c chains[K]) pick(images []Image, key K) []Image {
	i, ok := c.first[key]
	if !ok {
		return nil
	}
	out := []Image{images[i]}
	for at := c.next[i]; at != 0; at = c.next[at-1] {
		out = append(out, images[at-1])
	}
	return out
}

// ByName returns the image that holds this full name.
func (s Snapshot) ByName(name string) (Image, bool) {
	i, ok := s.byName[name]
	if !ok {
		return Image{}, false
	}
	return s.Images[i], true
}

// ByID returns the image with this config digest.
func (s Snapshot) ByID(id string) (Image, bool) {
	i, ok := s.byID[id]
	if !ok {
		return Image{}, false
	}
	return s.Images[i], true
}

// ByKey returns the images whose label says this key, newest first. A child
// image inherits labels, so callers compare the node label too.
func (s Snapshot) ByKey(k Key) []Image { return s.byKey.pick(s.Images, k) }

// ByNode returns the images whose label names this node, newest first.
func (s Snapshot) ByNode(id ID) []Image { return s.byNode.pick(s.Images, id) }
