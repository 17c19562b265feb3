package buildkit_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/exec/podman"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// both returns two executors on one storage of podman's.
func both(t *testing.T) (b *buildkit.Executor, p *podman.Executor, e podmantest.Env, link string) {
	t.Helper()
	env := daemon(t)
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

// Either executor builds on what the other built, whatever their order, and an
// image is known by one digest to all.
func TestSwitchExecutors(t *testing.T) {
	b, p, e, _ := both(t)
	base := podmantest.ImportBusybox(t, e, baseName, "ENV GREETING=hello")
	onL0 := func(image string) exec.Parent {
		return exec.Parent{Node: "l0", Arg: "L0", Ref: "terok-l0:x", Image: image}
	}
	const l0Text = withBase + "RUN echo $GREETING > /l0\nUSER dev\n"
	const l1Text = "ARG L0=terok-l0:x\nFROM ${L0}\nRUN cat /l0 > /tmp/l1 && id -un >> /tmp/l1\n"
	for _, c := range []struct {
		name       string
		below, top exec.Executor
	}{
		{"buildkit on podman", p, b},
		{"podman on buildkit", b, p},
		{"buildkit on buildkit", b, b},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request(l0Text, nil, fromBase(base))
			r.Labels[graph.LabelRecord] = c.name // podman shows only those with a record when asked for all
			r.Options.Network = "host"
			l0, err := c.below.Build(t.Context(), r, &recorder{})
			if err != nil {
				t.Fatal(err)
			}
			r = request(l1Text, nil, onL0(l0.Image))
			r.Labels = map[string]string{graph.LabelNode: "l1", graph.LabelKey: "sha256:1", graph.LabelRecord: c.name}
			r.Options.Network = "host"
			l1, err := c.top.Build(t.Context(), r, &recorder{})
			if err != nil {
				t.Fatal(err)
			}
			if got := cat(t, e, l1.Image, "/tmp/l1"); got != "hello\ndev" {
				t.Errorf("/tmp/l1 = %q, want hello and dev", got)
			}
			snap, err := store.Podman{Cmd: e.Cmd, Env: e.Vars}.Observe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if snap, err = (store.Podman{Cmd: e.Cmd, Env: e.Vars}).Hidden(t.Context(), snap); err != nil {
				t.Fatal(err)
			}
			for _, want := range []exec.Result{l0, l1} {
				img, ok := snap.ByID(want.Image)
				if !ok || len(img.Names) != 0 {
					t.Errorf("image %.19s: found %v with names %q, want it without any", want.Image, ok, img.Names)
				}
			}
			if err := c.top.Tag(t.Context(), map[string]string{"terok-l1:x": l1.Image}); err != nil {
				t.Fatal(err)
			}
			if got := "sha256:" + e.Run(t, "image", "inspect", "--format", "{{.Id}}", "localhost/terok-l1:x"); got != l1.Image {
				t.Errorf("the name leads to %s, want %s", got, l1.Image)
			}
		})
	}
}

// The layout before the storage is a cache: losing it loses nothing, and it
// holds no more than the storage does.
func TestLinkIsACache(t *testing.T) {
	b, _, e, link := both(t)
	base := podmantest.ImportBusybox(t, e, baseName)
	l0, _ := build(t, b, request(withBase+"RUN echo l0 > /l0\n", nil, fromBase(base)))
	gone, _ := build(t, b, request(withBase+"RUN echo gone > /gone\n", nil, fromBase(base)))
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
	fresh := executor(t, daemon(t).Address, buildkit.NewPodman(buildkit.PodmanOptions{
		Executor: podman.New(podman.Options{Cmd: e.Cmd, Env: e.Vars, TempDir: t.TempDir()}),
		Store:    store.Podman{Cmd: e.Cmd, Env: e.Vars}, Dir: filepath.Join(t.TempDir(), "other"),
	}))
	l1, _ := build(t, fresh, request("ARG L0=terok-l0:x\nFROM ${L0}\nRUN cat /l0 > /l1\n", nil,
		exec.Parent{Node: "l0", Arg: "L0", Ref: "terok-l0:x", Image: l0.Image}))
	if got := cat(t, e, l1.Image, "/l1"); got != "l0" {
		t.Errorf("/l1 = %q, want l0", got)
	}
	if out := e.Run(t, "images", "-a", "--format", "{{.Repository}}"); strings.Contains(out, "passing") {
		t.Errorf("a passing name is left:\n%s", out)
	}
	r := request("ARG L0=terok-l0:x\nFROM ${L0}\nRUN true\n", nil,
		exec.Parent{Node: "l0", Arg: "L0", Ref: "terok-l0:x", Image: gone.Image})
	if err := buildError(t, fresh, r); err.Class != exec.ClassBaseMissing {
		t.Errorf("a parent that is nowhere: class %s (%v), want base-missing", err.Class, err)
	}
}
