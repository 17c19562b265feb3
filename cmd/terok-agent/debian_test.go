package main

import (
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
)

// TestDebianScript builds the real images on a real Debian, with the packages
// and one small tool as users get them, and looks at them from inside.
func TestDebianScript(t *testing.T) {
	storage := podmantest.Storage(t)
	podmantest.LoadDebian(t, storage)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/debian", UpdateScripts: *update, RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(e *testscript.Env) error {
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
			e.Setenv("TEROK_BASE", "debian:12")
			e.Setenv("TEROK_AGENTS", "ast-grep")
			e.Setenv("L1", "terok-l1-cli:debian-12-ast-grep")
			return nil
		},
	})
}
