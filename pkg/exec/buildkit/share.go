package buildkit

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

var _ exec.Sharer = (*Executor)(nil)

// Push puts an image into a registry under references, without the daemon.
// Failures are *exec.Error.
func (x *Executor) Push(ctx context.Context, image string, refs []string, s exec.Sink) error {
	if err := x.o.Target.push(ctx, image, refs, s); err != nil {
		return finished(ctx, "pushing", err)
	}
	return nil
}

// Fetch brings an image from a registry into the store, without the daemon.
// Failures are *exec.Error.
func (x *Executor) Fetch(ctx context.Context, ref string, s exec.Sink) (exec.Result, map[string]string, error) {
	s.Event(exec.Event{Kind: exec.PullStarted, Text: ref})
	got, err := x.o.Target.fetch(ctx, ref, s)
	if err != nil {
		return exec.Result{}, nil, finished(ctx, "pulling "+ref, err)
	}
	return exec.Result{Image: got.image, Manifest: got.manifest}, got.labels, nil
}

func (t *Layout) push(ctx context.Context, image string, refs []string, s exec.Sink) error {
	found, ok, err := t.dir.Find(ctx, image)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("image %.19s is not in the layout %q", image, t.o.Dir)
	}
	return t.dir.push(ctx, t.o.Registry, found, refs, s)
}

// push writes an image of the layout to registries.
func (l *layoutDir) push(ctx context.Context, with store.Registry, found store.LayoutImage, refs []string, s exec.Sink) error {
	hash, err := v1.NewHash(found.Manifest.Digest.String())
	if err != nil {
		return err
	}
	img, err := layout.Path(l.Dir).Image(hash)
	if err != nil {
		return fmt.Errorf("reading image %.19s of the layout %q: %w", found.ConfigDigest, l.Dir, err)
	}
	return eachTag(refs, s, func(to name.Tag) error {
		if err := remote.Write(to, img, with.Options(ctx)...); err != nil {
			return with.Failure(ctx, to, err)
		}
		return nil
	})
}

func (t *Layout) fetch(ctx context.Context, ref string, _ exec.Sink) (landed, error) {
	_, config, err := t.dir.fetch(ctx, t.o.Registry, ref, t.o.Platform())
	if err != nil {
		return landed{}, err
	}
	return t.dir.shown(ctx, config)
}

// push lets podman push: it has the credentials of who uses its storage.
func (t *Podman) push(ctx context.Context, image string, refs []string, s exec.Sink) error {
	x, ok := t.o.Executor.(exec.Sharer)
	if !ok {
		return fmt.Errorf("the executor %q of podman's storage cannot push", t.o.Executor.Name())
	}
	return x.Push(ctx, image, refs, s)
}

// fetch lets podman pull.
func (t *Podman) fetch(ctx context.Context, ref string, _ exec.Sink) (landed, error) {
	x, ok := t.o.Executor.(exec.Sharer)
	if !ok {
		return landed{}, fmt.Errorf("the executor %q of podman's storage cannot fetch", t.o.Executor.Name())
	}
	res, labels, err := x.Fetch(ctx, ref, exec.SinkFunc(func(exec.Event) {}))
	return landed{image: res.Image, manifest: res.Manifest, labels: labels}, err
}

// push copies an image from where it lies to other places of registries; in
// the same repository only a name is added.
func (t *Registry) push(ctx context.Context, image string, refs []string, s exec.Sink) error {
	return eachTag(refs, s, func(to name.Tag) error { return t.put(ctx, image, to) })
}

// fetch remembers where an image lies; the daemon reads it when a layer is
// built on it, and Tag copies it.
func (t *Registry) fetch(ctx context.Context, ref string, _ exec.Sink) (landed, error) {
	from := t.o.Store.Registry
	at, err := store.RegistryStore{Registry: from}.Reference(ref)
	if err != nil {
		return landed{}, err
	}
	img, err := from.Image(ctx, ref, t.o.Platform())
	if err != nil {
		return landed{}, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return landed{}, from.Failure(ctx, at, err)
	}
	id, err := img.ConfigName()
	if err != nil {
		return landed{}, from.Failure(ctx, at, err)
	}
	manifest, err := img.Digest()
	if err != nil {
		return landed{}, from.Failure(ctx, at, err)
	}
	t.learn(id.String(), at.Context().Digest(manifest.String()))
	return landed{image: id.String(), manifest: manifest.String(), labels: config.Config.Labels}, nil
}

// push writes from the layout, without the engine: what the engine calls an
// image is the same there.
func (t *Docker) push(ctx context.Context, image string, refs []string, s exec.Sink) error {
	found, err := t.find(ctx, exec.Parent{Node: "image", Ref: image, Image: image})
	if err != nil {
		return err
	}
	return t.link.push(ctx, t.o.Registry, found, refs, s)
}

// fetch goes through the layout too: the engine would give the image a name
// that cannot be taken away without the image.
func (t *Docker) fetch(ctx context.Context, ref string, _ exec.Sink) (landed, error) {
	d, config, err := t.link.fetch(ctx, t.o.Registry, ref, t.o.Platform())
	if err != nil {
		return landed{}, err
	}
	return t.load(ctx, "bringing "+ref+" into the Docker engine", d.Digest.String(), config)
}

// eachTag reads references and calls put with each.
func eachTag(refs []string, s exec.Sink, put func(name.Tag) error) error {
	for _, ref := range refs {
		at, err := store.RegistryStore{}.Reference(ref)
		to, ok := at.(name.Tag)
		if err != nil || !ok {
			return fmt.Errorf("%q is no name with a tag", ref)
		}
		s.Event(exec.Event{Kind: exec.Note, Text: "pushing " + ref})
		if err := put(to); err != nil {
			return err
		}
	}
	return nil
}
