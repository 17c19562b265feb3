package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/resources"
)

// TestRPMScript builds the real images with a real dnf, on both engines, on a
// stand-in for a base with one: what dnf asks for, checks and unpacks is real,
// what most packages hold is not.
func TestRPMScript(t *testing.T) {
	if os.Getenv("TEROK_LONG") == "" {
		t.Log("part of make test-long: it makes a base and its packages")
		return
	}
	buildkittest.Require(t)
	storage := podmantest.Storage(t)
	podmantest.LoadDebian(t, storage)
	daemon := buildkittest.Daemon(t)
	repo := startRepository(t)
	makeRPMBase(t, storage, repo)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/rpm", UpdateScripts: *update, RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "repo": repo.command},
		Setup: func(e *testscript.Env) error {
			if err := setupReal(e, storage, rpmBase); err != nil {
				return err
			}
			e.Setenv("BUILDKIT_HOST", daemon)
			e.Setenv("TEROK_STORE", "podman")
			return os.WriteFile(filepath.Join(e.WorkDir, "names"), []byte(strings.Join(rpmNames(t), "\n")+"\n"), 0o644)
		},
	})
}

// rpmBase has a name that tells nothing.
const rpmBase = "corp/base:1"

// rpmNames are the packages that the recipes of an rpm base ask for.
func rpmNames(t *testing.T) []string {
	t.Helper()
	g, err := build.DrawSpec(build.Spec{Base: rpmBase, Family: layers.RPM}, resources.FS)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, id := range []graph.ID{layers.L0ID, layers.FetchID} {
		n, _ := g.Lookup(id)
		installs := strings.Split(string(n.Recipe.Dockerfile), `dnf "$@" install`)
		for _, after := range installs[1:] {
			list, _, _ := strings.Cut(after, ";")
			names = append(names, strings.Fields(strings.ReplaceAll(list, "\\\n", " "))...)
		}
		if len(installs) < 2 {
			t.Fatalf("no list of packages in the recipe of %s:\n%s", id, n.Recipe.Dockerfile)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// makeRPMBase builds the base into the storage and its repository into the
// server's directory.
func makeRPMBase(t *testing.T, storage podmantest.Env, repo *repository) {
	t.Helper()
	context := t.TempDir()
	if err := os.CopyFS(context, os.DirFS("testdata/rpmbase")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(context, "names"), []byte(strings.Join(rpmNames(t), "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	storage.Run(t, "build", "-q", "--network=host", "--target=repo", "--output=type=local,dest="+repo.dir, context)
	storage.Run(t, "build", "-q", "--network=host", "--target=base", "--build-arg=PORT="+repo.port, "-t", "localhost/"+rpmBase, context)
}

// repository serves packages on loopback, always at the same port, and keeps a
// log.
type repository struct {
	dir, port string

	mu      sync.Mutex
	server  *http.Server
	asked   []string
	corrupt string // of packages with this in their names one byte is turned
}

func startRepository(t *testing.T) *repository {
	r := &repository{dir: t.TempDir()}
	if err := r.start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.stop)
	return r
}

func (r *repository) start(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("starting the repository: %w", err)
	}
	_, r.port, _ = net.SplitHostPort(l.Addr().String())
	r.server = &http.Server{Handler: r}
	go func() { _ = r.server.Serve(l) }()
	return nil
}

func (r *repository) stop() { _ = r.server.Close() }

// ServeHTTP implements http.Handler.
func (r *repository) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.asked = append(r.asked, req.Method+" "+req.URL.Path)
	corrupt := r.corrupt
	r.mu.Unlock()
	file := filepath.Join(r.dir, filepath.FromSlash(req.URL.Path))
	if corrupt == "" || !strings.Contains(filepath.Base(file), corrupt) {
		http.ServeFile(w, req, file)
		return
	}
	body, err := os.ReadFile(file)
	if err != nil {
		http.NotFound(w, req)
		return
	}
	body[len(body)/2] ^= 1
	_, _ = w.Write(body)
}

// command is "repo": down and up stop and start it, corrupt NAME turns a byte of
// packages with that name, whole of none, asked FILE writes down what was asked
// for and forgets it.
func (r *repository) command(ts *testscript.TestScript, neg bool, args []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case neg:
		ts.Fatalf("repo cannot fail")
	case len(args) == 1 && args[0] == "down":
		r.stop()
	case len(args) == 1 && args[0] == "up":
		ts.Check(r.start("127.0.0.1:" + r.port))
	case len(args) == 2 && args[0] == "corrupt":
		r.corrupt = args[1]
	case len(args) == 1 && args[0] == "whole":
		r.corrupt = ""
	case len(args) == 2 && args[0] == "asked":
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(r.asked, "\n")+"\n"), 0o644))
		r.asked = nil
	default:
		ts.Fatalf("usage: repo down|up|corrupt NAME|whole|asked FILE")
	}
}
