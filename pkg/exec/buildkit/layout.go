package buildkit

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	contentlocal "github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/terok-ai/terok-agent/pkg/graph/plan"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// layoutDir is an OCI layout that images are put into. Its index changes only
// under a lock and as a whole, so that a reader sees all of a change or none.
type layoutDir struct {
	store.Layout

	once  sync.Once
	err   error
	blobs content.Store
}

func newLayoutDir(dir string) *layoutDir { return &layoutDir{Layout: store.Layout{Dir: dir}} }

// open makes the directory a layout, if it is none yet.
func (l *layoutDir) open() error {
	l.once.Do(func() { l.err = l.create() })
	return l.err
}

func (l *layoutDir) create() error {
	if err := os.MkdirAll(filepath.Join(l.Dir, ocispecs.ImageBlobsDir, "sha256"), 0o755); err != nil {
		return fmt.Errorf("making the OCI layout %q: %w", l.Dir, err)
	}
	marker := filepath.Join(l.Dir, ocispecs.ImageLayoutFile)
	if _, err := os.Stat(marker); errors.Is(err, os.ErrNotExist) {
		text, err := json.Marshal(ocispecs.ImageLayout{Version: ocispecs.ImageLayoutVersion})
		if err == nil {
			err = replaceFile(marker, text)
		}
		if err != nil {
			return fmt.Errorf("making the OCI layout %q: %w", l.Dir, err)
		}
	}
	// Said here, before anything is built: what the daemon hands over comes back
	// as mere text when it cannot be written.
	probe, err := os.CreateTemp(l.Dir, ".blob-")
	if err != nil {
		return fmt.Errorf("writing to the OCI layout %q: %w", l.Dir, err)
	}
	_ = probe.Close()
	_ = os.Remove(probe.Name())
	blobs, err := contentlocal.NewStore(l.Dir)
	if err != nil {
		return fmt.Errorf("opening the OCI layout %q: %w", l.Dir, err)
	}
	l.blobs = blobs
	return nil
}

// add lists an image in the index, without a name, unless it is there.
func (l *layoutDir) add(ctx context.Context, d ocispecs.Descriptor) error {
	d.Annotations = nil
	return l.change(ctx, func(index *ocispecs.Index) error {
		if !slices.ContainsFunc(index.Manifests, func(have ocispecs.Descriptor) bool { return have.Digest == d.Digest }) {
			index.Manifests = append(index.Manifests, d)
		}
		return nil
	})
}

// tag moves full names to images, all at once. The values are descriptors of
// manifests. An image that loses its last name stays, without one.
func (l *layoutDir) tag(ctx context.Context, moves map[string]ocispecs.Descriptor) error {
	return l.change(ctx, func(index *ocispecs.Index) error {
		index.Manifests = moved(index.Manifests, moves)
		return nil
	})
}

// moved returns the descriptors with names moved.
func moved(list []ocispecs.Descriptor, moves map[string]ocispecs.Descriptor) []ocispecs.Descriptor {
	var out []ocispecs.Descriptor
	named := map[digest.Digest]bool{}
	for _, name := range sortedKeys(moves) {
		named[moves[name].Digest] = true
	}
	kept := map[digest.Digest]bool{}
	for _, d := range list {
		if _, moves := moves[nameOf(d)]; !moves && nameOf(d) != "" {
			kept[d.Digest] = true
		}
	}
	for _, d := range list {
		name := nameOf(d)
		if _, moves := moves[name]; moves || name == "" {
			if named[d.Digest] || kept[d.Digest] {
				continue // it has another entry, with a name
			}
			kept[d.Digest] = true
			d.Annotations = nil
		}
		out = append(out, d)
	}
	for _, name := range sortedKeys(moves) {
		d := moves[name]
		d.Annotations = map[string]string{
			store.AnnotationName: name, ocispecs.AnnotationRefName: strings.TrimPrefix(name, "localhost/"),
		}
		out = append(out, d)
	}
	return out
}

// nameOf is the full name in a descriptor, "" when it has none.
func nameOf(d ocispecs.Descriptor) string {
	if full := d.Annotations[store.AnnotationName]; full != "" {
		return full
	}
	if short := d.Annotations[ocispecs.AnnotationRefName]; short != "" {
		return plan.FullName(short)
	}
	return ""
}

// change rewrites the index under the layout's lock.
func (l *layoutDir) change(ctx context.Context, edit func(*ocispecs.Index) error) error {
	if err := l.open(); err != nil {
		return err
	}
	release, err := lockFile(ctx, filepath.Join(l.Dir, ".terok-agent.lock"))
	if err != nil {
		return fmt.Errorf("locking the OCI layout %q: %w", l.Dir, err)
	}
	defer release()
	index, err := l.readIndex()
	if err != nil {
		return fmt.Errorf("reading the index of %q: %w", l.Dir, err)
	}
	if err := edit(&index); err != nil {
		return err
	}
	text, err := json.MarshalIndent(index, "", "  ")
	if err == nil {
		err = replaceFile(filepath.Join(l.Dir, ocispecs.ImageIndexFile), text)
	}
	if err != nil {
		return fmt.Errorf("writing the index of %q: %w", l.Dir, err)
	}
	return nil
}

// readIndex returns the index, an empty one when there is none yet.
func (l *layoutDir) readIndex() (ocispecs.Index, error) {
	index := ocispecs.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageIndex}
	text, err := os.ReadFile(filepath.Join(l.Dir, ocispecs.ImageIndexFile))
	if errors.Is(err, os.ErrNotExist) {
		return index, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &index)
	}
	return index, err
}

// asDescriptor reads BuildKit's description of a manifest.
func (h handed) asDescriptor() (ocispecs.Descriptor, error) {
	var d ocispecs.Descriptor
	text, err := base64.StdEncoding.DecodeString(string(h.descriptor))
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err == nil && d.Digest.String() != h.manifest {
		err = fmt.Errorf("it describes %q, not %q", d.Digest, h.manifest)
	}
	if err != nil {
		return d, fmt.Errorf("reading the daemon's description of the image: %w", err)
	}
	return d, nil
}

// lockPoll is how often a taken lock is tried again.
const lockPoll = 20 * time.Millisecond

// lockFile takes a kernel lock on a file; it goes with the process.
func lockFile(ctx context.Context, path string) (release func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = f.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, ctx.Err()
		case <-time.After(lockPoll):
		}
	}
}

// replaceFile writes a file so that whoever reads it sees the old or the new
// content, also after a crash.
func replaceFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path) //nolint:gosec // all callers name files below the store
	}
	if err != nil {
		_ = os.Remove(f.Name()) //nolint:gosec // the file was made above
	}
	return err
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
