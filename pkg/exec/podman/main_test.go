package podman_test

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/podman"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
	"github.com/terok-ai/terok-agent/pkg/graph"
)

// One storage serves all tests of the package: making one costs seconds.
var shared struct {
	once   sync.Once
	env    podmantest.Env
	base   string
	remove func() error
	err    error
}

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(childMain())
	}
	if os.Getenv(stubVariable) != "" {
		os.Exit(stubMain())
	}
	code := m.Run()
	if shared.remove != nil {
		if err := shared.remove(); err != nil {
			fmt.Fprintln(os.Stderr, "removing the tests' storage:", err)
			code = 1
		}
	}
	os.Exit(code)
}

const baseName = "docker.io/library/busybox:1"

// engine returns the package's podman and the ID of its busybox image.
func engine(t *testing.T) (podmantest.Env, string) {
	t.Helper()
	podmantest.Require(t)
	shared.once.Do(func() {
		shared.env, shared.remove, shared.err = podmantest.Open()
		if shared.err == nil {
			shared.base, shared.err = shared.env.ImportBusybox(baseName)
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.env, shared.base
}

// newExecutor returns an executor on the shared storage and its directory for
// temporary files.
func newExecutor(t *testing.T) (*podman.Executor, podmantest.Env, string) {
	t.Helper()
	e, base := engine(t)
	return podman.New(options(t, e)), e, base
}

func options(t *testing.T, e podmantest.Env) podman.Options {
	return podman.Options{Cmd: e.Cmd, Env: e.Vars, TempDir: t.TempDir()}
}

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

func (r *recorder) texts(k exec.EventKind) []string {
	var out []string
	for _, e := range r.events {
		if e.Kind == k {
			out = append(out, e.Text)
		}
	}
	return out
}

// request is a layer "demo" from a Dockerfile and files.
func request(dockerfile string, files fstest.MapFS, parents ...exec.Parent) exec.Request {
	return exec.Request{
		Node: "demo", Parents: parents,
		Recipe:  graph.Recipe{Name: "demo.Dockerfile", Dockerfile: []byte(dockerfile), Context: files},
		Labels:  map[string]string{graph.LabelNode: "demo", graph.LabelKey: "sha256:0"},
		Options: exec.BuildOptions{Network: "host"},
	}
}

func fromBase(id string) exec.Parent {
	return exec.Parent{Node: "base", Arg: "BASE", Ref: baseName, Image: id}
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text), Mode: 0o644} }
