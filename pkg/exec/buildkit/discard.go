package buildkit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// DiscardFromLayout removes images from an OCI layout: first from its index,
// then the blobs that only they needed. A blob that no image used before stays.
func DiscardFromLayout(ctx context.Context, dir string, images []graph.Image) error {
	l := newLayoutDir(dir)
	gone := func(d ocispecs.Descriptor) bool {
		return slices.ContainsFunc(images, func(img graph.Image) bool { return img.Manifest == d.Digest.String() })
	}
	candidates := map[digest.Digest]bool{}
	err := l.change(ctx, func(index *ocispecs.Index) error {
		for _, d := range index.Manifests {
			if gone(d) {
				if err := l.collect(d, candidates); err != nil {
					return err
				}
			}
		}
		index.Manifests = slices.DeleteFunc(index.Manifests, gone)
		return nil
	})
	if err != nil {
		return err
	}
	// The index is on the disk: nobody finds these blobs any more.
	return l.change(ctx, func(index *ocispecs.Index) error {
		kept := map[digest.Digest]bool{}
		for _, d := range index.Manifests {
			if err := l.collect(d, kept); err != nil {
				return err
			}
		}
		for d := range candidates {
			if kept[d] {
				continue
			}
			path, err := l.BlobPath(d)
			if err != nil {
				return err
			}
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("removing blob %s: %w", d, err)
			}
		}
		return nil
	})
}

// collect adds a descriptor's blob and all blobs below it.
func (l *layoutDir) collect(d ocispecs.Descriptor, into map[digest.Digest]bool) error {
	if into[d.Digest] {
		return nil
	}
	into[d.Digest] = true
	if !store.IsIndex(d.MediaType) && !store.IsManifest(d.MediaType) {
		return nil
	}
	path, err := l.BlobPath(d.Digest)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var below struct {
		Config    ocispecs.Descriptor
		Layers    []ocispecs.Descriptor
		Manifests []ocispecs.Descriptor
	}
	if err := json.Unmarshal(text, &below); err != nil {
		return fmt.Errorf("reading manifest %s: %w", d.Digest, err)
	}
	for _, b := range slices.Concat(below.Layers, below.Manifests, []ocispecs.Descriptor{below.Config}) {
		if b.Digest == "" {
			continue
		}
		if err := l.collect(b, into); err != nil {
			return err
		}
	}
	return nil
}
