package buildkit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// Clean removes, from the layout before podman's storage, the images that
// podman has no more and what died runs left.
func (t *Podman) Clean(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(t.o.Dir, ocispecs.ImageLayoutFile)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	snap, err := t.o.Store.Observe(ctx)
	if err == nil {
		snap, err = t.o.Store.Hidden(ctx, snap)
	}
	if err != nil {
		return err
	}
	if err := t.link.keepOnly(ctx, snap); err != nil {
		return fmt.Errorf("tidying the layout before podman's storage: %w", err)
	}
	if err := t.link.removeLeftovers(); err != nil {
		return err
	}
	return t.removePassing(ctx)
}

// keepOnly removes the images that are not in a snapshot.
func (l *layoutDir) keepOnly(ctx context.Context, snap graph.Snapshot) error {
	images, err := l.Images(ctx)
	if err != nil {
		return err
	}
	keep := map[string]bool{}
	for i := range images {
		if _, ok := snap.ByID(images[i].ConfigDigest); ok {
			keep[images[i].Manifest.Digest.String()] = true
		}
	}
	return l.change(ctx, func(index *ocispecs.Index) error {
		index.Manifests = slices.DeleteFunc(index.Manifests, func(d ocispecs.Descriptor) bool { return !keep[d.Digest.String()] })
		return l.sweep(*index)
	})
}

// removeLeftovers removes what dead runs left beside the images.
func (l *layoutDir) removeLeftovers() error {
	for _, pattern := range []string{"bridge-*", "terok-agent-passing-*", ".blob-*", "ingest"} {
		paths, err := filepath.Glob(filepath.Join(l.Dir, pattern))
		if err != nil {
			return err
		}
		for _, p := range paths {
			if err := os.RemoveAll(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// removePassing takes away the passing names that dead runs left in podman's
// storage.
func (t *Podman) removePassing(ctx context.Context) error {
	snap, err := t.o.Store.Observe(ctx)
	if err != nil {
		return err
	}
	for _, img := range snap.Images {
		if err := t.unname(ctx, img); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes the blobs that no image of the index needs.
func (l *layoutDir) sweep(index ocispecs.Index) error {
	needed := map[string]bool{}
	for _, d := range index.Manifests {
		path, err := l.BlobPath(d.Digest)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var m ocispecs.Manifest
		if err := json.Unmarshal(text, &m); err != nil {
			return err
		}
		for _, blob := range append([]ocispecs.Descriptor{d, m.Config}, m.Layers...) {
			needed[blob.Digest.Encoded()] = true
		}
	}
	dir := filepath.Join(l.Dir, ocispecs.ImageBlobsDir, "sha256")
	blobs, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, b := range blobs {
		if needed[b.Name()] {
			continue
		}
		if err := os.Remove(filepath.Join(dir, b.Name())); err != nil {
			return err
		}
	}
	return nil
}
