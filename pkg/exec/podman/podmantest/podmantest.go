// Package podmantest gives tests a real podman with a storage of their own, so
// that nothing a test does is seen by, or comes from, the user's images.
package podmantest

import (
	"bytes"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/testneeds"
)

// Env is a podman with a private storage.
type Env struct {
	// Cmd is the command with its global options.
	Cmd []string
	// Vars are the environment variables ("K=V") that point podman at the
	// storage; add them to os.Environ().
	Vars []string
	// Dir holds the storage and the configuration files.
	Dir string
}

// Require ends the test when podman cannot be used here: as skipped, or as
// failed when TEROK_REQUIRE_ENGINE is set.
func Require(t testing.TB) {
	t.Helper()
	testneeds.NoError(t, Usable())
}

// Usable says whether podman and what the test images need are installed.
func Usable() error {
	if _, err := osexec.LookPath("podman"); err != nil {
		return fmt.Errorf("looking for podman: %w", err)
	}
	_, err := Busybox()
	return err
}

// Storage returns a podman with a new, empty storage that is removed when the
// test ends.
func Storage(t testing.TB) Env {
	t.Helper()
	Require(t)
	e, remove, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := remove(); err != nil {
			t.Errorf("removing the test's storage: %v", err)
		}
	})
	return e
}

// Open makes a new storage; the function it returns removes it. It is for
// TestMain, where one storage serves all tests of a package.
func Open() (Env, func() error, error) {
	dir, err := MakeDir("terok-test-storage-")
	if err != nil {
		return Env{}, nil, err
	}
	e, err := openIn(dir)
	if err != nil {
		_ = os.RemoveAll(dir)
		return Env{}, nil, err
	}
	return e, e.remove, nil
}

func openIn(dir string) (Env, error) {
	storage := fmt.Sprintf("[storage]\ndriver = \"overlay\"\ngraphroot = %q\nrunroot = %q\n",
		filepath.Join(dir, "root"), filepath.Join(dir, "run"))
	files := map[string]string{"storage.conf": storage, "containers.conf": containersConf()}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return Env{}, fmt.Errorf("writing %q: %w", name, err)
		}
	}
	return Env{
		Cmd: []string{"podman"},
		Vars: []string{
			"CONTAINERS_STORAGE_CONF=" + filepath.Join(dir, "storage.conf"),
			"CONTAINERS_CONF=" + filepath.Join(dir, "containers.conf"),
			"PODMAN_IGNORE_CGROUPSV1_WARNING=1",
		},
		Dir: dir,
	}, nil
}

// containersConf is a configuration with which podman runs containers on
// machines where its defaults do not: a low hard limit on open files, as
// sandboxes have it, and control groups of both versions at once, which crun
// refuses and runc takes.
func containersConf() string {
	conf := "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=4096:4096\"]\n"
	if _, err := os.Stat("/sys/fs/cgroup/unified"); err != nil {
		return conf
	}
	if _, err := osexec.LookPath("runc"); err != nil {
		return conf
	}
	return conf + "[engine]\nruntime = \"runc\"\n"
}

// Copy returns a podman with a copy of a storage, which has the same images; it
// is removed when the test ends. Nothing may use the storage meanwhile.
func (e Env) Copy(t testing.TB) Env {
	t.Helper()
	to := Storage(t)
	entries, err := os.ReadDir(filepath.Join(e.Dir, "root"))
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-a"}
	for _, entry := range entries {
		// podman's own database names the directory that it was made for.
		if strings.HasPrefix(entry.Name(), "overlay") {
			args = append(args, filepath.Join(e.Dir, "root", entry.Name()))
		}
	}
	into := filepath.Join(to.Dir, "root")
	if err := os.MkdirAll(into, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := osexec.Command("cp", append(args, into)...).CombinedOutput(); err != nil {
		t.Fatalf("copying the storage: %v\n%s", err, out)
	}
	return to
}

// Damage takes from an image what a build that was ended while it made the
// image, or had no room, did not write.
func (e Env) Damage(t testing.TB, image string) {
	t.Helper()
	dir := filepath.Join(e.Dir, "root", "overlay-images", strings.TrimPrefix(image, "sha256:"))
	for _, pattern := range []string{"manifest", "=bWFuaWZlc3Q*"} { // that one is "manifest-" and its digest
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no %s in %q: %v", pattern, dir, err)
		}
		for _, f := range files {
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Command returns podman with args, ready to run.
func (e Env) Command(args ...string) *osexec.Cmd {
	argv := append(append([]string(nil), e.Cmd...), args...)
	cmd := osexec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), e.Vars...)
	return cmd
}

// Run runs podman with args and returns its trimmed stdout; an error ends the
// test.
func (e Env) Run(t testing.TB, args ...string) string {
	t.Helper()
	out, err := e.run(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (e Env) run(args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := e.Command(args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("running podman %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(stdout.String()), nil
}

// Containers returns the IDs of all containers, those of builds included.
func (e Env) Containers(t testing.TB) []string {
	t.Helper()
	return strings.Fields(e.Run(t, "ps", "-a", "--external", "-q", "--no-trunc"))
}

// remove removes the storage: containers first, which takes their mounts away.
func (e Env) remove() error {
	if ids, err := e.run("ps", "-a", "--external", "-q", "--no-trunc"); err == nil && ids != "" {
		_, _ = e.run(append([]string{"rm", "-f"}, strings.Fields(ids)...)...)
	}
	if os.Getuid() != 0 {
		// Files of other users of the container's user namespace.
		_, _ = e.run("unshare", "rm", "-rf", filepath.Join(e.Dir, "root"))
	}
	return RemoveDir(e.Dir)
}
