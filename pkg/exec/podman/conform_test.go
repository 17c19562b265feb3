package podman_test

import (
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

func TestConformance(t *testing.T) {
	e, base := engine(t)
	o := options(t, e)
	exectest.Conform(t, exectest.Subject{
		Executor: podman.New(o), Base: base, Options: exec.BuildOptions{Network: "host"},
		Look:  func(t testing.TB, _ ...string) graph.Snapshot { return look(t, e) },
		Image: func(t testing.TB, id string) v1.Image { return saved(t, e, id) },
		Idle:  func(t testing.TB) { checkNothingLeft(t, o.TempDir) },
	})
}

// look shows all images of ours, and those that have a name.
func look(t testing.TB, e podmantest.Env) graph.Snapshot {
	t.Helper()
	s := store.Podman{Cmd: e.Cmd, Env: e.Vars}
	snap, err := s.Observe(t.Context())
	if err == nil {
		snap, err = s.Hidden(t.Context(), snap)
	}
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// saved reads an image out of the storage.
func saved(t testing.TB, e podmantest.Env, id string) v1.Image {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "image.tar")
	e.Run(t, "save", "-q", "--format", "docker-archive", "-o", archive, strings.TrimPrefix(id, "sha256:"))
	img, err := tarball.ImageFromPath(archive, nil)
	if err != nil {
		t.Fatal(err)
	}
	return img
}
