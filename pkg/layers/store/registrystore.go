package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/errgroup"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// parallelLooks bounds how many names a registry is asked for at a time.
const parallelLooks = 8

// RegistryStore looks at a part of a registry as a store of images: the image
// that is called "localhost/NAME:TAG" elsewhere is PREFIX/NAME:TAG there.
type RegistryStore struct {
	// Prefix is "HOST/REPO", below which all images lie.
	Prefix string
	// Registry says how to ask.
	Registry Registry
}

// Observe returns the images that hold one of the names ("terok-l0:x"). A name
// that the registry does not know is no image; all other trouble is an *Error.
// Names without a registry are below the prefix, and the snapshot shows them
// under localhost. "NAME@sha256:…" finds an image that has no name.
func (r RegistryStore) Observe(ctx context.Context, names []string, platform string) (graph.Snapshot, error) {
	found := make([]*graph.Image, len(names))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(parallelLooks)
	for i, n := range names {
		group.Go(func() error {
			img, err := r.look(inner, n, platform)
			if errors.Is(err, ErrNotFound) {
				return nil
			}
			found[i] = img
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return graph.Snapshot{}, err
	}
	return graph.NewSnapshot(merge(found)), nil
}

// merge makes one image of those with the same ID.
func merge(found []*graph.Image) []graph.Image {
	var images []graph.Image
	at := map[string]int{}
	for _, img := range found {
		if img == nil {
			continue
		}
		if i, seen := at[img.ID]; seen {
			images[i].Names = union(images[i].Names, img.Names)
			continue
		}
		at[img.ID] = len(images)
		images = append(images, *img)
	}
	return images
}

func (r RegistryStore) look(ctx context.Context, short, platform string) (*graph.Image, error) {
	ref, err := r.Reference(short)
	if err != nil {
		return nil, &Error{Class: ClassRegistry, Message: fmt.Sprintf("looking for %q: %v", short, err), Err: err}
	}
	want, err := v1.ParsePlatform(platform)
	if err != nil {
		return nil, &Error{Class: ClassRegistry, Message: fmt.Sprintf("looking for %q: platform %q: %v", short, platform, err), Err: err}
	}
	img, err := remote.Image(ref, r.Registry.options(ctx, *want)...)
	if err != nil {
		return nil, registryError(ctx, ref, err)
	}
	out, err := remoteImage(img)
	if err != nil {
		return nil, registryError(ctx, ref, err)
	}
	if tag, ok := ref.(name.Tag); ok {
		out.Names = []string{localName(short, tag)}
	}
	return out, nil
}

// localName is the name as a snapshot shows it.
func localName(short string, tag name.Tag) string {
	if hasHost(repository(short)) && !strings.HasPrefix(short, "localhost/") {
		return short
	}
	return "localhost/" + repository(strings.TrimPrefix(short, "localhost/")) + ":" + tag.TagStr()
}

// Image reads one image by its reference; platform picks from an index.
// Failures are *Error.
func (r Registry) Image(ctx context.Context, ref, platform string) (v1.Image, error) {
	full, err := parseRef(ref)
	if err != nil {
		return nil, &Error{Class: ClassRegistry, Message: fmt.Sprintf("asking for %q: %v", ref, err), Err: err}
	}
	want, err := v1.ParsePlatform(platform)
	if err != nil {
		return nil, &Error{Class: ClassRegistry, Message: fmt.Sprintf("asking for %q: platform %q: %v", ref, platform, err), Err: err}
	}
	img, err := remote.Image(full, r.options(ctx, *want)...)
	if err != nil {
		return nil, registryError(ctx, full, err)
	}
	return img, nil
}

// Reference is where an image lies: a name without a registry, or one under
// localhost, is below the prefix. A registry on this machine is spoken to
// without TLS.
func (r RegistryStore) Reference(short string) (name.Reference, error) {
	full := short
	if bare := strings.TrimPrefix(short, "localhost/"); !hasHost(repository(bare)) {
		full = r.Prefix + "/" + bare
	}
	ref, err := name.ParseReference(full)
	if err == nil && isLoopback(ref.Context().RegistryStr()) {
		return name.ParseReference(full, name.Insecure)
	}
	return ref, err
}

func remoteImage(img v1.Image) (*graph.Image, error) {
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	id, err := img.ConfigName()
	if err != nil {
		return nil, err
	}
	manifest, err := img.Digest()
	if err != nil {
		return nil, err
	}
	m, err := img.Manifest()
	if err != nil {
		return nil, err
	}
	out := &graph.Image{ID: id.String(), Manifest: manifest.String(), Labels: config.Config.Labels, Created: config.Created.UTC(), Size: m.Config.Size}
	for _, l := range m.Layers {
		out.Size += l.Size
	}
	return out, nil
}

// ValidPrefix says what is wrong with a store's prefix "HOST/REPO".
func ValidPrefix(prefix string) error {
	if !hasHost(prefix) || strings.HasPrefix(prefix, "localhost/") && !strings.Contains(prefix, ":") {
		return fmt.Errorf("%q does not begin with a registry's host: want HOST/REPO", prefix)
	}
	if _, err := name.NewRepository(prefix); err != nil {
		return err
	}
	if slices.Contains(strings.Split(prefix, "/"), "") {
		return fmt.Errorf("%q has an empty part", prefix)
	}
	return nil
}
