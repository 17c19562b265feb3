package buildkit

import (
	"context"

	"github.com/containerd/containerd/v2/core/content"
	bkclient "github.com/moby/buildkit/client"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

// Target is where images land, are named and are found as parents. Layout,
// Podman, Registry and Docker are the ones there are.
type Target interface {
	// Pull makes an external image known and returns it.
	Pull(ctx context.Context, ref string) (exec.Result, error)
	// Tag moves names (full or short) to images, given by config digest.
	Tag(ctx context.Context, moves map[string]string) error
	// Clean removes what died runs left behind.
	Clean(ctx context.Context) error

	// parent finds an image to build on.
	parent(ctx context.Context, p exec.Parent) (source, error)
	// export says how the daemon hands the image of a layer over.
	export(r exec.Request) (bkclient.ExportEntry, error)
	// land makes a handed over image part of the store, unnamed.
	land(ctx context.Context, r exec.Request, made handed) (landed, error)
	// push puts an image under references of registries.
	push(ctx context.Context, image string, refs []string, s exec.Sink) error
	// fetch makes a layer's image of a registry part of the store, unnamed.
	fetch(ctx context.Context, ref string, s exec.Sink) (landed, error)
}

// source is an image that a layer is built on.
type source struct {
	// url is "docker-image://…@sha256:…", or "oci-layout://STORE@sha256:…"
	// where STORE is storeName.
	url string
	// config is its configuration as JSON.
	config []byte
	// store serves the blobs of a layout; nil for an image of a registry.
	store content.Store
	// part is true for an image that Options.IsPart speaks of.
	part bool
}

// storeName is what our session calls the layout with the parents.
const storeName = "terok"

// handed is what the daemon says of an image that it has handed over.
type handed struct {
	// manifest and config are digests; descriptor is the manifest's
	// description as JSON, as BuildKit gives it.
	manifest, config string
	descriptor       []byte
}

// landed is an image as the store shows it after a build.
type landed struct {
	image, manifest string
	labels          map[string]string
}
