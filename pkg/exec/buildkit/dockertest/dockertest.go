// Package dockertest gives tests a real Docker engine with images of its own.
package dockertest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
	"github.com/terok-ai/terok-agent/pkg/testneeds"
)

// dirVariable names a directory with dockerd, docker and what dockerd starts;
// without it they are looked for where .ci/docker puts them, then on PATH.
const dirVariable = "TEROK_TEST_DOCKER"

// Require ends the test when no engine can be run here: as skipped, or as
// failed when TEROK_REQUIRE_ENGINE is set.
func Require(t testing.TB) {
	t.Helper()
	testneeds.NoError(t, Usable())
}

// Usable says whether an engine can be run here.
func Usable() error {
	if os.Getuid() != 0 {
		return errors.New("the test engine needs root")
	}
	for _, program := range []string{"dockerd", "docker", "containerd", "runc"} {
		if _, err := find(program); err != nil {
			return err
		}
	}
	return nil
}

// Directories are where the programs of the engine are looked for.
func Directories() []string {
	var dirs []string
	if dir := os.Getenv(dirVariable); dir != "" {
		dirs = append(dirs, dir)
	}
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		cache = filepath.Join(os.Getenv("HOME"), ".cache")
	}
	return append(append(dirs, filepath.Join(cache, "terok-agent", "docker")), filepath.SplitList(os.Getenv("PATH"))...)
}

func find(program string) (string, error) {
	for _, dir := range Directories() {
		path := filepath.Join(dir, program)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("looking for %s: not found; .ci/docker gets it", program)
}

// Env is a running engine.
type Env struct {
	// Cmd is the docker command.
	Cmd []string
	// Host is where the engine listens, as DOCKER_HOST says it.
	Host string

	dir   string
	cmd   *osexec.Cmd
	log   *bytes.Buffer
	ended chan struct{}
}

// Vars are the environment variables ("K=V") that lead docker to the engine.
func (e *Env) Vars() []string {
	return []string{"DOCKER_HOST=" + e.Host, "DOCKER_CONFIG=" + e.dir, "PATH=" + strings.Join(Directories(), ":")}
}

// Engine starts an engine that ends with the test.
func Engine(t testing.TB) *Env {
	t.Helper()
	Require(t)
	dir, err := podmantest.MakeDir("terok-test-docker-")
	if err != nil {
		t.Fatal(err)
	}
	e := &Env{Host: "unix://" + filepath.Join(dir, "d.sock"), dir: dir, log: &bytes.Buffer{}, ended: make(chan struct{})}
	t.Cleanup(func() {
		if err := e.stop(); err != nil {
			t.Errorf("stopping the test's Docker engine: %v", err)
		}
	})
	if err := e.start(); err != nil {
		t.Fatalf("starting dockerd: %v\n%s", err, e.log)
	}
	return e
}

func (e *Env) start() error {
	daemon, err := find("dockerd")
	if err != nil {
		return err
	}
	docker, err := find("docker")
	if err != nil {
		return err
	}
	e.Cmd = []string{docker}
	e.cmd = osexec.Command(daemon, "--host", e.Host, "--data-root", filepath.Join(e.dir, "data"), "--exec-root", filepath.Join(e.dir, "exec"),
		"--pidfile", filepath.Join(e.dir, "pid"), "--iptables=false", "--ip6tables=false", "--bridge=none", "--config-file", filepath.Join(e.dir, "none.json"))
	e.cmd.Env = append(os.Environ(), e.Vars()...)
	e.cmd.Stdout, e.cmd.Stderr = e.log, e.log
	if err := os.WriteFile(filepath.Join(e.dir, "none.json"), []byte("{}"), 0o600); err != nil {
		return err
	}
	if err := e.cmd.Start(); err != nil {
		return err
	}
	go func() {
		_ = e.cmd.Wait()
		close(e.ended)
	}()
	if err := podmantest.Guard(e.cmd.Process.Pid, e.dir, e.ended); err != nil {
		return err
	}
	for range 600 {
		if _, err = e.run("version"); err == nil {
			return nil
		}
		select {
		case <-e.ended:
			return errors.New("it ended")
		case <-time.After(100 * time.Millisecond):
		}
	}
	return err
}

func (e *Env) stop() error {
	if e.cmd != nil && e.cmd.Process != nil {
		// The containerd that it started ends with it.
		_ = e.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-e.ended:
		case <-time.After(30 * time.Second):
			_ = e.cmd.Process.Kill()
			<-e.ended
		}
	}
	return podmantest.RemoveDir(e.dir)
}

// Run runs docker with args and returns its trimmed stdout; an error ends the
// test.
func (e *Env) Run(t testing.TB, args ...string) string {
	t.Helper()
	out, err := e.run(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (e *Env) run(args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := osexec.Command(e.Cmd[0], append(append([]string(nil), e.Cmd[1:]...), args...)...)
	cmd.Env = append(os.Environ(), e.Vars()...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("running docker %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(stdout.String()), nil
}

// Load puts an image into the engine under a name and returns its ID.
func (e *Env) Load(t testing.TB, as string, img v1.Image) string {
	t.Helper()
	tag, err := name.NewTag(as)
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "image.tar")
	if err := tarball.WriteToFile(archive, tag, img); err != nil {
		t.Fatal(err)
	}
	e.Run(t, "load", "--quiet", "--input", archive)
	return e.Run(t, "image", "inspect", "--format", "{{.Id}}", as)
}

// Image reads an image of the engine.
func (e *Env) Image(t testing.TB, id string) v1.Image {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "image.tar")
	e.Run(t, "save", "--output", archive, id)
	img, err := tarball.ImageFromPath(archive, nil)
	if err != nil {
		t.Fatal(err)
	}
	return img
}
