package main

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/terok-ai/terok-agent/pkg/build/buildtest"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
)

// TestBuildkitScript runs the scripts that need a BuildKit daemon, each with
// an OCI layout of its own that has a busybox base, and the agents of
// buildtest. No podman is found there.
func TestBuildkitScript(t *testing.T) {
	buildkittest.Require(t)
	address := buildkittest.Daemon(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/buildkit", UpdateScripts: *update, RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(e *testscript.Env) error {
			if err := setupHome(e); err != nil {
				return err
			}
			w := buildtest.New(t)
			images := filepath.Join(e.WorkDir, "images")
			buildkittest.AddToLayout(t, images, buildtest.Base, buildkittest.Busybox(t))
			e.Setenv("TEROK_RESOURCES", w.Dir)
			e.Setenv("TEROK_MIRROR", "npm="+w.Registry.URL+"/")
			e.Setenv("TEROK_BASE", "debian:12")
			e.Setenv("TEROK_AGENTS", "claude,codex")
			e.Setenv("TEROK_EXECUTOR", "buildkit")
			e.Setenv("TEROK_STORE", "oci:"+images)
			e.Setenv("BUILDKIT_HOST", address)
			e.Setenv("PATH", e.Getenv("TESTBIN"))
			return nil
		},
	})
}
