package buildkit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	bkclient "github.com/moby/buildkit/client"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// DockerOptions are the settings of a Docker.
type DockerOptions struct {
	// Store looks at the engine; its command also changes it.
	Store store.Docker
	// Registry is where layers are exchanged with others.
	Registry store.Registry
	// Platform is the target's, "linux/amd64".
	Platform func() string
	// Dir holds the layout between the daemon and the engine: what it lacks is
	// made again.
	Dir string
}

// Docker is a Target that is a Docker engine's own images. They go through a
// layout: the daemon writes only layers that are not in it.
type Docker struct {
	o    DockerOptions
	link *layoutDir

	// bridging is held while an image is fetched out of the engine.
	bridging sync.Mutex
}

var _ Target = (*Docker)(nil)

// NewDocker returns a Docker engine as a target. Nothing is asked of it yet.
func NewDocker(o DockerOptions) *Docker { return &Docker{o: o, link: newLayoutDir(o.Dir)} }

// Pull lets the engine pull.
func (t *Docker) Pull(ctx context.Context, ref string) (exec.Result, error) {
	doing := "pulling " + ref
	if _, err := t.o.Store.Run(ctx, doing, nil, "pull", "--quiet", "--platform", t.o.Platform(), ref); err != nil {
		return exec.Result{}, fromRegistry(err)
	}
	img, err := t.o.Store.Inspect(ctx, ref)
	if err != nil {
		return exec.Result{}, err
	}
	return exec.Result{Image: img.ID}, nil
}

// fromRegistry says that what the engine has no word of its own for is the
// registry's answer.
func fromRegistry(err error) error {
	var e *store.Error
	if errors.As(err, &e) && e.Class == store.ClassUnknown {
		c := *e
		c.Class, c.Hint = store.ClassRegistry, "check the name and the registry, or log in: docker login"
		return &c
	}
	return err
}

// Tag moves names, one after another: the engine cannot move several at once.
// None moves before all images are known to be there.
func (t *Docker) Tag(ctx context.Context, moves map[string]string) error {
	for _, short := range sortedKeys(moves) {
		if _, err := t.o.Store.Inspect(ctx, moves[short]); errors.Is(err, store.ErrNotFound) {
			return missingImage(short, moves[short], "the Docker engine")
		} else if err != nil {
			return err
		}
	}
	var done []string
	for _, short := range sortedKeys(moves) {
		if _, err := t.o.Store.Run(ctx, "naming "+short, nil, "tag", moves[short], short); err != nil {
			if len(done) == 0 {
				return fmt.Errorf("%w; no name has moved", err)
			}
			return fmt.Errorf("%w; moved: %s", err, strings.Join(done, ", "))
		}
		done = append(done, short)
	}
	return nil
}

// Clean removes, from the layout before the engine, the images that the engine
// has no more and what died runs left.
func (t *Docker) Clean(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(t.o.Dir, ocispecs.ImageLayoutFile)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	snap, err := t.o.Store.Observe(ctx)
	if err != nil {
		return err
	}
	if err := t.link.keepOnly(ctx, snap); err != nil {
		return fmt.Errorf("tidying the layout before Docker: %w", err)
	}
	return t.link.removeLeftovers()
}

func (t *Docker) parent(ctx context.Context, p exec.Parent) (source, error) {
	img, err := t.find(ctx, p)
	if err != nil {
		return source{}, err
	}
	return t.link.source(img)
}

// find returns an image of the engine as the layout has it.
func (t *Docker) find(ctx context.Context, p exec.Parent) (store.LayoutImage, error) {
	t.bridging.Lock()
	defer t.bridging.Unlock()
	img, ok, err := t.link.Find(ctx, p.Image)
	if err == nil && !ok {
		return t.bridge(ctx, p)
	}
	return img, err
}

// bridge copies an image out of the engine into the layout, layers as they are.
func (t *Docker) bridge(ctx context.Context, p exec.Parent) (store.LayoutImage, error) {
	var none store.LayoutImage
	if _, err := t.o.Store.Inspect(ctx, p.Image); errors.Is(err, store.ErrNotFound) {
		return none, missingParent(p, "the Docker engine")
	} else if err != nil {
		return none, err
	}
	if err := t.link.open(); err != nil {
		return none, err
	}
	archive, err := os.CreateTemp(t.o.Dir, "bridge-")
	if err != nil {
		return none, fmt.Errorf("making a file for %q: %w", p.Ref, err)
	}
	defer func() { _ = os.Remove(archive.Name()) }()
	defer func() { _ = archive.Close() }()
	doing := fmt.Sprintf("taking %s (%.19s) out of the Docker engine", p.Ref, p.Image)
	if err := t.o.Store.Stream(ctx, doing, nil, archive, "save", p.Image); err != nil {
		return none, err
	}
	img, err := tarball.ImageFromPath(archive.Name(), nil)
	if err == nil {
		err = t.link.adoptUnpacked(ctx, img)
	}
	if err != nil {
		return none, fmt.Errorf("%s: %w", doing, err)
	}
	found, ok, err := t.link.Find(ctx, p.Image)
	if err == nil && !ok {
		err = unverified(doing + ": it gave another image")
	}
	return found, err
}

// export leaves layers as they are: the engine keeps them unpacked.
func (t *Docker) export(exec.Request) (bkclient.ExportEntry, error) {
	return t.link.export("uncompressed")
}

// land hands the image from the layout to the engine, and reads it back there.
func (t *Docker) land(ctx context.Context, r exec.Request, made handed) (landed, error) {
	d, err := made.asDescriptor()
	if err != nil {
		return landed{}, err
	}
	if err := t.link.add(ctx, d); err != nil {
		return landed{}, err
	}
	return t.load(ctx, fmt.Sprintf("bringing %s into the Docker engine", r.Node), d.Digest.String(), made.config)
}

// load makes the engine read an image of the layout, without a name.
func (t *Docker) load(ctx context.Context, doing, manifest, config string) (landed, error) {
	img, at, err := t.linked(manifest)
	if err != nil {
		return landed{}, fmt.Errorf("%s: %w", doing, err)
	}
	in, out := io.Pipe()
	go func() { _ = out.CloseWithError(tarball.Write(at, img, out)) }()
	_, err = t.o.Store.Run(ctx, doing, in, "load", "--quiet")
	_ = in.Close() // ends the writer when the engine stopped reading
	if err != nil {
		return landed{}, err
	}
	shown, err := t.o.Store.Inspect(ctx, config)
	if err != nil {
		return landed{}, err
	}
	return landed{image: shown.ID, manifest: manifest, labels: shown.Labels}, nil
}

// linked is an image of the layout, and a reference that gives it no name.
func (t *Docker) linked(manifest string) (v1.Image, name.Digest, error) {
	hash, err := v1.NewHash(manifest)
	if err != nil {
		return nil, name.Digest{}, err
	}
	img, err := layout.Path(t.o.Dir).Image(hash)
	if err != nil {
		return nil, name.Digest{}, err
	}
	at, err := name.NewDigest("terok-agent@" + manifest)
	return img, at, err
}
