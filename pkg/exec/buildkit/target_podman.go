package buildkit

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	bkclient "github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// PodmanOptions are the settings of a Podman.
type PodmanOptions struct {
	// Executor pulls and names images in podman's storage.
	Executor exec.Executor
	// Store looks at the same storage; its command is used for what the
	// executor does not do.
	Store store.Podman
	// Dir holds the layout between the daemon and the storage: what it lacks
	// is made again.
	Dir string
}

// Podman is a Target that is podman's storage. Images go through a layout: the
// daemon writes only layers that are not in it, and podman reads only those
// that it does not have.
type Podman struct {
	o    PodmanOptions
	link *layoutDir

	// bridging is held while an image is fetched out of the storage.
	bridging sync.Mutex
}

var _ Target = (*Podman)(nil)

// NewPodman returns podman's storage as a target.
func NewPodman(o PodmanOptions) *Podman { return &Podman{o: o, link: newLayoutDir(o.Dir)} }

// Pull lets podman pull.
func (t *Podman) Pull(ctx context.Context, ref string) (exec.Result, error) {
	return t.o.Executor.Pull(ctx, ref, exec.SinkFunc(func(exec.Event) {}))
}

// Tag lets podman move the names.
func (t *Podman) Tag(ctx context.Context, moves map[string]string) error {
	return t.o.Executor.Tag(ctx, moves)
}

func (t *Podman) parent(ctx context.Context, p exec.Parent) (source, error) {
	t.bridging.Lock()
	defer t.bridging.Unlock()
	img, ok, err := t.link.Find(ctx, p.Image)
	if err == nil && !ok {
		img, err = t.link.bridge(ctx, t.o.Store, p.Ref, p.Image)
	}
	if err != nil {
		return source{}, err
	}
	return t.link.source(img)
}

// export leaves layers as they are: podman keeps them unpacked, so packing
// would be for nothing.
func (t *Podman) export(exec.Request) (bkclient.ExportEntry, error) {
	return t.link.export("uncompressed")
}

// land hands the image from the layout to podman, and reads it back there.
func (t *Podman) land(ctx context.Context, r exec.Request, made handed) (landed, error) {
	d, err := made.asDescriptor()
	if err != nil {
		return landed{}, err
	}
	if err := t.link.add(ctx, d); err != nil {
		return landed{}, err
	}
	if err := t.load(ctx, r, d, made.config); err != nil {
		return landed{}, err
	}
	img, err := t.o.Store.Inspect(ctx, made.config)
	if err != nil {
		return landed{}, err
	}
	if err := t.unname(ctx, img); err != nil {
		return landed{}, err
	}
	return landed{image: img.ID, manifest: img.Manifest, labels: img.Labels}, nil
}

// passing begins the name that an image has while podman reads it: podman names
// every image that it reads, by its directory or by what the index says.
const passing = "localhost/terok-agent-passing" //nolint:gosec // a name, no password

// load makes podman read one image: through a layout that shows only this one,
// because podman cannot be told a digest. The directory is named relatively:
// the absolute path may have letters that no name may have.
func (t *Podman) load(ctx context.Context, r exec.Request, d ocispecs.Descriptor, config string) error {
	dir, err := os.MkdirTemp(t.o.Dir, strings.TrimPrefix(passing, "localhost/")+"-")
	if err != nil {
		return fmt.Errorf("making a directory for %q: %w", r.Node, err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	name := passing + ":" + digest.Digest(config).Encoded()[:12]
	d.Annotations = map[string]string{ocispecs.AnnotationRefName: name}
	if err := t.show(dir, d); err != nil {
		return fmt.Errorf("preparing %q for podman: %w", r.Node, err)
	}
	there := t.o.Store
	there.WorkDir = t.o.Dir
	doing := fmt.Sprintf("bringing %s into podman's storage", r.Node)
	_, err = there.Run(ctx, doing, "pull", "-q", "oci:"+filepath.Base(dir)+":"+name)
	return err
}

// unname takes the passing names from an image. All other names stay, which an
// image that was there before may have.
func (t *Podman) unname(ctx context.Context, img graph.Image) error {
	for _, n := range img.Names {
		if !strings.HasPrefix(n, passing) {
			continue
		}
		if _, err := t.o.Store.Run(ctx, "removing a passing name", "untag", strings.TrimPrefix(img.ID, "sha256:"), n); err != nil {
			return err
		}
	}
	return nil
}

// show makes dir a layout of one image whose blobs are the link's.
func (t *Podman) show(dir string, d ocispecs.Descriptor) error {
	blobs, err := filepath.Abs(filepath.Join(t.o.Dir, ocispecs.ImageBlobsDir))
	if err != nil {
		return err
	}
	if err := os.Symlink(blobs, filepath.Join(dir, ocispecs.ImageBlobsDir)); err != nil {
		return err
	}
	for name, content := range map[string]any{
		ocispecs.ImageLayoutFile: ocispecs.ImageLayout{Version: ocispecs.ImageLayoutVersion},
		ocispecs.ImageIndexFile:  ocispecs.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []ocispecs.Descriptor{d}},
	} {
		text, err := json.Marshal(content)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
