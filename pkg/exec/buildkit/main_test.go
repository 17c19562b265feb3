package buildkit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
)

// One daemon serves all tests of the package.
var shared struct {
	once sync.Once
	env  *buildkittest.Env
	stop func() error
	err  error
}

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(childMain())
	}
	code := m.Run()
	if shared.stop != nil {
		if err := shared.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the tests' daemon:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// daemon returns the package's daemon.
func daemon(t *testing.T) *buildkittest.Env {
	t.Helper()
	buildkittest.Require(t)
	shared.once.Do(func() { shared.env, shared.stop, shared.err = buildkittest.Open() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.env
}

const baseName = "docker.io/library/busybox:1"

// onLayout returns an executor that builds into a new layout with a busybox
// base in it.
func onLayout(t *testing.T) (x *buildkit.Executor, dir, base string) {
	t.Helper()
	env := daemon(t)
	dir = filepath.Join(t.TempDir(), "images")
	base = buildkittest.AddToLayout(t, dir, baseName, buildkittest.Busybox(t))
	x = executor(t, env.Address, buildkit.NewLayout(buildkit.LayoutOptions{Dir: dir, Platform: layers.HostPlatform}))
	return x, dir, base
}

func executor(t *testing.T, address string, target buildkit.Target) *buildkit.Executor {
	t.Helper()
	x := buildkit.New(buildkit.Options{Addresses: []string{address}, Target: target, Getenv: noEnv})
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return x
}

func noEnv(string) string { return "" }

// recorder keeps events.
type recorder struct {
	mu     sync.Mutex
	events []exec.Event
	// seen is called for each event.
	seen func(exec.Event)
}

func (r *recorder) Event(e exec.Event) {
	r.mu.Lock()
	r.events = append(r.events, e)
	r.mu.Unlock()
	if r.seen != nil {
		r.seen(e)
	}
}

func (r *recorder) of(k exec.EventKind) []exec.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []exec.Event
	for _, e := range r.events {
		if e.Kind == k {
			out = append(out, e)
		}
	}
	return out
}

// withBase begins a Dockerfile on the base of fromBase.
const withBase = "ARG BASE=" + baseName + "\nFROM ${BASE}\n"

// request is a layer "demo" from a Dockerfile and files.
func request(dockerfile string, files fstest.MapFS, parents ...exec.Parent) exec.Request {
	r := exec.Request{
		Node: "demo", Parents: parents,
		Recipe: graph.Recipe{Name: "demo.Dockerfile", Dockerfile: []byte(dockerfile), Platform: layers.HostPlatform()},
		Labels: map[string]string{graph.LabelNode: "demo", graph.LabelKey: "sha256:0"},
	}
	if files != nil {
		r.Recipe.Context = files
	}
	return r
}

func fromBase(id string) exec.Parent {
	return exec.Parent{Node: "base", Arg: "BASE", Ref: baseName, Image: id}
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text), Mode: 0o644} }

func build(t *testing.T, x *buildkit.Executor, r exec.Request) (exec.Result, *recorder) {
	t.Helper()
	rec := &recorder{}
	res, err := x.Build(t.Context(), r, rec)
	if err != nil {
		for _, e := range rec.of(exec.Log) {
			t.Log(e.Text)
		}
		t.Fatal(err)
	}
	return res, rec
}

func buildError(t *testing.T, x *buildkit.Executor, r exec.Request) *exec.Error {
	t.Helper()
	res, err := x.Build(context.WithoutCancel(t.Context()), r, &recorder{})
	var e *exec.Error
	if !errors.As(err, &e) {
		t.Fatalf("Build = %+v, %v; want an *exec.Error", res, err)
	}
	return e
}

// imageIn returns an image of a layout by its config digest.
func imageIn(t *testing.T, dir, config string) v1.Image {
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
		if id, err := img.ConfigName(); err == nil && id.String() == config {
			return img
		}
	}
	t.Fatalf("no image %s in %s", config, dir)
	return nil
}

// contentOf returns a file of an image, without the newline at its end.
func contentOf(t *testing.T, img v1.Image, path string) string {
	t.Helper()
	text, err := readFile(mutate.Extract(img), path)
	if err != nil {
		t.Fatalf("reading %s: %v", path, err)
	}
	return text
}
