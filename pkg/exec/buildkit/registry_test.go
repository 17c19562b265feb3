package buildkit_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// putBase puts a base into a registry and returns its reference and ID.
func putBase(t *testing.T, r *exectest.Registry, env ...string) (ref, id string) {
	t.Helper()
	img := buildkittest.Busybox(t, env...)
	return r.Put(t, "library/busybox:1", img), buildkittest.IDOf(t, img)
}

func registryTarget(r *exectest.Registry, pending string) *buildkit.Registry {
	return buildkit.NewRegistry(buildkit.RegistryOptions{
		Store: store.RegistryStore{Prefix: r.Host + "/team"}, Platform: layers.HostPlatform, Pending: pending,
	})
}

func withRef(ref string) string { return "ARG BASE=" + ref + "\nFROM ${BASE}\n" }

// Layers are pushed without a name, found, built on, and named at the end.
func TestRegistryStore(t *testing.T) {
	env := buildkittest.Shared(t)
	reg := exectest.ServeRegistry(t)
	ref, baseID := putBase(t, reg)
	pending := filepath.Join(t.TempDir(), "sub", "pending.json")
	target := registryTarget(reg, pending)
	x := executor(t, env.Address, target)

	pulled, err := x.Pull(t.Context(), ref, &exectest.Recorder{})
	if err != nil || pulled.Image != baseID {
		t.Fatalf("Pull = %+v, %v; want image %s", pulled, err, baseID)
	}
	r := request(withRef(ref)+"RUN echo l0 > /l0\n", nil, exectest.On("BASE", ref, baseID))
	r.Names = []string{"terok-l0:x"}
	l0, _ := exectest.Build(t, x, r)
	names := []string{"terok-l0:x", "terok-l1:x"}
	look := func(x *buildkit.Registry) graph.Snapshot {
		t.Helper()
		snap, err := x.Observe(t.Context(), names, layers.HostPlatform())
		if err != nil {
			t.Fatal(err)
		}
		return snap
	}
	// Another process sees it, without a name, and can build on it.
	second := registryTarget(reg, pending)
	snap := look(second)
	if img, ok := snap.ByID(l0.Image); !ok || len(img.Names) != 0 || img.Labels[graph.LabelNode] != "demo" {
		t.Fatalf("snapshot = %+v, want %s without a name", snap.Images, l0.Image)
	}
	y := executor(t, env.Address, second)
	r = request(withRef("terok-l0:x")+"RUN cat /l0 > /l1\n", nil, exectest.On("BASE", "terok-l0:x", l0.Image))
	r.Names = []string{"terok-l1:x"}
	l1, _ := exectest.Build(t, y, r)
	if err := y.Tag(t.Context(), map[string]string{"terok-l0:x": l0.Image, "terok-l1:x": l1.Image, "other:1": l1.Image}); err != nil {
		t.Fatal(err)
	}
	snap = look(registryTarget(reg, pending))
	for n, want := range map[string]string{"localhost/terok-l0:x": l0.Image, "localhost/terok-l1:x": l1.Image} {
		if img, ok := snap.ByName(n); !ok || img.ID != want {
			t.Errorf("%s = %.19s, want %.19s", n, img.ID, want)
		}
	}
	if len(snap.Images) != 2 {
		t.Errorf("%d images, want 2: named ones are no longer noted", len(snap.Images))
	}
	img, ok := reg.Image(t, "team/other:1")
	if !ok {
		t.Fatal("the other name is not in the registry")
	}
	if got := exectest.Content(t, img, "/l1"); got != "l0" {
		t.Errorf("/l1 = %q, want l0", got)
	}
}

// A registry that refuses is an error with a class, not an empty store.
func TestRegistryTrouble(t *testing.T) {
	env := buildkittest.Shared(t)
	r := exectest.ServeRegistry(t)
	r.Misbehave(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	target := registryTarget(r, "")
	if snap, err := target.Observe(t.Context(), []string{"terok-l0:x"}, layers.HostPlatform()); err == nil {
		t.Errorf("Observe = %+v, want an error", snap.Images)
	}
	ref, id := putBase(t, exectest.ServeRegistry(t))
	x := executor(t, env.Address, target)
	if _, err := x.Pull(t.Context(), ref, &exectest.Recorder{}); err != nil {
		t.Fatal(err)
	}
	e := exectest.BuildError(t, x, request(withRef(ref)+"RUN true\n", nil, exectest.On("BASE", ref, id)))
	if e.Class != exec.ClassRegistry || !strings.Contains(e.Message, "push") {
		t.Errorf("class %s (%v), want registry and a word about pushing", e.Class, e)
	}
}

// A layout takes a base from its registry, and has it under its name then.
func TestPullIntoLayout(t *testing.T) {
	env := buildkittest.Shared(t)
	r := exectest.ServeRegistry(t)
	ref, id := putBase(t, r, "GREETING=hello")
	dir := filepath.Join(t.TempDir(), "deep", "images")
	x := executor(t, env.Address, buildkit.NewLayout(buildkit.LayoutOptions{Dir: dir, Platform: layers.HostPlatform}))
	res, err := x.Pull(t.Context(), ref, &exectest.Recorder{})
	if err != nil || res.Image != id {
		t.Fatalf("Pull = %+v, %v; want image %s", res, err, id)
	}
	if img, ok := store.FindBase(wantIndex(t, dir, 1), ref); !ok || img.ID != id || img.Manifest != res.Manifest {
		t.Errorf("the base is %+v, want %s", img, id)
	}
	made, _ := exectest.Build(t, x, request(withRef(ref)+"RUN echo $GREETING > /said\n", nil, exectest.On("BASE", ref, id)))
	if got := contentOf(t, dir, made.Image, "/said"); got != "hello" {
		t.Errorf("/said = %q, want hello", got)
	}
	if _, err := x.Pull(t.Context(), r.Host+"/library/none:1", &exectest.Recorder{}); err == nil {
		t.Error("pulling what is not there succeeded")
	}
}
