package buildkit

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// fetch copies an image from its registry, blob by blob, as it is there, and
// returns its manifest and its config digest. The image gets no name.
func (l *layoutDir) fetch(ctx context.Context, from store.Registry, ref, platform string) (ocispecs.Descriptor, string, error) {
	var none ocispecs.Descriptor
	if err := l.open(); err != nil {
		return none, "", err
	}
	img, err := from.Image(ctx, ref, platform)
	if err != nil {
		return none, "", err
	}
	d, config, err := l.copyImage(ctx, img)
	if err != nil {
		if full, bad := name.ParseReference(ref, name.WeakValidation); bad == nil && ctx.Err() == nil && !isLocal(err) {
			err = from.Failure(ctx, full, err)
		}
		return none, "", fmt.Errorf("fetching %q: %w", ref, err)
	}
	return d, config, l.add(ctx, d)
}

func (l *layoutDir) copyImage(ctx context.Context, img v1.Image) (ocispecs.Descriptor, string, error) {
	var none ocispecs.Descriptor
	layers, err := img.Layers()
	if err != nil {
		return none, "", err
	}
	for _, layer := range layers {
		if err := l.copyLayer(ctx, layer); err != nil {
			return none, "", err
		}
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return none, "", err
	}
	manifest, err := img.RawManifest()
	if err != nil {
		return none, "", err
	}
	kind, err := img.MediaType()
	if err != nil {
		return none, "", err
	}
	configDigest := digest.FromBytes(config)
	for _, text := range [][]byte{config, manifest} {
		if err := l.putBytes(text); err != nil {
			return none, "", err
		}
	}
	return ocispecs.Descriptor{MediaType: mediaType(kind), Digest: digest.FromBytes(manifest), Size: int64(len(manifest))}, configDigest.String(), nil
}

func mediaType(kind types.MediaType) string {
	if kind == "" {
		return ocispecs.MediaTypeImageManifest
	}
	return string(kind)
}

func (l *layoutDir) copyLayer(ctx context.Context, layer v1.Layer) error {
	hash, err := layer.Digest()
	if err != nil {
		return err
	}
	d := digest.Digest(hash.String())
	path, err := l.BlobPath(d)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	in, err := layer.Compressed()
	if err != nil {
		return err
	}
	defer in.Close()
	return l.putStream(in, d)
}

func (l *layoutDir) putBytes(text []byte) error {
	d := digest.FromBytes(text)
	path, err := l.BlobPath(d)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err == nil { //nolint:gosec // the path is a digest below our directory
		return nil
	}
	if err := replaceFile(path, text); err != nil {
		return &localError{err}
	}
	return nil
}

// putStream writes a blob and moves it to its place when it is what its digest
// says.
func (l *layoutDir) putStream(in io.Reader, want digest.Digest) error {
	path, err := l.BlobPath(want)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(l.Dir, ".blob-")
	if err != nil {
		return &localError{err}
	}
	defer func() { _ = os.Remove(f.Name()) }()
	check := want.Verifier()
	_, err = io.Copy(&writer{f}, io.TeeReader(in, check))
	if closed := f.Close(); err == nil && closed != nil {
		err = &localError{closed}
	}
	if err != nil {
		return err
	}
	if !check.Verified() {
		return fmt.Errorf("blob %s has other content than its name says: %w", want, io.ErrUnexpectedEOF)
	}
	if err := os.Chmod(f.Name(), 0o644); err != nil {
		return &localError{err}
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return &localError{err}
	}
	return nil
}

// localError is trouble with a file of ours, not with the registry.
type localError struct{ err error }

func (e *localError) Error() string { return e.err.Error() }

func (e *localError) Unwrap() error { return e.err }

// writer marks errors of writing, to tell them from those of reading.
type writer struct{ f *os.File }

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	if err != nil {
		err = &localError{err}
	}
	return n, err
}
