package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// AnnotationName holds, in the index of a layout, the full name of an image.
const AnnotationName = "io.containerd.image.name"

// Layout looks at an OCI image layout: a directory with an index and blobs. A
// directory that is not there is an empty layout.
type Layout struct {
	// Dir is the directory.
	Dir string
}

// LayoutImage is one image of a layout.
type LayoutImage struct {
	// Manifest describes the image's manifest.
	Manifest ocispecs.Descriptor
	// ConfigDigest is the image's ID, "sha256:…", and Config its config as it
	// is stored.
	ConfigDigest string
	Config       []byte
	// Names are its full names.
	Names []string
	// size is that of config and layers together, in bytes, and pieces are the
	// blobs.
	size   int64
	pieces []piece
}

// Observe returns the images of the layout that are for a platform
// ("linux/amd64"; empty means any). An image whose blobs are gone is none: it
// cannot be used. All other trouble is an *Error, never an empty snapshot.
func (l Layout) Observe(ctx context.Context, platform string) (graph.Snapshot, error) {
	found, err := l.Images(ctx)
	if err != nil {
		return graph.Snapshot{}, err
	}
	images := make([]graph.Image, 0, len(found))
	for i := range found {
		img, whose, err := snapshotImage(&found[i])
		if err != nil {
			return graph.Snapshot{}, l.failure("reading image "+found[i].ConfigDigest, err)
		}
		if platform == "" || samePlatform(whose, platform) {
			images = append(images, img)
		}
	}
	return graph.NewSnapshot(images), nil
}

// Images returns all images of the layout, each once, in the index's order.
// Failures are *Error.
func (l Layout) Images(ctx context.Context) ([]LayoutImage, error) {
	index, err := l.index(filepath.Join(l.Dir, ocispecs.ImageIndexFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, l.failure("reading the index", err)
	}
	r := layoutReader{layout: l, at: map[digest.Digest]int{}}
	if err := r.add(ctx, index, nil, 0); err != nil {
		return nil, l.failure("reading the images", err)
	}
	return r.images, nil
}

// Find returns the image with a config digest.
func (l Layout) Find(ctx context.Context, configDigest string) (LayoutImage, bool, error) {
	images, err := l.Images(ctx)
	if err != nil {
		return LayoutImage{}, false, err
	}
	for i := range images {
		if images[i].ConfigDigest == configDigest {
			return images[i], true, nil
		}
	}
	return LayoutImage{}, false, nil
}

func (l Layout) index(path string) (ocispecs.Index, error) {
	var index ocispecs.Index
	text, err := os.ReadFile(path)
	if err != nil {
		return index, err
	}
	return index, json.Unmarshal(text, &index)
}

// blob reads a blob and makes sure that it is the one asked for.
func (l Layout) blob(d digest.Digest) ([]byte, error) {
	path, err := l.BlobPath(d)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if d.Algorithm().FromBytes(text) != d {
		return nil, fmt.Errorf("blob %s has other content than its name says", d)
	}
	return text, nil
}

// BlobPath is where a blob lies. An error means that d is no digest.
func (l Layout) BlobPath(d digest.Digest) (string, error) {
	if err := d.Validate(); err != nil {
		return "", fmt.Errorf("digest %q: %w", d, err)
	}
	return filepath.Join(l.Dir, ocispecs.ImageBlobsDir, d.Algorithm().String(), d.Encoded()), nil
}

func (l Layout) failure(doing string, err error) *Error {
	e := &Error{
		Class: ClassStorage, Message: fmt.Sprintf("looking at the OCI layout %s: %s: %v", l.Dir, doing, err), Err: err,
		Hint: "see whether the directory can be read, or name another with --store oci:DIR",
	}
	if errors.Is(err, context.Canceled) {
		e.Class, e.Hint = ClassCancelled, ""
	}
	return e
}

// layoutReader collects images.
type layoutReader struct {
	layout Layout
	images []LayoutImage
	at     map[digest.Digest]int
}

// maxNesting bounds indexes in indexes.
const maxNesting = 4

// add reads the images of an index; those of an index inside it inherit its
// names.
func (r *layoutReader) add(ctx context.Context, index ocispecs.Index, names []string, depth int) error {
	for _, d := range index.Manifests {
		if err := ctx.Err(); err != nil {
			return err
		}
		own := slices.Concat(names, layoutNames(d))
		var err error
		switch {
		case IsIndex(d.MediaType) && depth < maxNesting:
			err = r.addNested(ctx, d, own, depth)
		case IsManifest(d.MediaType):
			err = r.addImage(d, own)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (r *layoutReader) addNested(ctx context.Context, d ocispecs.Descriptor, names []string, depth int) error {
	path, err := r.layout.BlobPath(d.Digest)
	if err != nil {
		return err
	}
	nested, err := r.layout.index(path)
	if err != nil {
		return err
	}
	return r.add(ctx, nested, names, depth+1)
}

func (r *layoutReader) addImage(d ocispecs.Descriptor, names []string) error {
	if i, seen := r.at[d.Digest]; seen {
		r.images[i].Names = union(r.images[i].Names, names)
		return nil
	}
	text, err := r.layout.blob(d.Digest)
	if err != nil {
		return err
	}
	var m ocispecs.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("manifest %s: %w", d.Digest, err)
	}
	if m.Config.Digest == "" || isAttestation(d) {
		return nil
	}
	config, err := r.layout.blob(m.Config.Digest)
	if err != nil {
		return err
	}
	size := m.Config.Size
	pieces := []piece{{d.Digest.String(), d.Size}, {m.Config.Digest.String(), m.Config.Size}}
	for _, layer := range m.Layers {
		size += layer.Size
		pieces = append(pieces, piece{layer.Digest.String(), layer.Size})
	}
	d.Annotations = nil
	r.at[d.Digest] = len(r.images)
	r.images = append(r.images, LayoutImage{
		Manifest: d, ConfigDigest: m.Config.Digest.String(), Config: config, Names: union(nil, names), size: size, pieces: pieces,
	})
	return nil
}

// layoutNames are the full names in a descriptor's annotations. Some tools
// write a full name, some only a short one or a tag.
func layoutNames(d ocispecs.Descriptor) []string {
	if full := d.Annotations[AnnotationName]; full != "" {
		return []string{full}
	}
	short := d.Annotations[ocispecs.AnnotationRefName]
	switch {
	case short == "":
		return nil
	case hasHost(repository(short)):
		return []string{short}
	}
	return []string{"localhost/" + short}
}

// IsIndex says whether a media type is that of an index of images.
func IsIndex(mediaType string) bool {
	return mediaType == ocispecs.MediaTypeImageIndex || mediaType == "application/vnd.docker.distribution.manifest.list.v2+json"
}

// IsManifest says whether a media type is that of an image's manifest.
func IsManifest(mediaType string) bool {
	return mediaType == ocispecs.MediaTypeImageManifest || mediaType == "application/vnd.docker.distribution.manifest.v2+json"
}

// isAttestation says whether a manifest is no image but says something about
// one.
func isAttestation(d ocispecs.Descriptor) bool {
	return d.Platform != nil && d.Platform.OS == "unknown"
}

// snapshotImage reads what a snapshot shows of an image, and its platform.
func snapshotImage(l *LayoutImage) (graph.Image, string, error) {
	var config ocispecs.Image
	if err := json.Unmarshal(l.Config, &config); err != nil {
		return graph.Image{}, "", fmt.Errorf("config %s: %w", l.ConfigDigest, err)
	}
	img := graph.Image{
		ID: l.ConfigDigest, Manifest: l.Manifest.Digest.String(), Names: l.Names, Labels: config.Config.Labels, Size: l.size,
	}
	if config.Created != nil {
		img.Created = config.Created.UTC()
	}
	return img, config.OS + "/" + config.Architecture, nil
}

// samePlatform compares "os/arch"; a variant is not looked at, because many
// images do not say theirs.
func samePlatform(have, want string) bool {
	cut := func(s string) string {
		parts := strings.SplitN(s, "/", 3)
		return strings.Join(parts[:min(len(parts), 2)], "/")
	}
	return cut(have) == cut(want)
}
