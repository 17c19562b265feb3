package buildkit_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// both returns two executors on one storage of podman's.
func both(t *testing.T) (b *buildkit.Executor, p *podman.Executor, e podmantest.Env, link string) {
	t.Helper()
	env := buildkittest.Shared(t)
	e = podmantest.Storage(t)
	p = podman.New(podman.Options{Cmd: e.Cmd, Env: e.Vars, TempDir: t.TempDir()})
	link = filepath.Join(t.TempDir(), "link")
	b = executor(t, env.Address, buildkit.NewPodman(buildkit.PodmanOptions{
		Executor: p, Store: store.Podman{Cmd: e.Cmd, Env: e.Vars}, Dir: link,
	}))
	return b, p, e, link
}

func cat(t *testing.T, e podmantest.Env, image, path string) string {
	t.Helper()
	return e.Run(t, "run", "--rm", "--network=host", image, "cat", path)
}

// The layout before the storage is a cache: losing it loses nothing, and it
// holds no more than the storage does.
func TestLinkIsACache(t *testing.T) {
	b, _, e, link := both(t)
	base := podmantest.ImportBusybox(t, e, exectest.BaseRef)
	l0, _ := exectest.Build(t, b, request(exectest.WithBase+"RUN echo l0 > /l0\n", nil, exectest.OnBase(base)))
	gone, _ := exectest.Build(t, b, request(exectest.WithBase+"RUN echo gone > /gone\n", nil, exectest.OnBase(base)))
	e.Run(t, "rmi", gone.Image)
	before := wantIndex(t, link, 3)
	if _, ok := before.ByID(gone.Image); !ok {
		t.Fatal("the removed image was never in the layout")
	}
	if err := b.Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := wantIndex(t, link, 2)
	if _, ok := after.ByID(gone.Image); ok {
		t.Error("an image that podman does not have any more is still in the layout")
	}
	for _, pattern := range []string{"terok-agent-passing-*", "bridge-*"} {
		if left, err := filepath.Glob(filepath.Join(link, pattern)); err != nil || len(left) > 0 {
			t.Errorf("left: %q, %v", left, err)
		}
	}
	// Another layout, as if the first were lost.
	fresh := executor(t, buildkittest.Shared(t).Address, buildkit.NewPodman(buildkit.PodmanOptions{
		Executor: podman.New(podman.Options{Cmd: e.Cmd, Env: e.Vars, TempDir: t.TempDir()}),
		Store:    store.Podman{Cmd: e.Cmd, Env: e.Vars}, Dir: filepath.Join(t.TempDir(), "other"),
	}))
	l1, _ := exectest.Build(t, fresh, request("ARG L0=terok-l0:x\nFROM ${L0}\nRUN cat /l0 > /l1\n", nil,
		exec.Parent{Node: "l0", Arg: "L0", Ref: "terok-l0:x", Image: l0.Image}))
	if got := cat(t, e, l1.Image, "/l1"); got != "l0" {
		t.Errorf("/l1 = %q, want l0", got)
	}
	if out := e.Run(t, "images", "-a", "--format", "{{.Repository}}"); strings.Contains(out, "passing") {
		t.Errorf("a passing name is left:\n%s", out)
	}
	r := request("ARG L0=terok-l0:x\nFROM ${L0}\nRUN true\n", nil,
		exec.Parent{Node: "l0", Arg: "L0", Ref: "terok-l0:x", Image: gone.Image})
	if err := exectest.BuildError(t, fresh, r); err.Class != exec.ClassBaseMissing {
		t.Errorf("a parent that is nowhere: class %s (%v), want base-missing", err.Class, err)
	}
}
