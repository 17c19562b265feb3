package main

import (
	"archive/tar"
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/terok-ai/terok-agent/pkg/layers"
)

// TestFamilyScript runs the scripts about the package family of a base: no engine
// is needed to tell it, so there is none.
func TestFamilyScript(t *testing.T) {
	var gone atomic.Bool
	var layer []string
	whole := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if gone.Load() && slices.Contains(layer, path.Base(r.URL.Path)) {
			http.NotFound(w, r)
			return
		}
		whole.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	host := strings.TrimPrefix(s.URL, "http://")
	for base, release := range map[string]string{"base": "ID=debian", "fedora": "ID=fedora", "alpine": "ID=alpine", "silent": "", "other": "ID=other"} {
		layer = append(layer, pushBase(t, host+"/corp/"+base+":1", release))
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/family", UpdateScripts: *update, RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":      exits,
			"layersgone": func(*testscript.TestScript, bool, []string) { gone.Store(true) },
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("REGISTRY", host)
			return setupHome(e)
		},
	})
}

// pushBase puts an image with this os-release into a registry; "" is none. It
// returns the digest of its layer.
func pushBase(t *testing.T, ref, release string) (layer string) {
	t.Helper()
	file := "etc/os-release"
	if release == "" {
		file = "etc/issue"
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	_ = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: file, Mode: 0o644, Size: int64(len(release))})
	_, _ = io.WriteString(w, release)
	_ = w.Close()
	files, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	_, arch, _ := strings.Cut(layers.HostPlatform(), "/")
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: arch})
	if err == nil {
		img, err = mutate.AppendLayers(img, files)
	}
	if err != nil {
		t.Fatal(err)
	}
	to, err := name.ParseReference(ref)
	if err == nil {
		err = remote.Write(to, img)
	}
	if err != nil {
		t.Fatal(err)
	}
	digest, err := files.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}
