package buildkit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(childMain())
	}
	if isDialer() {
		os.Exit(dialMain())
	}
	code := m.Run()
	if err := buildkittest.StopShared(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the tests' daemon:", err)
		code = 1
	}
	os.Exit(code)
}

// onLayout returns an executor that builds into a new layout with a busybox
// base in it.
func onLayout(t *testing.T) (x *buildkit.Executor, dir, base string) {
	t.Helper()
	env := buildkittest.Shared(t)
	dir = filepath.Join(t.TempDir(), "images")
	base = buildkittest.AddToLayout(t, dir, exectest.BaseRef, buildkittest.Busybox(t))
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

// request is a layer "demo" from a Dockerfile and files.
func request(dockerfile string, files fstest.MapFS, parents ...exec.Parent) exec.Request {
	return exectest.Layer(dockerfile, files, parents...)
}

// contentOf returns a file of an image in a layout.
func contentOf(t testing.TB, dir, id, path string) string {
	t.Helper()
	return exectest.Content(t, buildkittest.ImageIn(t, dir, id), path)
}

// wantIndex checks how many images a layout lists.
func wantIndex(t *testing.T, dir string, n int) graph.Snapshot {
	t.Helper()
	snap, err := store.Layout{Dir: dir}.Observe(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if len(snap.Images) != n {
		t.Errorf("the layout lists %d images, want %d", len(snap.Images), n)
	}
	return snap
}
