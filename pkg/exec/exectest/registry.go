package exectest

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Registry is a container registry on loopback that keeps images in memory and
// can be made to misbehave.
type Registry struct {
	// Host is "127.0.0.1:PORT".
	Host string

	mu     sync.Mutex
	answer func(http.ResponseWriter, *http.Request) bool
}

// ServeRegistry serves a registry that ends with the test.
func ServeRegistry(t testing.TB) *Registry {
	t.Helper()
	r := &Registry{}
	whole := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		answer := r.answer
		r.mu.Unlock()
		if answer == nil || !answer(w, q) {
			whole.ServeHTTP(w, q)
		}
	}))
	// Whoever still waits for an answer must not keep the test from ending.
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	r.Host = strings.TrimPrefix(s.URL, "http://")
	return r
}

// Misbehave lets f answer first; when it returns false the registry answers as
// it should. nil makes it behave again.
func (r *Registry) Misbehave(f func(http.ResponseWriter, *http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

// Put puts an image under "REPO:TAG" and returns its full reference.
func (r *Registry) Put(t testing.TB, short string, img v1.Image) string {
	t.Helper()
	if err := remote.Write(r.reference(t, short), img); err != nil {
		t.Fatal(err)
	}
	return r.Host + "/" + short
}

// Image returns the image under "REPO:TAG" and whether there is one.
func (r *Registry) Image(t testing.TB, short string) (v1.Image, bool) {
	t.Helper()
	img, err := remote.Image(r.reference(t, short))
	return img, err == nil
}

func (r *Registry) reference(t testing.TB, short string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(r.Host+"/"+short, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// Faults are ways in which a registry answers wrongly, for Misbehave.
var Faults = map[string]http.HandlerFunc{
	"401": status(http.StatusUnauthorized),
	"404": status(http.StatusNotFound),
	"429": status(http.StatusTooManyRequests),
	"500": status(http.StatusInternalServerError),
	"truncated": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		w.Header().Set("Content-Length", "500")
		_, _ = io.WriteString(w, `{"schemaVersion":2,`)
	},
	"broken off": func(w http.ResponseWriter, _ *http.Request) {
		if h, ok := w.(http.Hijacker); ok {
			if c, _, err := h.Hijack(); err == nil {
				_ = c.Close()
			}
		}
	},
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}
