package main

import (
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/terok-ai/terok-agent/pkg/build/buildtest"
	"github.com/terok-ai/terok-agent/pkg/container"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
	"github.com/terok-ai/terok-agent/pkg/testfile"
)

// TestRunAsOrdinaryUser builds and runs an agent as a user who is not root, with
// rootless podman: on a real Debian, because terok-init is a script for bash.
// In the script, as-user runs a command as this user.
func TestRunAsOrdinaryUser(t *testing.T) {
	if os.Getenv("TEROK_LONG") == "" {
		t.Log("part of make test-long: it adds a user to this machine")
		return
	}
	user := podmantest.OrdinaryUser(t)
	loadBase(t, user)
	w := buildtest.New(t)
	w.Edit(t, "agents/claude.yaml", "probe:", "state: {dirs: [.claude], env: {CLAUDE_CONFIG_DIR: "+container.Home+"/.claude}}\nprobe:")
	bin, resources := filepath.Join(user.Dir, "bin"), filepath.Join(user.Dir, "resources")
	testfile.Script(t, filepath.Join(bin, "as-user"), "exec "+container.Line(append(user.As, "env"))+` "$@"`)
	program, err := osexec.LookPath("terok-agent")
	if err != nil {
		t.Fatal(err)
	}
	copyProgram(t, program, filepath.Join(bin, "terok-agent"))
	if err := os.CopyFS(resources, os.DirFS(w.Dir)); err != nil {
		t.Fatal(err)
	}
	user.Own(t, resources)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/rootless", UpdateScripts: *update, RequireExplicitExec: true,
		WorkdirRoot: filepath.Join(user.Dir, "work"),
		Cmds:        map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Condition: func(name string) (bool, error) {
			if name != "tun" {
				return false, fmt.Errorf("there is no condition %q", name)
			}
			// What podman's own network for users needs.
			return osexec.Command(filepath.Join(bin, "as-user"), "sh", "-c", ": <> /dev/net/tun").Run() == nil, nil
		},
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, user.Vars...)
			e.Setenv("NO_COLOR", "1")
			e.Setenv("PATH", bin+string(filepath.ListSeparator)+e.Getenv("PATH"))
			e.Setenv("ME", fmt.Sprintf("%d:%d", user.UID, user.GID))
			e.Setenv("UID", fmt.Sprint(user.UID))
			e.Setenv("GID", fmt.Sprint(user.GID))
			e.Setenv("TEROK_RESOURCES", resources)
			e.Setenv("TEROK_MIRROR", "npm="+w.Registry.URL+"/")
			e.Setenv("TEROK_NETWORK", "host")
			e.Setenv("TEROK_BASE", "debian:12")
			user.Own(t, e.WorkDir)
			return nil
		},
	})
}

// loadBase gives the user Debian with a program for downloads, which the small l0
// does not install.
func loadBase(t *testing.T, user podmantest.User) {
	t.Helper()
	podmantest.LoadDebian(t, user.Env)
	busybox, err := podmantest.Busybox()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(user.Dir, "base")
	testfile.Write(t, filepath.Join(dir, "Dockerfile"), "FROM "+podmantest.Debian+"\nCOPY wget /usr/bin/\n")
	copyProgram(t, busybox, filepath.Join(dir, "wget"))
	user.Own(t, dir)
	user.Run(t, "build", "-q", "--pull=never", "-t", buildtest.Base, dir)
}

// copyProgram copies a program to where everybody can run it: the test's own
// directories are closed to other users.
func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	program, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, program, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}
