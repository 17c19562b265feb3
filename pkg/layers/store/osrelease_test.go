package store_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/terok-ai/terok-agent/pkg/layers/store"
	"github.com/terok-ai/terok-agent/pkg/testfile"
)

// releases are images, layer by layer from below; a file of "path" holds text,
// one of "path@" is a link. want is the os-release that the image has.
var releases = map[string]struct {
	layers [][]string
	want   string
}{
	"a file":                {[][]string{{"etc/os-release", "ID=a"}}, "ID=a"},
	"a link":                {[][]string{{"etc/os-release@", "../usr/lib/os-release", "usr/lib/os-release", "ID=b"}}, "ID=b"},
	"a link from the root":  {[][]string{{"etc/os-release@", "/usr/lib/os-release", "usr/lib/os-release", "ID=c"}}, "ID=c"},
	"elsewhere":             {[][]string{{"etc/os-release@", "/opt/own/os-release", "opt/own/os-release", "ID=d"}}, "ID=d"},
	"only below usr":        {[][]string{{"usr/lib/os-release", "ID=e"}}, "ID=e"},
	"the file counts first": {[][]string{{"usr/lib/os-release", "ID=no", "etc/os-release", "ID=f"}}, "ID=f"},
	"the upper layer":       {[][]string{{"etc/os-release", "ID=old"}, {"etc/other", "x"}, {"etc/os-release", "ID=g"}}, "ID=g"},
	"over two layers":       {[][]string{{"etc/os-release@", "../usr/lib/os-release", "usr/lib/os-release", "ID=old"}, {"usr/lib/os-release", "ID=h"}}, "ID=h"},
	"removed":               {[][]string{{"etc/os-release", "ID=old"}, {"etc/.wh.os-release", ""}}, ""},
	"removed, another left": {[][]string{{"etc/os-release", "ID=old", "usr/lib/os-release", "ID=i"}, {"etc/.wh.os-release", ""}}, "ID=i"},
	"an emptied directory":  {[][]string{{"etc/os-release", "ID=old"}, {"etc/.wh..wh..opq", ""}}, ""},
	"emptied and filled":    {[][]string{{"etc/os-release", "ID=old"}, {"etc/.wh..wh..opq", "", "etc/os-release", "ID=j"}}, "ID=j"},
	"nothing":               {[][]string{{"etc/passwd", "x"}}, ""},
	"a circle":              {[][]string{{"etc/os-release@", "os-release"}}, ""},
	"out of the image":      {[][]string{{"etc/os-release@", "../../../../../../../../../../outside/os-release"}}, ""},
	"of no matter":          {[][]string{{"opt/os-release", "ID=no"}}, ""},
}

func archived(t *testing.T, files []string) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for pair := range slices.Chunk(files, 2) {
		name, isLink := strings.CutSuffix(pair[0], "@")
		h := &tar.Header{Typeflag: tar.TypeReg, Name: "./" + name, Mode: 0o644, Size: int64(len(pair[1]))}
		if isLink {
			h = &tar.Header{Typeflag: tar.TypeSymlink, Name: "./" + name, Linkname: pair[1]}
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if !isLink {
			_, _ = io.WriteString(w, pair[1])
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// imageOf is an image with these layers and its config digest.
func imageOf(t *testing.T, layers [][]string) (v1.Image, string) {
	t.Helper()
	img := labelled(t, "amd64", "x")
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	img, err = mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: config.OS, Architecture: config.Architecture, Config: config.Config})
	for _, files := range layers {
		if err == nil {
			img, err = mutate.AppendLayers(img, archived(t, files))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	id, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	return img, id.String()
}

func TestOSReleaseOfLayout(t *testing.T) {
	path, dir := newLayout(t)
	for name, c := range releases {
		img, id := imageOf(t, c.layers)
		if strings.Contains(name, "link") { // as images for several platforms lie there
			index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: img})
			if err := path.AppendIndex(index); err != nil {
				t.Fatal(err)
			}
		} else {
			appendImage(t, path, img, nil)
		}
		got, err := store.Layout{Dir: dir}.OSRelease(t.Context(), id)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
	if _, err := (store.Layout{Dir: dir}).OSRelease(t.Context(), "sha256:"+strings.Repeat("0", 64)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an image that is not there: %v", err)
	}
	img, id := imageOf(t, [][]string{{"etc/os-release", "ID=lost"}})
	appendImage(t, path, img, nil)
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	lost, _ := layers[0].Digest()
	if err := layout.Path(dir).RemoveBlob(lost); err != nil {
		t.Fatal(err)
	}
	if text, err := (store.Layout{Dir: dir}).OSRelease(t.Context(), id); err == nil {
		t.Errorf("a layer that is gone: %q and no error", text)
	}
}

func TestOSReleaseOfRegistry(t *testing.T) {
	var bytesSent atomic.Int64
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(&counting{w, &bytesSent}, r)
	}))
	defer s.Close()
	ref := strings.TrimPrefix(s.URL, "http://") + "/base:1"
	for name, c := range releases {
		img, id := imageOf(t, c.layers)
		push(t, ref, img)
		got, err := store.Registry{}.OSRelease(t.Context(), ref, id, "linux/amd64")
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
	img, _ := imageOf(t, [][]string{{"etc/os-release", "ID=moved"}})
	push(t, ref, img)
	if _, err := (store.Registry{}).OSRelease(t.Context(), ref, "sha256:"+strings.Repeat("0", 64), "linux/amd64"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another image than expected: %v", err)
	}

	// A large layer is read as far as it takes, and so are those above it.
	noise := make([]byte, 32<<20)
	for i := range noise {
		noise[i] = byte(i*i>>7 ^ i>>3)
	}
	img, id := imageOf(t, [][]string{{"lost", string(noise)}, {"etc/os-release", "ID=big", "usr/big", string(noise)}})
	push(t, ref, img)
	size, _ := img.Size()
	layers, _ := img.Layers()
	for _, l := range layers {
		n, _ := l.Size()
		size += n
	}
	bytesSent.Store(0)
	got, err := store.Registry{}.OSRelease(t.Context(), ref, id, "linux/amd64")
	if err != nil || string(got) != "ID=big" {
		t.Errorf("a large image: %q, %v", got, err)
	}
	lower, _ := layers[0].Size()
	if sent := bytesSent.Load(); sent >= size-lower/2 {
		t.Errorf("%d bytes of %d were read", sent, size)
	}
}

type counting struct {
	http.ResponseWriter
	sent *atomic.Int64
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.sent.Add(int64(n))
	return n, err
}

// A podman that says where files lie, as the real one does.
func TestOSReleaseOfPodman(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	testfile.Write(t, filepath.Join(outside, "os-release"), "ID=host")
	id := strings.Repeat("1", 64)
	for name, c := range releases {
		var dirs []string
		for _, files := range c.layers {
			dir := t.TempDir()
			for pair := range slices.Chunk(files, 2) {
				file, isLink := strings.CutSuffix(pair[0], "@")
				target := strings.ReplaceAll(pair[1], "/outside", outside)
				if file = filepath.Join(dir, file); !isLink {
					testfile.Write(t, file, pair[1])
				} else if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil || os.Symlink(target, file) != nil {
					t.Fatal(err)
				}
			}
			dirs = append([]string{dir}, dirs...)
		}
		p := saying(t, dirs)
		got, known, err := p.OSRelease(t.Context(), "sha256:"+id)
		if err != nil || !known || string(got) != c.want {
			t.Errorf("%s: %q, %v, %v, want %q", name, got, known, err, c.want)
		}
	}
}

func TestOSReleaseNotKnown(t *testing.T) {
	here := t.TempDir()
	escape := t.TempDir()
	if err := os.Symlink("/etc", filepath.Join(escape, "etc")); err != nil {
		t.Fatal(err)
	}
	for name, dirs := range map[string][]string{
		"no directories": nil, "on another machine": {"/nowhere/diff"}, "half of it": {here, "/nowhere/diff"}, "a way out": {escape},
	} {
		if got, known, err := saying(t, dirs).OSRelease(t.Context(), strings.Repeat("1", 64)); known || err != nil {
			t.Errorf("%s: %q, %v, %v", name, got, known, err)
		}
	}
	failing := store.Podman{Cmd: []string{"sh", "-c", "echo 'Error: x: image not known' >&2; exit 125", "podman"}}
	if _, _, err := failing.OSRelease(t.Context(), strings.Repeat("1", 64)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an image that is not there: %v", err)
	}
	garbage := store.Podman{Cmd: []string{"echo", "x"}}
	if _, _, err := garbage.OSRelease(t.Context(), strings.Repeat("1", 64)); !errors.Is(err, store.ErrBadAnswer) {
		t.Errorf("an answer that is none: %v", err)
	}
}

// saying is a podman whose images have their files in these directories.
func saying(t *testing.T, dirs []string) store.Podman {
	t.Helper()
	data := ""
	if len(dirs) > 0 {
		data = fmt.Sprintf(`"UpperDir": %q`, dirs[0])
	}
	if len(dirs) > 1 {
		data += fmt.Sprintf(`, "LowerDir": %q`, strings.Join(dirs[1:], ":"))
	}
	file := filepath.Join(t.TempDir(), "answer")
	testfile.Write(t, file, `[{"GraphDriver": {"Name": "overlay", "Data": {`+data+`}}}]`)
	return store.Podman{Cmd: []string{"sh", "-c", "cat '" + file + "'", "podman"}}
}
