package podman_test

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
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

// engine returns the package's podman and the ID of its busybox image.
func engine(t testing.TB) (podmantest.Env, string) {
	t.Helper()
	podmantest.Require(t)
	shared.once.Do(func() {
		shared.env, shared.remove, shared.err = podmantest.Open()
		if shared.err == nil {
			shared.base, shared.err = shared.env.ImportBusybox(exectest.BaseRef, "ENV GREETING=conform")
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

// request is a layer "demo" on the host's network: making another for each step
// takes long.
func request(dockerfile string, files fstest.MapFS, parents ...exec.Parent) exec.Request {
	r := exectest.Layer(dockerfile, files, parents...)
	r.Options.Network = "host"
	return r
}

// entries lists a directory.
func entries(t testing.TB, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}
