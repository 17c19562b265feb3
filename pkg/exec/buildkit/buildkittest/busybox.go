package buildkittest

import (
	"bytes"
	"io"
	"runtime"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
)

// Busybox is a small image of busybox and its links, with a user "dev". More
// environment ("K=V") can be added to its config.
func Busybox(t testing.TB, env ...string) v1.Image {
	t.Helper()
	text, err := podmantest.BusyboxTar()
	if err != nil {
		t.Fatal(err)
	}
	img, err := image(text, append([]string{"PATH=/usr/local/bin:/usr/bin:/bin"}, env...))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func image(text []byte, env []string) (v1.Image, error) {
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(text)), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	img, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), layer)
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", runtime.GOARCH, v1.Time{Time: podmantest.Epoch}
	config.Config.Env, config.Config.Cmd = env, []string{"sh"}
	return mutate.ConfigFile(img, config)
}

// AddToLayout puts an image into an OCI layout under a full name and returns
// its config digest. The layout is made when it is not there.
func AddToLayout(t testing.TB, dir, name string, img v1.Image) string {
	t.Helper()
	path, err := layout.FromPath(dir)
	if err != nil {
		path, err = layout.Write(dir, empty.Index)
	}
	if err == nil {
		err = path.AppendImage(img, layout.WithAnnotations(map[string]string{"io.containerd.image.name": name}))
	}
	if err != nil {
		t.Fatal(err)
	}
	return IDOf(t, img)
}

// IDOf is an image's config digest.
func IDOf(t testing.TB, img v1.Image) string {
	t.Helper()
	id, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

// ImageIn returns an image of an OCI layout by its config digest, "" for any.
func ImageIn(t testing.TB, dir, id string) v1.Image {
	t.Helper()
	path, err := layout.FromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	index, err := path.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range m.Manifests {
		img, err := index.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if id == "" || IDOf(t, img) == id {
			return img
		}
	}
	t.Fatalf("no image %q in %s", id, dir)
	return nil
}
