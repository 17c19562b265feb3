package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
	"github.com/terok-ai/terok-agent/pkg/layers"
)

// TestDebianScript builds the real images on a real Debian, with the packages
// and one small tool as users get them, and looks at them from inside.
func TestDebianScript(t *testing.T) { onDebian(t, "testdata/debian") }

// TestDebianContract looks at the images that BuildKit builds: they keep the same
// promises. In make test-long they are used as well.
func TestDebianContract(t *testing.T) {
	buildkittest.Require(t)
	scripts := "testdata/contract"
	if os.Getenv("TEROK_LONG") != "" {
		scripts = "testdata/debian"
	}
	onDebian(t, scripts, "TEROK_EXECUTOR=buildkit", "TEROK_STORE=podman", "BUILDKIT_HOST="+buildkittest.Daemon(t))
}

// onDebian runs the scripts about images on Debian, with these variables.
func onDebian(t *testing.T, scripts string, vars ...string) {
	storage := podmantest.Storage(t)
	podmantest.LoadDebian(t, storage)
	testscript.Run(t, testscript.Params{
		Dir: scripts, UpdateScripts: *update, RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(e *testscript.Env) error {
			if err := setupReal(e, storage, "debian:12"); err != nil {
				return err
			}
			e.Vars = append(e.Vars, vars...)
			return nil
		},
	})
}

// setupReal is setupHome for scripts that build what users get on a base: one
// small tool, from where this machine gets such things, and scripts that look at
// the images from inside.
func setupReal(e *testscript.Env, storage podmantest.Env, base string) error {
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
	const agents = "ast-grep"
	e.Setenv("TEROK_NETWORK", "host")
	e.Setenv("TEROK_AGENTS", agents)
	e.Setenv("AGENTS", agents)
	e.Setenv("TEROK_BASE", base)
	e.Setenv("BASE", base)
	e.Setenv("L0", layers.L0Tag(base))
	e.Setenv("L1", layers.L1Tag(base, []string{agents}))
	for _, name := range []string{"probe.sh", "contract.sh"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(e.WorkDir, name), text, 0o755); err != nil {
			return err
		}
	}
	return nil
}
