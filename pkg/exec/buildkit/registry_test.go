package buildkit_test

import (
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// serveRegistry serves a registry from memory and returns its host.
func serveRegistry(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}

// pushBusybox puts a base into a registry and returns its reference and ID.
func pushBusybox(t *testing.T, host string, env ...string) (ref, id string) {
	t.Helper()
	img := buildkittest.Busybox(t, env...)
	ref = host + "/library/busybox:1"
	to, err := name.ParseReference(ref, name.Insecure)
	if err == nil {
		err = remote.Write(to, img)
	}
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	return ref, config.String()
}

func registryTarget(t *testing.T, host, pending string) *buildkit.Registry {
	t.Helper()
	return buildkit.NewRegistry(buildkit.RegistryOptions{
		Store: store.RegistryStore{Prefix: host + "/team"}, Platform: layers.HostPlatform, Pending: pending,
	})
}

func onBase(ref, id string) exec.Parent {
	return exec.Parent{Node: "base", Arg: "BASE", Ref: ref, Image: id}
}

func withRef(ref string) string { return "ARG BASE=" + ref + "\nFROM ${BASE}\n" }

// Layers are pushed without a name, found, built on, and named at the end.
func TestRegistryStore(t *testing.T) {
	env := daemon(t)
	host := serveRegistry(t)
	ref, baseID := pushBusybox(t, host)
	pending := filepath.Join(t.TempDir(), "sub", "pending.json")
	target := registryTarget(t, host, pending)
	x := executor(t, env.Address, target)

	pulled, err := x.Pull(t.Context(), ref, &recorder{})
	if err != nil || pulled.Image != baseID {
		t.Fatalf("Pull = %+v, %v; want image %s", pulled, err, baseID)
	}
	r := request(withRef(ref)+"RUN echo l0 > /l0\n", nil, onBase(ref, baseID))
	r.Names = []string{"terok-l0:x"}
	l0, _ := build(t, x, r)
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
	second := registryTarget(t, host, pending)
	snap := look(second)
	if img, ok := snap.ByID(l0.Image); !ok || len(img.Names) != 0 || img.Labels[graph.LabelNode] != "demo" {
		t.Fatalf("snapshot = %+v, want %s without a name", snap.Images, l0.Image)
	}
	y := executor(t, env.Address, second)
	r = request(withRef("terok-l0:x")+"RUN cat /l0 > /l1\n", nil, onBase("terok-l0:x", l0.Image))
	r.Names = []string{"terok-l1:x"}
	l1, _ := build(t, y, r)
	if err := y.Tag(t.Context(), map[string]string{"terok-l0:x": l0.Image, "terok-l1:x": l1.Image, "other:1": l1.Image}); err != nil {
		t.Fatal(err)
	}
	snap = look(registryTarget(t, host, pending))
	for n, want := range map[string]string{"localhost/terok-l0:x": l0.Image, "localhost/terok-l1:x": l1.Image} {
		if img, ok := snap.ByName(n); !ok || img.ID != want {
			t.Errorf("%s = %.19s, want %.19s", n, img.ID, want)
		}
	}
	if len(snap.Images) != 2 {
		t.Errorf("%d images, want 2: named ones are no longer noted", len(snap.Images))
	}
	img, err := store.Registry{}.Image(t.Context(), host+"/team/other:1", layers.HostPlatform())
	if err != nil {
		t.Fatal(err)
	}
	if got := contentOf(t, img, "/l1"); got != "l0" {
		t.Errorf("/l1 = %q, want l0", got)
	}
}

// A registry that refuses is an error with a class, not an empty store.
func TestRegistryTrouble(t *testing.T) {
	env := daemon(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	host := l.Addr().String()
	target := registryTarget(t, host, "")
	if snap, err := target.Observe(t.Context(), []string{"terok-l0:x"}, layers.HostPlatform()); err == nil {
		t.Errorf("Observe = %+v, want an error", snap.Images)
	}
	good := serveRegistry(t)
	ref, id := pushBusybox(t, good)
	x := executor(t, env.Address, target)
	if _, err := x.Pull(t.Context(), ref, &recorder{}); err != nil {
		t.Fatal(err)
	}
	e := buildError(t, x, request(withRef(ref)+"RUN true\n", nil, onBase(ref, id)))
	if e.Class != exec.ClassRegistry || !strings.Contains(e.Message, "push") {
		t.Errorf("class %s (%v), want registry and a word about pushing", e.Class, e)
	}
}

// A layout takes a base from its registry, and has it under its name then.
func TestPullIntoLayout(t *testing.T) {
	env := daemon(t)
	host := serveRegistry(t)
	ref, id := pushBusybox(t, host, "GREETING=hello")
	dir := filepath.Join(t.TempDir(), "deep", "images")
	x := executor(t, env.Address, buildkit.NewLayout(buildkit.LayoutOptions{Dir: dir, Platform: layers.HostPlatform}))
	res, err := x.Pull(t.Context(), ref, &recorder{})
	if err != nil || res.Image != id {
		t.Fatalf("Pull = %+v, %v; want image %s", res, err, id)
	}
	if img, ok := store.FindBase(wantIndex(t, dir, 1), ref); !ok || img.ID != id || img.Manifest != res.Manifest {
		t.Errorf("the base is %+v, want %s", img, id)
	}
	made, _ := build(t, x, request(withRef(ref)+"RUN echo $GREETING > /said\n", nil, onBase(ref, id)))
	if got := contentOf(t, imageIn(t, dir, made.Image), "/said"); got != "hello" {
		t.Errorf("/said = %q, want hello", got)
	}
	if _, err := x.Pull(t.Context(), host+"/library/none:1", &recorder{}); err == nil {
		t.Error("pulling what is not there succeeded")
	}
}
