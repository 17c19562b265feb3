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
	byKey  map[Key][]int
	byNode map[ID][]int
	byID   map[string]int
}

// NewSnapshot indexes images. Of several images with the same key the newest
// comes first.
func NewSnapshot(images []Image) Snapshot {
	s := Snapshot{
		Images: images,
		byName: map[string]int{}, byKey: map[Key][]int{}, byNode: map[ID][]int{}, byID: map[string]int{},
	}
	for i := range images {
		img := &images[i]
		s.byID[img.ID] = i
		for _, name := range img.Names {
			s.byName[name] = i
		}
		if k := img.Labels[LabelKey]; k != "" {
			s.byKey[Key(k)] = s.insertNewestFirst(s.byKey[Key(k)], i)
		}
		if n := img.Labels[LabelNode]; n != "" {
			s.byNode[ID(n)] = s.insertNewestFirst(s.byNode[ID(n)], i)
		}
	}
	return s
}

func (s *Snapshot) insertNewestFirst(list []int, i int) []int {
	at := len(list)
	for j, other := range list {
		a, b := &s.Images[i], &s.Images[other]
		if a.Created.After(b.Created) || (a.Created.Equal(b.Created) && a.ID < b.ID) {
			at = j
			break
		}
	}
	list = append(list, 0)
	copy(list[at+1:], list[at:])
	list[at] = i
	return list
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
func (s Snapshot) ByKey(k Key) []Image { return s.pick(s.byKey[k]) }

// ByNode returns the images whose label names this node, newest first.
func (s Snapshot) ByNode(id ID) []Image { return s.pick(s.byNode[id]) }

func (s Snapshot) pick(list []int) []Image {
	out := make([]Image, len(list))
	for i, at := range list {
		out[i] = s.Images[at]
	}
	return out
}
