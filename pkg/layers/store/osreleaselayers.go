package store

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// OSRelease returns the text of an image's /etc/os-release, read from its layers
// as far as it takes, the uppermost first. An image without the file gives an
// empty text; a missing image is ErrNotFound. Failures are *Error.
func (l Layout) OSRelease(ctx context.Context, configDigest string) ([]byte, error) {
	found, ok, err := l.Find(ctx, configDigest)
	if err != nil {
		return nil, err
	}
	doing := fmt.Sprintf("reading os-release of image %.19s", configDigest)
	if !ok {
		return nil, l.failure(doing, ErrNotFound)
	}
	img, err := l.open(found)
	if err == nil {
		var text []byte
		if text, err = readLayers(ctx, img); err == nil {
			return text, nil
		}
	}
	return nil, l.failure(doing, err)
}

// open finds an image by its manifest, wherever in the index that lies.
func (l Layout) open(found LayoutImage) (v1.Image, error) {
	hash, err := v1.NewHash(found.Manifest.Digest.String())
	if err != nil {
		return nil, err
	}
	index, err := layout.Path(l.Dir).ImageIndex()
	if err != nil {
		return nil, err
	}
	return findIn(index, hash, 0)
}

func findIn(index v1.ImageIndex, hash v1.Hash, depth int) (v1.Image, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, m := range manifest.Manifests {
		switch {
		case m.Digest == hash:
			return index.Image(hash)
		case m.MediaType.IsIndex() && depth < maxNesting:
			nested, err := index.ImageIndex(m.Digest)
			if err != nil {
				continue // one that is gone holds nothing
			}
			if img, err := findIn(nested, hash, depth+1); err == nil {
				return img, nil
			}
		}
	}
	return nil, ErrNotFound
}

// OSRelease returns the text of an image's /etc/os-release from its registry,
// reading no more of the layers than it takes. id is the config digest that the
// reference must still have; another is ErrNotFound. Failures are *Error.
func (r Registry) OSRelease(ctx context.Context, ref, id, platform string) ([]byte, error) {
	img, err := r.Image(ctx, ref, platform)
	if err != nil {
		return nil, err
	}
	full, err := parseRef(ref)
	if err != nil {
		return nil, &Error{Class: ClassRegistry, Message: fmt.Sprintf("asking for %q: %v", ref, err), Err: err}
	}
	have, err := img.ConfigName()
	if err == nil && have.String() != id {
		err = fmt.Errorf("%w: it is another image now (%.19s, was %.19s)", ErrNotFound, have, id)
	}
	var text []byte
	if err == nil {
		text, err = readLayers(ctx, img)
	}
	if err != nil {
		return nil, registryError(ctx, full, err)
	}
	return text, nil
}

// said is what layers say of one path, the uppermost that says anything.
type said struct {
	text []byte
	link string
	gone bool
}

// readLayers reads os-release out of the layers of an image.
func readLayers(ctx context.Context, img v1.Image) ([]byte, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, err
	}
	known := map[string]said{}
	for i := len(layers) - 1; i >= 0; i-- {
		text, done, err := readLayer(ctx, layers[i], known)
		if done || err != nil {
			return text, err
		}
	}
	text, err := resolve(known, true)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// readLayer notes what one layer says that none above it did. It ends as soon as
// that is enough.
func readLayer(ctx context.Context, layer v1.Layer, known map[string]said) (text []byte, done bool, err error) {
	r, err := layer.Uncompressed()
	if err != nil {
		return nil, false, err
	}
	defer r.Close()
	var emptied []string
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, false, err
		}
		name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		if path.Base(name) == opaque {
			emptied = append(emptied, path.Dir(name))
			continue
		}
		where, what, err := note(name, h, archive)
		if err != nil {
			return nil, false, err
		}
		if _, above := known[where]; where == "" || above {
			continue
		}
		known[where] = what
		if text, err := resolve(known, false); err == nil {
			return text, true, nil
		}
	}
	for _, dir := range emptied {
		hide(known, dir)
	}
	return nil, false, nil
}

// note is what an entry of a layer says, and of which path; "" of none that
// matters.
func note(name string, h *tar.Header, content io.Reader) (string, said, error) {
	dir, base := path.Split(name)
	switch {
	case base == whiteout+"os-release":
		return dir + "os-release", said{gone: true}, nil
	case base != "os-release":
		return "", said{}, nil
	}
	switch h.Typeflag {
	case tar.TypeSymlink:
		return name, said{link: h.Linkname}, nil
	case tar.TypeLink:
		return name, said{link: "/" + h.Linkname}, nil
	case tar.TypeReg:
		text, err := io.ReadAll(io.LimitReader(content, maxOSRelease))
		return name, said{text: text}, err
	}
	return name, said{gone: true}, nil
}

// hide notes that the layers below have nothing in a directory.
func hide(known map[string]said, dir string) {
	for _, name := range osReleasePaths {
		if _, above := known[name]; path.Dir(name) == dir && !above {
			known[name] = said{gone: true}
		}
	}
}

// errNotYet means that a layer further down may still say it.
var errNotYet = errors.New("not read yet")

// resolve finds the text by what is known; all says that there is no more to
// know.
func resolve(known map[string]said, all bool) ([]byte, error) {
	for _, name := range osReleasePaths {
		text, err := readLinked(name, func(name string) ([]byte, string, error) {
			s, ok := known[name]
			switch {
			case !ok && !all:
				return nil, "", errNotYet
			case !ok || s.gone:
				return nil, "", fs.ErrNotExist
			}
			return s.text, s.link, nil
		})
		if !errors.Is(err, fs.ErrNotExist) {
			return text, err
		}
	}
	return nil, fs.ErrNotExist
}
