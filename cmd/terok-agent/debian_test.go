package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
)

// TestDebianScript builds the real images on a real Debian, with the packages
// and one small tool as users get them, and looks at them from inside.
func TestDebianScript(t *testing.T) { onDebian(t) }

// TestDebianBuildkitScript does the same with BuildKit, into podman's storage: the
// images keep the same promises.
func TestDebianBuildkitScript(t *testing.T) {
	if os.Getenv("TEROK_LONG") == "" {
		t.Log("part of make test-long: it builds all images once more")
		return
	}
	buildkittest.Require(t)
	onDebian(t, "TEROK_EXECUTOR=buildkit", "TEROK_STORE=podman", "BUILDKIT_HOST="+buildkittest.Daemon(t))
}

// onDebian runs the scripts about images on Debian, with these variables.
func onDebian(t *testing.T, vars ...string) {
	storage := podmantest.Storage(t)
	podmantest.LoadDebian(t, storage)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/debian", UpdateScripts: *update, RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(e *testscript.Env) error {
			if err := setupReal(e, storage); err != nil {
				return err
			}
			e.Vars = append(e.Vars, vars...)
			e.Setenv("TEROK_BASE", "debian:12")
			e.Setenv("L1", "terok-l1-cli:debian-12-ast-grep")
			return nil
		},
	})
}

// setupReal is setupHome for scripts that build what users get: one small tool,
// from where this machine gets such things, and a probe to look at images from
// inside.
func setupReal(e *testscript.Env, storage podmantest.Env) error {
	if err := setupHome(e); err != nil {
		return err
	}
	e.Vars = append(e.Vars, storage.Vars...)
	// How this machine reaches the outside.
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if lower := strings.ToLower(name); strings.HasSuffix(lower, "_proxy") || strings.HasPrefix(lower, "npm_config_") || name == "SSL_CERT_FILE" {
			e.Vars = append(e.Vars, kv)
		}
	}
	e.Setenv("TEROK_NETWORK", "host")
	e.Setenv("TEROK_AGENTS", "ast-grep")
	probe, err := os.ReadFile("testdata/probe.sh")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(e.WorkDir, "probe.sh"), probe, 0o755)
}
