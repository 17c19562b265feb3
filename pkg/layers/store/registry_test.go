package store_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// serve starts a registry on loopback; change may answer a request itself.
func serve(t *testing.T, change func(http.ResponseWriter, *http.Request) bool) string {
	t.Helper()
	whole := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if change == nil || !change(w, r) {
			whole.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func image(t *testing.T, arch string) v1.Image {
	t.Helper()
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		OS: "linux", Architecture: arch, RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{Env: []string{"ARCH=" + arch}, OnBuild: []string{"RUN true"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func digests(t *testing.T, img v1.Image) (config, manifest string) {
	t.Helper()
	c, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	m, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return c.String(), m.String()
}

func push(t *testing.T, ref string, img v1.Image) {
	t.Helper()
	to, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(to, img); err != nil {
		t.Fatal(err)
	}
}

func TestPinImage(t *testing.T) {
	host := serve(t, nil)
	img := image(t, "amd64")
	push(t, host+"/a/b:1", img)
	config, manifest := digests(t, img)
	for _, ref := range []string{host + "/a/b:1", host + "/a/b@" + manifest, host + "/a/b:other@" + manifest} {
		got, err := store.Registry{}.Pin(context.Background(), ref, "linux/amd64")
		if err != nil {
			t.Fatal(err)
		}
		if got.ConfigDigest != config || got.Manifest != manifest || len(got.OnBuild) != 1 || got.Env[0] != "ARCH=amd64" {
			t.Errorf("Pin(%q) = %+v, want %s, %s", ref, got, config, manifest)
		}
	}
	_, err := store.Registry{}.Pin(context.Background(), host+"/a/b:1", "linux/s390x")
	checkError(t, err, store.ClassRegistry, "linux/amd64, not for linux/s390x")
}

func TestPinFollowsIndex(t *testing.T) {
	host := serve(t, nil)
	index := v1.ImageIndex(empty.Index)
	want := map[string]v1.Image{"amd64": image(t, "amd64"), "arm64": image(t, "arm64")}
	for arch, img := range want {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	ref, err := name.ParseReference(host + "/multi:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index); err != nil {
		t.Fatal(err)
	}
	for arch, img := range want {
		got, err := store.Registry{}.Pin(context.Background(), ref.String(), "linux/"+arch)
		if err != nil {
			t.Fatal(err)
		}
		if config, manifest := digests(t, img); got.ConfigDigest != config || got.Manifest != manifest {
			t.Errorf("Pin for %s = %+v, want %s, %s", arch, got, config, manifest)
		}
	}
	_, err = store.Registry{}.Pin(context.Background(), ref.String(), "linux/s390x")
	checkError(t, err, store.ClassRegistry, "not offered for linux/s390x, only for")
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("errors.Is(%v, ErrNotFound) = false", err)
	}
}

func TestPinFailures(t *testing.T) {
	status := func(code int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/manifests/") {
				w.WriteHeader(code)
				return true
			}
			return false
		}
	}
	for _, c := range []struct {
		name   string
		change func(http.ResponseWriter, *http.Request) bool
		want   error
	}{
		{"401", status(401), store.ErrUnauthorized},
		{"403", status(403), store.ErrUnauthorized},
		{"404", nil, store.ErrNotFound},
		{"429", status(429), store.ErrRateLimited},
		{"500", status(500), store.ErrUnreachable},
		{"truncated", func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				return false
			}
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			w.Header().Set("Content-Length", "500")
			_, _ = io.WriteString(w, `{"schemaVersion":2,`)
			return true
		}, store.ErrBadAnswer},
		{"garbled", func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				return false
			}
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			_, _ = io.WriteString(w, `{"schemaVersion":2,`)
			return true
		}, store.ErrBadAnswer},
		{"broken off", func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }, store.ErrUnreachable},
	} {
		t.Run(c.name, func(t *testing.T) {
			host := serve(t, c.change)
			_, err := store.Registry{}.Pin(context.Background(), host+"/a/b:1", "linux/amd64")
			checkError(t, err, store.ClassRegistry, "asking "+host)
			if !errors.Is(err, c.want) {
				t.Errorf("error %v (%#v), want %v", err, errors.Unwrap(err), c.want)
			}
			var e *store.Error
			if errors.As(err, &e) && e.Hint == "" {
				t.Error("no hint")
			}
		})
	}
}

func TestPinUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := l.Addr().String()
	_ = l.Close()
	_, err = store.Registry{}.Pin(context.Background(), host+"/a/b:1", "linux/amd64")
	checkError(t, err, store.ClassRegistry, "connection refused")
	if !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("errors.Is(%v, ErrUnreachable) = false", err)
	}
}

func TestPinBadReferences(t *testing.T) {
	for _, ref := range []string{"", "localhost/x:1", "Ubuntu:24.04", "a b"} {
		_, err := store.Registry{}.Pin(context.Background(), ref, "linux/amd64")
		checkError(t, err, store.ClassRegistry, "asking for")
	}
	_, err := store.Registry{}.Pin(context.Background(), "debian", "a/b/c/d")
	checkError(t, err, store.ClassRegistry, "platform")
}
