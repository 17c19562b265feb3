package resources_test

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/testneeds"
)

// needs skips a test when this machine lacks a program; make test sees to it
// that it does not.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	testneeds.Programs(t, programs...)
}

// npmProject is a lock and the registry that serves what it pins: app needs dep,
// and may have opt.
type npmProject struct {
	lock     string // the lock's file
	conf     string // the configuration of downloads
	into     string
	registry *httptest.Server

	mu     sync.Mutex
	serve  map[string]http.HandlerFunc // instead of the right answer, by path
	tokens map[string]string           // the credentials that came with a request
}

const npmToken = "geheim"

func newNpmProject(t *testing.T) *npmProject {
	t.Helper()
	needs(t, "npm", "node")
	p := &npmProject{into: filepath.Join(t.TempDir(), "prefix"), serve: map[string]http.HandlerFunc{}, tokens: map[string]string{}}
	packages := map[string][]byte{
		"@s/app": npmPackage(t, `{"name": "@s/app", "version": "1.2.3", "bin": {"app": "app.js"}, "dependencies": {"dep": "^2.0.0"}, "optionalDependencies": {"opt": "3.0.0"}}`,
			member{name: "package/app.js", content: "#!/usr/bin/env node\nconsole.log('app', require('dep'));\n"}),
		"dep": npmPackage(t, `{"name": "dep", "version": "2.0.1", "scripts": {"postinstall": "touch ran"}}`,
			member{name: "package/index.js", content: "module.exports = '1.2.3';\n"}),
		"opt": npmPackage(t, `{"name": "opt", "version": "3.0.0"}`, member{name: "package/index.js", content: "\n"}),
	}
	p.registry = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.answer(w, r, packages)
	}))
	t.Cleanup(p.registry.Close)
	p.lock = filepath.Join(t.TempDir(), "package-lock.json")
	write(t, p.lock, p.lockOf(packages), 0o644)
	p.conf = fmt.Sprintf("npm %s/npm/\nheader %s/npm/ Authorization: Bearer %s\n", p.registry.URL, p.registry.URL, npmToken)
	return p
}

func npmPackage(t *testing.T, manifest string, more ...member) []byte {
	t.Helper()
	return gzipped(t, tarOf(t, append([]member{{name: "package/package.json", content: manifest}}, more...)...))
}

func (p *npmProject) answer(w http.ResponseWriter, r *http.Request, packages map[string][]byte) {
	path := strings.TrimPrefix(r.URL.Path, "/npm/")
	p.mu.Lock()
	p.tokens[path] = r.Header.Get("Authorization")
	other := p.serve[path]
	p.mu.Unlock()
	name, _, _ := strings.Cut(path, "/-/")
	switch body, ok := packages[name]; {
	case other != nil:
		other(w, r)
	case !ok:
		http.NotFound(w, r)
	default:
		bytesOf(body)(w, r)
	}
}

func (p *npmProject) lockOf(packages map[string][]byte) string {
	integrity := func(name string) string {
		sum := sha512.Sum512(packages[name])
		return "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
	}
	text, _ := json.Marshal(map[string]any{"name": "app", "lockfileVersion": 3, "requires": true, "packages": map[string]any{
		"": map[string]any{"name": "app", "dependencies": map[string]string{"@s/app": "1.2.3"}},
		"node_modules/@s/app": map[string]any{
			"version": "1.2.3", "integrity": integrity("@s/app"), "bin": map[string]string{"app": "app.js"},
			"dependencies": map[string]string{"dep": "^2.0.0"}, "optionalDependencies": map[string]string{"opt": "3.0.0"},
		},
		"node_modules/dep": map[string]any{"version": "2.0.1", "integrity": integrity("dep"), "hasInstallScript": true},
		"node_modules/opt": map[string]any{"version": "3.0.0", "integrity": integrity("opt"), "optional": true},
	}})
	return string(text)
}

func (p *npmProject) install(t *testing.T, more ...string) outcome {
	t.Helper()
	tmp, conf := t.TempDir(), filepath.Join(t.TempDir(), "conf")
	write(t, conf, p.conf, 0o600)
	env := []string{
		"PATH=" + os.Getenv("PATH"), "TMPDIR=" + tmp, "TEROK_FETCH_CONF=" + conf, "TEROK_FETCH_CA=/nonexistent",
		"TEROK_FETCH_STALL=1", "TEROK_FETCH_PAUSE=0", "TEROK_FETCH_RETRIES=0",
		"npm_config_registry=http://127.0.0.1:9/", // what lies around does not count
	}
	o := run(t, env, "", append([]string{
		"sh", script(t, "fetch/terok-npm"), "--name", "app", "--lock", p.lock, "--cpu", "x64", "--into", p.into,
		"--require", "node_modules/.bin/app",
	}, more...)...)
	if left, _ := filepath.Glob(tmp + "/*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	return o
}

func TestNpmTree(t *testing.T) {
	p := newNpmProject(t)
	p.install(t, "--require", "node_modules/opt/index.js").want(t, 0, "3 packages, checksums good")
	run(t, os.Environ(), "", filepath.Join(p.into, "node_modules/.bin/app")).want(t, 0)
	if _, err := os.Stat(filepath.Join(p.into, "node_modules/dep/ran")); err == nil {
		t.Error("an install script ran")
	}
	for path, token := range p.tokens {
		if strings.Contains(path, "/-/") && token != "Bearer "+npmToken {
			t.Errorf("%s was asked for with %q", path, token)
		}
	}
	// Neither the address nor the token stays.
	o := run(t, os.Environ(), "", "grep", "-rlE", npmToken+"|127\\.0\\.0\\.1", p.into)
	if o.stdout != "" {
		t.Errorf("found in %s", o.stdout)
	}
}

func TestNpmTreeWithoutOptional(t *testing.T) {
	p := newNpmProject(t)
	p.install(t, "--omit", "optional").want(t, 0, "2 packages")
	if _, asked := p.tokens["opt/-/opt-3.0.0.tgz"]; asked {
		t.Error("what is left out was fetched")
	}
}

func TestNpmTreeRefuses(t *testing.T) {
	const dep, opt = "dep/-/dep-2.0.1.tgz", "opt/-/opt-3.0.0.tgz"
	evil := npmPackage(t, `{"name": "dep", "version": "2.0.1"}`, member{name: "package/index.js", content: "evil"})
	elsewhere := serve(t, map[string]http.HandlerFunc{"/evil": func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the token went to another host")
		}
		bytesOf(evil)(w, r)
	}})
	other := strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)
	for _, c := range []struct {
		name, path string
		serve      http.HandlerFunc
		code       int
		want       []string
	}{
		{"another file", dep, bytesOf(evil), 11, []string{"app: checksum mismatch", "sha512"}},
		{"no archive", dep, bytesOf([]byte("no")), 11, []string{"checksum mismatch"}},
		{"another file of an optional package", opt, bytesOf(evil), 15, []string{"node_modules/opt/index.js is not there"}},
		{"not there", dep, http.NotFound, 10, []string{"app: not found", "dep"}},
		{"an optional package that is not there", opt, http.NotFound, 15, []string{"node_modules/opt/index.js is not there"}},
		{"down", dep, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, 12, []string{"network problem", "503"}},
		{"forbidden", dep, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, 12, []string{"403"}},
		{"truncated", dep, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write(evil)
		}, 0, nil},
		{"slow", dep, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 12, []string{"network problem"}},
		{"redirected to another host", dep, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other+"/evil", http.StatusFound)
		}, 11, []string{"checksum mismatch"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newNpmProject(t)
			p.serve[c.path] = c.serve
			o := p.install(t, "--require", "node_modules/opt/index.js")
			if c.code == 0 && o.code == 0 {
				t.Errorf("it was installed: %s", o.stdout)
			} else if c.code != 0 {
				o.want(t, c.code, c.want...)
			}
			if !strings.Contains(o.stderr, "terok-npm: app: ") || strings.Contains(o.stderr, npmToken) {
				t.Errorf("says %s", o.stderr)
			}
		})
	}
}
