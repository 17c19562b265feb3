package main

import (
	"context"
	"errors"
	"flag"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/terok-ai/terok-agent/pkg/build/buildtest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
)

var update = flag.Bool("update", false, "rewrite the golden files of the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"terok-agent": func() {
			os.Exit(run(context.Background(), os.Args, streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
		},
	})
}

// TestScript runs the scripts that need no engine.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update, RequireExplicitExec: true,
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: setupHome,
	})
}

// TestPodmanScript runs the scripts that need a real podman, each with a
// storage of its own, a busybox base and the agents of buildtest.
func TestPodmanScript(t *testing.T) {
	podmantest.Require(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/podman", UpdateScripts: *update, RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(e *testscript.Env) error {
			if err := setupHome(e); err != nil {
				return err
			}
			w := buildtest.New(t)
			w.Offer("codex", "0.169.0")
			storage := podmantest.Storage(t)
			e.Vars = append(e.Vars, storage.Vars...)
			e.Setenv("TEROK_RESOURCES", w.Dir)
			e.Setenv("TEROK_MIRROR", "npm="+w.Registry.URL+"/")
			e.Setenv("TEROK_NETWORK", "host")
			e.Setenv("TEROK_BASE", "debian:12")
			e.Setenv("TEROK_AGENTS", "claude,codex")
			_, err := storage.ImportBusybox(buildtest.Base)
			return err
		},
	})
}

func setupHome(e *testscript.Env) error {
	home := filepath.Join(e.WorkDir, ".home")
	e.Setenv("HOME", home)
	e.Setenv("XDG_STATE_HOME", filepath.Join(home, "state"))
	e.Setenv("NO_COLOR", "1")
	// Where terok-agent itself is found by scripts that empty PATH.
	e.Setenv("TESTBIN", filepath.SplitList(e.Getenv("PATH"))[0])
	return os.MkdirAll(home, 0o755)
}

// exits runs a command that must end with this exit code: exits 64 terok-agent
// plan --bad.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var ended *osexec.ExitError
		if !errors.As(err, &ended) {
			ts.Fatalf("%s: %v", args[1], err)
		}
		got = ended.ExitCode()
	}
	if got != want {
		ts.Fatalf("%v exited with %d, want %d", args[1:], got, want)
	}
}
