package build_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
)

// requests tell what a registry is asked for.
type requests func(*http.Request) bool

func reading(what string) requests {
	return func(q *http.Request) bool { return q.Method != http.MethodPost && strings.Contains(q.URL.Path, what) }
}

func uploading(q *http.Request) bool { return q.Method == http.MethodPost }

// wantFailure makes sure that an error says all that a person needs.
func wantFailure(t *testing.T, err error, class exec.Class, words string) {
	t.Helper()
	var e *build.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want a *build.Error", err)
	}
	if e.Class != string(class) || e.ExitCode != 1 || e.Hint == "" || !strings.Contains(e.Message, words) {
		t.Errorf("class %q, exit code %d, hint %q: %v; want %s, 1, a hint, and a word of %s", e.Class, e.ExitCode, e.Hint, err, class, words)
	}
}

// onBase chooses another base.
func onBase(ref string) change {
	return func(s *build.Spec, _ *build.Options) { s.Base, s.Family = ref, "deb" }
}

// Whatever a registry answers, and whoever asks it for what, is an error of one
// class with a hint.
func TestRegistryFailures(t *testing.T) {
	p := newLayoutProject(t)
	p.agents = "claude"
	p.apply(t)
	r := newTeamRegistry(t)
	ref := r.Put(t, "library/other:1", buildkittest.Busybox(t, "OTHER=1"))
	onRegistry := func(_ *build.Spec, o *build.Options) { o.Store = "registry:" + r.prefix }
	for _, op := range []struct {
		name    string
		of      requests
		changes []change
		// except is answered rightly, slow after several tries.
		except, slow string
	}{
		{"looking at the store", reading("/manifests/"), []change{onRegistry}, "404", ""},
		{"pinning the base", reading("/manifests/"), []change{onBase(ref)}, "", ""},
		{"pulling the base", reading("/blobs/"), []change{onBase(ref)}, "", ""},
		{"pushing from a layout", uploading, []change{pushTo(r)}, "", ""},
		{"pushing from the daemon", uploading, []change{onRegistry, onBase(ref), targets("l0")}, "", "broken off"},
	} {
		for fault, answer := range exectest.Faults {
			if fault == op.except || (fault == op.slow && os.Getenv("TEROK_LONG") == "") {
				continue // there is no such image, which is no failure; or the daemon tries for long
			}
			t.Run(op.name+"/"+fault, func(t *testing.T) {
				r.Misbehave(func(w http.ResponseWriter, q *http.Request) bool {
					hit := op.of(q)
					if hit {
						answer(w, q)
					}
					return hit
				})
				defer r.Misbehave(nil)
				_, err := p.tryApply(op.changes...)
				wantFailure(t, err, exec.ClassRegistry, r.Host)
			})
		}
	}
	p.upToDate(t)
}

// What is wrong with a daemon is said before anything is built, or where it
// broke off.
func TestDaemonFailures(t *testing.T) {
	buildkittest.Require(t)
	dead, stop, err := buildkittest.Open(buildkittest.NoEntitlements)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stop() }()
	p := newLayoutProject(t)
	p.agents = "claude"
	at := func(address string) change {
		return func(_ *build.Spec, o *build.Options) { o.BuildkitAddrs = []string{address} }
	}
	onHost := func(_ *build.Spec, o *build.Options) { o.Network = "host" }
	words := "sleep\x0076511"
	dying := func(_ *build.Spec, o *build.Options) {
		o.BuildkitAddrs = []string{dead.Address}
		o.Sink = exec.SinkFunc(func(e exec.Event) {
			if e.Kind == exec.Log && e.Text == "running" {
				dead.Kill()
			}
		})
	}
	for _, c := range []struct {
		name    string
		changes []change
		class   exec.Class
		words   string
	}{
		{"no such scheme", []change{at("http://127.0.0.1:1")}, exec.ClassNoEngine, "http"},
		{"no such socket", []change{at("unix:///nowhere/bk.sock")}, exec.ClassNoEngine, "/nowhere/bk.sock"},
		{"it is too old", []change{at(buildkittest.Lacking(t, dead.Address, func(string) bool { return true }))}, exec.ClassDialect, "l0"},
		{"a missing entitlement", []change{at(dead.Address), onHost}, exec.ClassNetwork, "network.host"},
		{"it dies while it builds", []change{dying}, exec.ClassNoEngine, "l0"},
		{"it is dead", []change{at(dead.Address)}, exec.ClassNoEngine, dead.Address},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "it dies while it builds" {
				whole := p.Read(t, "templates/l0.Dockerfile.tmpl")
				p.Edit(t, "templates/l0.Dockerfile.tmpl", "echo installing packages", "echo running && "+strings.ReplaceAll(words, "\x00", " "))
				defer p.Write(t, "templates/l0.Dockerfile.tmpl", whole)
				defer exectest.EndAll(t, words) // a daemon that is killed leaves its steps
			}
			_, err := p.tryApply(append(c.changes, targets("l0"))...)
			wantFailure(t, err, c.class, c.words)
			if _, found := p.plan(t).Snapshot.ByName("localhost/terok-l0:debian-12"); found {
				t.Error("a name moved")
			}
		})
	}
	if got := p.apply(t, targets("l0")); got != "l0" {
		t.Errorf("on a daemon that lives built %q", got)
	}
}

// What "podman login" and "docker login" keep is used by us and, through us, by
// the daemon.
func TestCredentials(t *testing.T) {
	p := newLayoutProject(t)
	p.agents = "claude"
	r := newTeamRegistry(t)
	ref := r.Put(t, "library/debian:12", buildkittest.Busybox(t))
	r.Misbehave(func(w http.ResponseWriter, q *http.Request) bool {
		user, password, _ := q.BasicAuth()
		if user == "somebody" && password == "password" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="team"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	there := func(s *build.Spec, o *build.Options) {
		s.Base, s.Family, o.Store = ref, "deb", "registry:"+r.prefix
	}
	run := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", run)
	_, err := p.tryApply(there)
	wantFailure(t, err, exec.ClassRegistry, r.Host)
	var e *build.Error
	if errors.As(err, &e) && !strings.Contains(e.Hint, "podman login "+r.Host) {
		t.Errorf("hint %q, want how to log in", e.Hint)
	}
	file := filepath.Join(run, "containers", "auth.json")
	text := `{"auths": {"` + r.Host + `": {"auth": "` + base64.StdEncoding.EncodeToString([]byte("somebody:password")) + `"}}}`
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := p.apply(t, there); got != "agent/claude fetch l0 l1" {
		t.Errorf("built %q", got)
	}
	p.upToDate(t, there)
}
