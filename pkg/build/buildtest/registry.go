package buildtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
)

// Registry serves tarballs and what is said about them on loopback, under the
// paths that an npm registry has them, and counts what was asked for.
type Registry struct {
	URL string

	mu    sync.Mutex
	files map[string][]byte
	serve map[string]func(http.ResponseWriter, []byte)
	hits  map[string]int
}

func newRegistry(t testing.TB) *Registry {
	r := &Registry{files: map[string][]byte{}, serve: map[string]func(http.ResponseWriter, []byte){}, hits: map[string]int{}}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	r.URL = s.URL
	return r
}

func tarballPath(pkg, version string) string {
	return fmt.Sprintf("/%s/-/%s-%s.tgz", pkg, path.Base(pkg), version)
}

// Put offers a version of a package, as its newest.
func (r *Registry) Put(pkg, version string, body []byte) {
	manifest := fmt.Appendf(nil, `{"name": %q, "version": %q, "dist": {"integrity": "sha512-%s"}}`, pkg, version, Sha512(body))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files[tarballPath(pkg, version)] = body
	r.files["/"+pkg+"/"+version] = manifest
	r.files["/"+pkg+"/latest"] = manifest
}

// PutFile offers a file at a path below the root.
func (r *Registry) PutFile(path string, body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files[path] = body
}

// Flip changes a bit of a file at a path; a second time it changes it back.
func (r *Registry) Flip(t testing.TB, path string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	body := append([]byte(nil), r.files[path]...)
	if len(body) == 0 {
		t.Fatalf("there is no file %s", path)
	}
	body[len(body)/2] ^= 1
	r.files[path] = body
}

// Misbehave answers requests for a version of a package with f, which is given
// the right body; nil makes the registry behave again.
func (r *Registry) Misbehave(pkg, version string, f func(http.ResponseWriter, []byte)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.serve[tarballPath(pkg, version)] = f
}

// ServeHTTP implements http.Handler.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	name := strings.ReplaceAll(req.URL.Path, "%2f", "/")
	r.mu.Lock()
	body, ok := r.files[name]
	f := r.serve[name]
	r.hits[path.Base(name)]++
	r.mu.Unlock()
	switch {
	case f != nil:
		f(w, body)
	case !ok:
		http.NotFound(w, req)
	default:
		_, _ = w.Write(body)
	}
}

// Downloads returns how many requests there were since the last call.
func (r *Registry) Downloads() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for name, hits := range r.hits {
		n += hits
		delete(r.hits, name)
	}
	return n
}
