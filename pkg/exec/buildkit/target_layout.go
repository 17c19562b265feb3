package buildkit

import (
	"context"
	"fmt"
	"strings"

	bkclient "github.com/moby/buildkit/client"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// LayoutOptions are the settings of a Layout.
type LayoutOptions struct {
	// Dir is the layout's directory; it is made when it is not there.
	Dir string
	// Registry says how external images are fetched.
	Registry store.Registry
	// Podman has the images whose names are under localhost, which no registry
	// has; nil means that nobody has them.
	Podman *store.Podman
	// Platform is the target's, "linux/amd64".
	Platform func() string
}

// Layout is a Target that is an OCI image layout: a directory that skopeo,
// podman and others read. Images are in its index from the end of their build
// on, and are named by Tag.
type Layout struct {
	o   LayoutOptions
	dir *layoutDir
}

var _ Target = (*Layout)(nil)

// NewLayout returns the layout in a directory. Nothing is made before the
// first build.
func NewLayout(o LayoutOptions) *Layout { return &Layout{o: o, dir: newLayoutDir(o.Dir)} }

// Pull copies an image into the layout, under its name: from its registry, or
// from podman's storage when its name is one of there.
func (t *Layout) Pull(ctx context.Context, ref string) (exec.Result, error) {
	full := store.CanonicalName(ref)
	var d ocispecs.Descriptor
	var config string
	var err error
	if t.o.Podman != nil && strings.HasPrefix(full, "localhost/") {
		d, config, err = t.fromPodman(ctx, full)
	} else {
		d, config, err = t.dir.fetch(ctx, t.o.Registry, ref, t.o.Platform())
	}
	if err != nil {
		return exec.Result{}, err
	}
	if err := t.dir.tag(ctx, map[string]ocispecs.Descriptor{full: d}); err != nil {
		return exec.Result{}, err
	}
	return exec.Result{Image: config, Manifest: d.Digest.String()}, nil
}

func (t *Layout) fromPodman(ctx context.Context, full string) (ocispecs.Descriptor, string, error) {
	base, err := t.o.Podman.Config(ctx, full)
	if err != nil {
		return ocispecs.Descriptor{}, "", err
	}
	img, err := t.dir.bridge(ctx, *t.o.Podman, full, base.ID)
	return img.Manifest, img.ConfigDigest, err
}

// Tag moves names, all of them or, on an error, none.
func (t *Layout) Tag(ctx context.Context, moves map[string]string) error {
	images, err := t.dir.Images(ctx)
	if err != nil {
		return err
	}
	byConfig := map[string]ocispecs.Descriptor{}
	for i := range images {
		byConfig[images[i].ConfigDigest] = images[i].Manifest
	}
	to := map[string]ocispecs.Descriptor{}
	for name, image := range moves {
		d, ok := byConfig[image]
		if !ok {
			return missingImage(name, image, "the layout "+t.o.Dir)
		}
		to[plan.FullName(name)] = d
	}
	return t.dir.tag(ctx, to)
}

// Clean has nothing to remove: blobs under way are continued by later builds.
func (t *Layout) Clean(context.Context) error { return nil }

func (t *Layout) parent(ctx context.Context, p exec.Parent) (source, error) {
	img, ok, err := t.dir.Find(ctx, p.Image)
	if err != nil {
		return source{}, err
	}
	if !ok {
		return source{}, missingParent(p, "the layout "+t.o.Dir)
	}
	return t.dir.source(img)
}

func (t *Layout) export(exec.Request) (bkclient.ExportEntry, error) { return t.dir.export("") }

func (t *Layout) land(ctx context.Context, _ exec.Request, made handed) (landed, error) {
	return t.dir.land(ctx, made)
}

// source is an image of the layout as something to build on.
func (l *layoutDir) source(img store.LayoutImage) (source, error) {
	if err := l.open(); err != nil {
		return source{}, err
	}
	return source{
		url: "oci-layout://" + storeName + "@" + img.Manifest.Digest.String(), config: img.Config, store: l.blobs,
	}, nil
}

// export makes the daemon write the blobs that are missing.
func (l *layoutDir) export(compression string) (bkclient.ExportEntry, error) {
	if err := l.open(); err != nil {
		return bkclient.ExportEntry{}, err
	}
	attrs := map[string]string{"tar": "false", "oci-mediatypes": "true"}
	if compression != "" {
		attrs["compression"] = compression
	}
	return bkclient.ExportEntry{Type: bkclient.ExporterOCI, Attrs: attrs, OutputStore: l.blobs}, nil
}

// land lists a handed over image in the index and reads it back.
func (l *layoutDir) land(ctx context.Context, made handed) (landed, error) {
	d, err := made.asDescriptor()
	if err != nil {
		return landed{}, err
	}
	if err := l.add(ctx, d); err != nil {
		return landed{}, err
	}
	return l.shown(ctx, made.config)
}

// shown reads an image back as a look shows it.
func (l *layoutDir) shown(ctx context.Context, config string) (landed, error) {
	snap, err := l.Observe(ctx, "")
	if err != nil {
		return landed{}, err
	}
	img, ok := snap.ByID(config)
	if !ok {
		return landed{}, fmt.Errorf("reading image %.19s: it is not in the layout %q", config, l.Dir)
	}
	return landed{image: img.ID, manifest: img.Manifest, labels: img.Labels}, nil
}
