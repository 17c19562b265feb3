package buildkit

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	bkclient "github.com/moby/buildkit/client"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// RegistryOptions are the settings of a Registry.
type RegistryOptions struct {
	// Store is the part of the registry that images are put into.
	Store store.RegistryStore
	// Platform is the target's, "linux/amd64".
	Platform func() string
	// Pending is a file in which images are noted that have no name yet: a
	// registry shows only what has one. "" notes nothing.
	Pending string
}

// Registry is a Target that is a part of a registry. The daemon pushes, and
// reads parents, by itself: it must reach the registry too.
type Registry struct {
	o RegistryOptions

	mu sync.Mutex
	// at says where an image lies, by config digest.
	at map[string]name.Digest
}

var _ Target = (*Registry)(nil)

// NewRegistry returns a registry as a target. Nothing is asked of it yet.
func NewRegistry(o RegistryOptions) *Registry {
	return &Registry{o: o, at: map[string]name.Digest{}}
}

// Observe looks at the names and at finished images that have none, and
// remembers where they lie. Failures are *store.Error.
func (t *Registry) Observe(ctx context.Context, names []string, platform string) (graph.Snapshot, error) {
	t.mu.Lock()
	pending := t.pending()
	t.mu.Unlock()
	snap, err := t.o.Store.Observe(ctx, slices.Concat(names, pending), platform)
	if err != nil {
		return snap, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, img := range snap.Images {
		for _, n := range img.Names {
			if ref, err := t.o.Store.Reference(n); err == nil {
				t.at[img.ID] = ref.Context().Digest(img.Manifest)
			}
		}
	}
	for _, short := range pending {
		ref, err := t.o.Store.Reference(short)
		d, ok := ref.(name.Digest)
		if err != nil || !ok {
			continue
		}
		for _, img := range snap.Images {
			if _, known := t.at[img.ID]; !known && img.Manifest == d.DigestStr() {
				t.at[img.ID] = d
			}
		}
	}
	return snap, nil
}

// Pull asks where an external image lies; the daemon fetches it when a layer
// is built on it.
func (t *Registry) Pull(ctx context.Context, ref string) (exec.Result, error) {
	pinned, err := t.o.Store.Registry.Pin(ctx, ref, t.o.Platform())
	if err != nil {
		return exec.Result{}, err
	}
	full, err := name.ParseReference(store.CanonicalName(ref))
	if err != nil {
		return exec.Result{}, fmt.Errorf("pulling %q: %w", ref, err)
	}
	t.learn(pinned.ConfigDigest, full.Context().Digest(pinned.Manifest))
	return exec.Result{Image: pinned.ConfigDigest, Manifest: pinned.Manifest}, nil
}

// Tag puts the images' manifests under the names, one after another: a
// registry cannot move several at once. None moves before it is known where all
// images lie. An error says which have moved.
func (t *Registry) Tag(ctx context.Context, moves map[string]string) error {
	for _, short := range sortedKeys(moves) {
		if _, ok := t.where(moves[short]); !ok {
			return missingImage(short, moves[short], "the registry "+t.o.Store.Prefix)
		}
	}
	var done []string
	for _, short := range sortedKeys(moves) {
		if err := t.tagOne(ctx, short, moves[short]); err != nil {
			if len(done) == 0 {
				return fmt.Errorf("%w; no name has moved", err)
			}
			return fmt.Errorf("%w; moved: %s", err, strings.Join(done, ", "))
		}
		done = append(done, short)
	}
	t.settle(moves)
	return nil
}

func (t *Registry) tagOne(ctx context.Context, short, image string) error {
	ref, err := t.o.Store.Reference(short)
	if err != nil {
		return fmt.Errorf("naming %q: %w", short, err)
	}
	to, ok := ref.(name.Tag)
	if !ok {
		return fmt.Errorf("naming %q: it is no name with a tag", short)
	}
	return t.put(ctx, image, to)
}

// put puts an image's manifest under a name.
func (t *Registry) put(ctx context.Context, image string, to name.Tag) error {
	from, ok := t.where(image)
	if !ok {
		return fmt.Errorf("naming %q: it is not known where image %.19s lies", to, image)
	}
	options := t.o.Store.Registry.Options(ctx)
	desc, err := remote.Get(from, options...)
	if err == nil && from.Context().Name() == to.Context().Name() {
		err = remote.Tag(to, desc, options...)
	} else if err == nil {
		err = copyTo(to, desc, options)
	}
	if err != nil {
		return t.o.Store.Registry.Failure(ctx, to, err)
	}
	return nil
}

// copyTo puts an image into another repository; blobs of the same registry
// are only mounted there.
func copyTo(to name.Tag, desc *remote.Descriptor, options []remote.Option) error {
	img, err := desc.Image()
	if err != nil {
		return err
	}
	return remote.Write(to, img, options...)
}

// Clean has nothing to remove.
func (t *Registry) Clean(context.Context) error { return nil }

func (t *Registry) learn(image string, d name.Digest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at[image] = d
}

func (t *Registry) where(image string) (name.Digest, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d, ok := t.at[image]
	return d, ok
}

func (t *Registry) parent(_ context.Context, p exec.Parent) (source, error) {
	d, ok := t.where(p.Image)
	if !ok {
		return source{}, missingParent(p, "the registry "+t.o.Store.Prefix)
	}
	return source{url: "docker-image://" + d.String()}, nil
}

func (t *Registry) export(r exec.Request) (bkclient.ExportEntry, error) {
	repo, err := t.repository(r)
	if err != nil {
		return bkclient.ExportEntry{}, err
	}
	attrs := map[string]string{"name": repo.Name(), "push": "true", "push-by-digest": "true", "oci-mediatypes": "true"}
	if store.IsLoopback(repo.RegistryStr()) {
		attrs["registry.insecure"] = "true"
	}
	return bkclient.ExportEntry{Type: bkclient.ExporterImage, Attrs: attrs}, nil
}

// repository is where a layer's image is pushed to: that of its first name.
func (t *Registry) repository(r exec.Request) (name.Repository, error) {
	short := "terok-" + strings.ReplaceAll(string(r.Node), "/", "-")
	if len(r.Names) > 0 {
		short = r.Names[0]
	}
	ref, err := t.o.Store.Reference(short)
	if err != nil {
		return name.Repository{}, fmt.Errorf("naming the image of %q: %w", r.Node, err)
	}
	return ref.Context(), nil
}

func (t *Registry) patience() time.Duration { return t.o.Store.Registry.Waits() }

func (t *Registry) pushable(ctx context.Context, r exec.Request) error {
	repo, err := t.repository(r)
	if err != nil {
		return err
	}
	if err := t.o.Store.Registry.TakesUploads(ctx, repo); err != nil {
		return t.o.Store.Registry.Failure(ctx, repo.Tag("latest"), err)
	}
	return nil
}

func (t *Registry) readable(ctx context.Context, r exec.Request) error {
	for _, p := range r.Parents {
		at, ok := t.where(p.Image)
		if !ok {
			continue
		}
		if err := t.o.Store.Registry.Serves(ctx, at); err != nil {
			return t.o.Store.Registry.Failure(ctx, at, err)
		}
	}
	return nil
}

// land reads the pushed image back from the registry.
func (t *Registry) land(ctx context.Context, r exec.Request, made handed) (landed, error) {
	repo, err := t.repository(r)
	if err != nil {
		return landed{}, err
	}
	at := repo.Digest(made.manifest)
	img, err := remote.Image(at, t.o.Store.Registry.Options(ctx)...)
	if err != nil {
		return landed{}, t.o.Store.Registry.Failure(ctx, at, err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return landed{}, t.o.Store.Registry.Failure(ctx, at, err)
	}
	id, err := img.ConfigName()
	if err != nil {
		return landed{}, t.o.Store.Registry.Failure(ctx, at, err)
	}
	t.learn(id.String(), at)
	t.note(at)
	return landed{image: id.String(), manifest: made.manifest, labels: config.Config.Labels}, nil
}

// maxPending bounds how many unnamed images are looked for.
const maxPending = 100

// pending are the unnamed images that were noted.
func (t *Registry) pending() []string {
	if t.o.Pending == "" {
		return nil
	}
	var list []string
	text, err := os.ReadFile(t.o.Pending)
	if err != nil || json.Unmarshal(text, &list) != nil {
		return nil // what is not found there is built again
	}
	return list[max(0, len(list)-maxPending):]
}

// note remembers a finished image until it has a name.
func (t *Registry) note(at name.Digest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if list := t.pending(); !slices.Contains(list, at.Name()) {
		t.writePending(append(list, at.Name()))
	}
}

// settle forgets the images that have names now.
func (t *Registry) settle(moves map[string]string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	named := map[string]bool{}
	for _, image := range moves {
		named[t.at[image].Name()] = true
	}
	list := t.pending()
	t.writePending(slices.DeleteFunc(list, func(at string) bool { return named[at] }))
}

// writePending is best effort: the worst that happens is a build more.
func (t *Registry) writePending(list []string) {
	if t.o.Pending == "" {
		return
	}
	text, err := json.Marshal(list)
	if err != nil || os.MkdirAll(filepath.Dir(t.o.Pending), 0o700) != nil {
		return
	}
	_ = replaceFile(t.o.Pending, text)
}
