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

// siblings bounds how many other tags of a repository are looked at.
const siblings = 16

// Observe returns the images that hold one of the names ("terok-l0:x"). A name
// that the registry does not know is no image, and other tags of its repository
// are looked at instead: one may be the same layer in another version. All
// other trouble is an *Error. Names without a registry are below the prefix,
// and the snapshot shows them under localhost. "NAME@sha256:…" finds an image
// that has no name.
func (r RegistryStore) Observe(ctx context.Context, names []string, platform string) (graph.Snapshot, error) {
	found, missing, err := r.lookAll(ctx, names, platform, false)
	if err != nil {
		return graph.Snapshot{}, err
	}
	var others []string
	for _, n := range missing {
		more, err := r.siblings(ctx, n)
		if err != nil {
			return graph.Snapshot{}, err
		}
		others = union(others, more)
	}
	others = slices.DeleteFunc(others, func(n string) bool { return slices.Contains(names, n) })
	// They only help: what is no image, or cannot be read, is passed over.
	more, _, err := r.lookAll(ctx, others, platform, true)
	if err != nil {
		return graph.Snapshot{}, err
	}
	return graph.NewSnapshot(merge(append(found, more...))), nil
}

// lookAll looks at names, several at a time, and returns those that are not
// there; lenient takes all trouble for that.
func (r RegistryStore) lookAll(ctx context.Context, names []string, platform string, lenient bool) (found []*graph.Image, missing []string, err error) {
	found = make([]*graph.Image, len(names))
	gone := make([]bool, len(names))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(parallelLooks)
	for i, n := range names {
		group.Go(func() error {
			img, err := r.look(inner, n, platform)
			if errors.Is(err, ErrNotFound) || (lenient && err != nil && ctx.Err() == nil) {
				gone[i] = true
				return nil
			}
			found[i] = img
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	for i, n := range names {
		if gone[i] {
			missing = append(missing, n)
		}
	}
	return found, missing, nil
}

// siblings are other tags of a name's repository. A registry that has no such
// repository, or does not list tags, shows none.
func (r RegistryStore) siblings(ctx context.Context, short string) ([]string, error) {
	ref, err := r.Reference(short)
	if _, isTag := ref.(name.Tag); err != nil || !isTag {
		return nil, nil // an image without a name has no siblings
	}
	tags, err := remote.List(ref.Context(), r.Registry.Options(ctx)...)
	if err != nil {
		trouble := registryError(ctx, ref, err)
		if errors.Is(trouble, ErrNotFound) || errors.Is(trouble, ErrUnauthorized) {
			return nil, nil
		}
		return nil, trouble
	}
	tags = withoutKeys(tags)
	slices.Sort(tags)
	var out []string
	for _, tag := range tags[max(0, len(tags)-siblings):] {
		out = append(out, repository(short)+":"+tag)
	}
	return out, nil
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
	if err == nil && IsLoopback(ref.Context().RegistryStr()) {
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
