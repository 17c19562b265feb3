package buildkit_test

import (
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/dockertest"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// greeting is what the suite expects in the base's environment.
const greeting = "GREETING=conform"

func TestConformance(t *testing.T) {
	for _, c := range []struct {
		store   string
		subject func(*testing.T) exectest.Subject
	}{
		{"layout", layoutSubject},
		{"podman", podmanSubject},
		{"registry", registrySubject},
		{"docker", dockerSubject},
	} {
		t.Run(c.store, func(t *testing.T) { exectest.Conform(t, c.subject(t)) })
	}
}

func layoutSubject(t *testing.T) exectest.Subject {
	dir := filepath.Join(t.TempDir(), "images")
	base := buildkittest.AddToLayout(t, dir, exectest.BaseRef, buildkittest.Busybox(t, greeting))
	return exectest.Subject{
		Executor: executor(t, buildkittest.Shared(t).Address, buildkit.NewLayout(buildkit.LayoutOptions{Dir: dir, Platform: layers.HostPlatform})),
		Base:     base,
		Look: func(t testing.TB, _ ...string) graph.Snapshot {
			t.Helper()
			snap, err := store.Layout{Dir: dir}.Observe(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			return snap
		},
		Image: func(t testing.TB, id string) v1.Image { return buildkittest.ImageIn(t, dir, id) },
	}
}

func podmanSubject(t *testing.T) exectest.Subject {
	e := podmantest.Storage(t)
	look := store.Podman{Cmd: e.Cmd, Env: e.Vars}
	target := buildkit.NewPodman(buildkit.PodmanOptions{
		Executor: podman.New(podman.Options{Cmd: e.Cmd, Env: e.Vars, TempDir: t.TempDir()}), Store: look, Dir: filepath.Join(t.TempDir(), "link"),
	})
	return exectest.Subject{
		Executor: executor(t, buildkittest.Shared(t).Address, target),
		Base:     podmantest.ImportBusybox(t, e, exectest.BaseRef, "ENV "+greeting),
		Look: func(t testing.TB, _ ...string) graph.Snapshot {
			t.Helper()
			snap, err := look.Observe(t.Context())
			if err == nil {
				snap, err = look.Hidden(t.Context(), snap)
			}
			if err != nil {
				t.Fatal(err)
			}
			return snap
		},
		Image: func(t testing.TB, id string) v1.Image {
			dir := filepath.Join(t.TempDir(), "image")
			e.Run(t, "push", "-q", id[len("sha256:"):], "oci:"+dir+":x")
			return buildkittest.ImageIn(t, dir, id)
		},
	}
}

func registrySubject(t *testing.T) exectest.Subject {
	r := exectest.ServeRegistry(t)
	ref, base := putBase(t, r, greeting)
	target := registryTarget(r, filepath.Join(t.TempDir(), "pending.json"))
	if _, err := target.Pull(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	look := func(t testing.TB, names ...string) graph.Snapshot {
		t.Helper()
		// The base is outside of what the store looks at: a name leads to it.
		snap, err := target.Observe(t.Context(), append(names, "conform-l0:1", "conform-part:1", ref), layers.HostPlatform())
		if err != nil {
			t.Fatal(err)
		}
		return snap
	}
	return exectest.Subject{
		Executor: executor(t, buildkittest.Shared(t).Address, target), Base: base, Look: look,
		Image: func(t testing.TB, id string) v1.Image {
			t.Helper()
			img, _ := look(t).ByID(id)
			for _, repo := range []string{"team/terok-demo", "library/busybox"} {
				if found, ok := r.Image(t, repo+"@"+img.Manifest); ok {
					return found
				}
			}
			t.Fatalf("image %.19s is not in the registry", id)
			return nil
		},
	}
}

func dockerSubject(t *testing.T) exectest.Subject {
	e := dockertest.Engine(t)
	look := store.Docker{Cmd: e.Cmd, Env: e.Vars()}
	target := buildkit.NewDocker(buildkit.DockerOptions{Store: look, Platform: layers.HostPlatform, Dir: filepath.Join(t.TempDir(), "link")})
	return exectest.Subject{
		Executor: executor(t, buildkittest.Shared(t).Address, target), Base: e.Load(t, "busybox:1", buildkittest.Busybox(t, greeting)),
		Look: func(t testing.TB, _ ...string) graph.Snapshot {
			t.Helper()
			snap, err := look.Observe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return snap
		},
		Image: e.Image,
	}
}
