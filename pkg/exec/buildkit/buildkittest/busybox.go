package buildkittest

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// epoch is the time of everything in the images, so that they are always the
// same.
var epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func busyboxPath() (string, error) {
	for _, p := range []string{"/bin/busybox", "/usr/bin/busybox", "/bin/busybox.static"} {
		if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() {
			return p, nil
		}
	}
	return "", errors.New("no static busybox: install the package busybox-static")
}

// Busybox is a small image of busybox and its links, with a user "dev". More
// environment ("K=V") can be added to its config.
func Busybox(t testing.TB, env ...string) v1.Image {
	t.Helper()
	text, err := busyboxTar()
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
	config.OS, config.Architecture, config.Created = "linux", runtime.GOARCH, v1.Time{Time: epoch}
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
	id, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

var busyboxTar = sync.OnceValues(func() ([]byte, error) {
	path, err := busyboxPath()
	if err != nil {
		return nil, err
	}
	list, err := osexec.Command(path, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("listing busybox's commands: %w", err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries(strings.Fields(string(list)), len(program)) {
		if err := w.WriteHeader(&h.Header); err != nil {
			return nil, err
		}
		content := h.content
		if h.Name == "bin/busybox" {
			content = program
		}
		if _, err := w.Write(content); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), w.Close()
})

type entry struct {
	tar.Header
	content []byte
}

func entries(commands []string, size int) []entry {
	var all []entry
	for _, d := range []struct {
		name string
		mode int64
	}{{"bin/", 0o755}, {"etc/", 0o755}, {"root/", 0o700}, {"tmp/", 0o1777}, {"usr/", 0o755}, {"usr/bin/", 0o755}} {
		all = append(all, entry{Header: tar.Header{Typeflag: tar.TypeDir, Name: d.name, Mode: d.mode, ModTime: epoch}})
	}
	all = append(all, entry{Header: tar.Header{Typeflag: tar.TypeReg, Name: "bin/busybox", Mode: 0o755, Size: int64(size), ModTime: epoch}})
	for _, c := range commands {
		if c != "busybox" {
			all = append(all, entry{Header: tar.Header{
				Typeflag: tar.TypeSymlink, Name: filepath.ToSlash(filepath.Join("bin", c)), Linkname: "busybox", Mode: 0o777, ModTime: epoch,
			}})
		}
	}
	passwd := []byte("root:x:0:0:root:/root:/bin/sh\ndev:x:1000:1000:dev:/tmp:/bin/sh\n")
	return append(all, entry{
		Header: tar.Header{Typeflag: tar.TypeReg, Name: "etc/passwd", Mode: 0o644, Size: int64(len(passwd)), ModTime: epoch}, content: passwd,
	})
}
