package buildkit

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// bridge copies an image out of podman's storage into the layout. It goes as
// it is, in whatever format: another format would have another config digest,
// which is what an image is known by everywhere.
func (l *layoutDir) bridge(ctx context.Context, from store.Podman, ref, image string) (store.LayoutImage, error) {
	var none store.LayoutImage
	if err := l.open(); err != nil {
		return none, err
	}
	dir, err := os.MkdirTemp(l.Dir, "bridge-")
	if err != nil {
		return none, fmt.Errorf("making a directory for %q: %w", ref, err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	doing := fmt.Sprintf("taking %s (%.19s) out of podman's storage", ref, image)
	if _, err := from.Run(ctx, doing, "push", "-q", strings.TrimPrefix(image, "sha256:"), "dir:"+dir); err != nil {
		return none, err
	}
	if err := l.adopt(ctx, dir); err != nil {
		return none, fmt.Errorf("%s: %w", doing, err)
	}
	img, ok, err := l.Find(ctx, image)
	if err == nil && !ok {
		err = unverified(doing + ": podman gave another image")
	}
	return img, err
}

// adopt moves the blobs of a directory that podman wrote into the layout.
func (l *layoutDir) adopt(ctx context.Context, dir string) error {
	manifest, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		return err
	}
	var m ocispecs.Manifest
	if err := json.Unmarshal(manifest, &m); err != nil {
		return fmt.Errorf("reading the manifest: %w", err)
	}
	for _, d := range append([]ocispecs.Descriptor{m.Config}, m.Layers...) {
		to, err := l.BlobPath(d.Digest)
		if err != nil {
			return err
		}
		from := filepath.Join(dir, d.Digest.Encoded())
		if _, err := os.Stat(to); err == nil {
			continue
		}
		if err := os.Rename(from, to); err != nil {
			return err
		}
	}
	if err := l.putBytes(manifest); err != nil {
		return err
	}
	kind := m.MediaType
	if kind == "" {
		kind = ocispecs.MediaTypeImageManifest
	}
	return l.add(ctx, ocispecs.Descriptor{MediaType: kind, Digest: digest.FromBytes(manifest), Size: int64(len(manifest))})
}
