package build_test

import (
	"testing"

	"github.com/terok-ai/terok-agent/pkg/build/buildtest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
)

// built is a storage in which everything is up to date; remove is nil until the
// first scenario asks for it. Scenarios run one after another.
var built struct {
	env    podmantest.Env
	remove func() error
}

// newBuiltProject is a project on podman in which everything is up to date, for
// scenarios that begin there. Each has a copy of the storage.
func newBuiltProject(t *testing.T) *project {
	t.Helper()
	podmantest.Require(t)
	if built.remove == nil {
		buildOnce(t)
	}
	p := engineless(t, "claude,codex")
	p.podman = built.env.Copy(t)
	p.usePodman(t)
	p.upToDate(t)
	return p
}

// buildOnce makes the storage. When that fails, what begins there fails too.
func buildOnce(t *testing.T) {
	t.Helper()
	env, remove, err := podmantest.Open()
	if err != nil {
		t.Fatal(err)
	}
	built.env, built.remove = env, remove
	p := engineless(t, "claude,codex")
	p.podman = env
	p.usePodman(t)
	p.engine.addBase(t, buildtest.Base)
	p.apply(t)
}

func removeBuilt() error {
	if built.remove == nil {
		return nil
	}
	return built.remove()
}
