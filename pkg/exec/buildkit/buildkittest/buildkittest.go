// Package buildkittest gives tests a real BuildKit daemon with a cache of its
// own, and small images to build on.
package buildkittest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	bkclient "github.com/moby/buildkit/client"

	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
	"github.com/terok-ai/terok-agent/pkg/testneeds"
)

// binaryVariable names a buildkitd to use instead of the one that is built.
const binaryVariable = "TEROK_TEST_BUILDKITD"

// toolModule is where, in the repository, the daemon's module is.
const toolModule = "tools/buildkitd/go.mod"

// Require ends the test when no daemon can be run here: as skipped, or as
// failed when TEROK_REQUIRE_ENGINE is set.
func Require(t testing.TB) {
	t.Helper()
	testneeds.NoError(t, Usable())
}

// Usable says whether a daemon can be run here.
func Usable() error {
	if _, err := osexec.LookPath("runc"); err != nil {
		return fmt.Errorf("looking for runc: %w", err)
	}
	if os.Getuid() != 0 {
		return errors.New("the test daemon needs root")
	}
	if _, err := podmantest.Busybox(); err != nil {
		return err
	}
	_, err := Binary()
	return err
}

// Binary returns the path of a buildkitd. It is built from its Go module the
// first time, which takes minutes; afterwards Go's build cache has it.
func Binary() (string, error) { return binary() }

var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(binaryVariable); path != "" {
		return path, nil
	}
	return program("buildkitd")
})

// Buildctl returns the path of BuildKit's own client, built like the daemon.
func Buildctl() (string, error) { return buildctl() }

var buildctl = sync.OnceValues(func() (string, error) { return program("buildctl") })

// program returns the path of one of BuildKit's programs, from PATH or built.
func program(name string) (string, error) {
	if path, err := osexec.LookPath(name); err == nil {
		return path, nil
	}
	root, err := repository()
	if err != nil {
		return "", err
	}
	cmd := osexec.Command("go", "tool", "-modfile="+toolModule, "-n", name)
	cmd.Dir = root
	// Another value would build nearly all of it again.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", name, err, stderr.String())
	}
	return string(bytes.TrimSpace(out)), nil
}

// repository is the directory of the repository, above the tests'.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, toolModule)); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("looking for %s above the working directory: not found", toolModule)
		}
		dir = up
	}
}

// Env is a running daemon.
type Env struct {
	// Address is where it listens.
	Address string
	// Dir holds its socket and its cache.
	Dir string

	cmd   *osexec.Cmd
	log   *bytes.Buffer
	ended chan struct{}
}

// Daemon returns the address of a new daemon that ends with the test.
func Daemon(t testing.TB) string {
	t.Helper()
	Require(t)
	e, stop, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("stopping the test's daemon: %v", err)
		}
	})
	return e.Address
}

// NoEntitlements makes a daemon that gives steps nothing beyond the ordinary.
const NoEntitlements = "no entitlements"

// Open starts a daemon with further arguments ("--addr=tcp://127.0.0.1:1") or
// NoEntitlements; the function it returns ends it and removes its cache.
// It is for TestMain, where one daemon serves all tests of a package.
func Open(options ...string) (*Env, func() error, error) {
	path, err := Binary()
	if err != nil {
		return nil, nil, err
	}
	dir, err := podmantest.MakeDir(dirPrefix)
	if err != nil {
		return nil, nil, err
	}
	e := &Env{Address: "unix://" + filepath.Join(dir, "bk.sock"), Dir: dir, log: &bytes.Buffer{}, ended: make(chan struct{})}
	args := []string{
		"--addr", e.Address, "--root", filepath.Join(dir, "root"), "--oci-worker-binary", "runc",
		"--oci-worker-net", "host", "--containerd-worker=false",
	}
	if !slices.Contains(options, NoEntitlements) {
		args = append(args, "--allow-insecure-entitlement", "network.host")
	}
	args = append(args, slices.DeleteFunc(slices.Clone(options), func(o string) bool { return o == NoEntitlements })...)
	e.cmd = osexec.Command(path, args...)
	e.cmd.Stdout, e.cmd.Stderr = e.log, e.log
	if err := e.start(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, nil, err
	}
	return e, e.stop, nil
}

func (e *Env) start() error {
	if err := e.cmd.Start(); err != nil {
		return fmt.Errorf("starting buildkitd: %w", err)
	}
	go func() {
		_ = e.cmd.Wait()
		close(e.ended)
	}()
	if err := podmantest.Guard(e.cmd.Process.Pid, e.Dir, e.ended); err != nil {
		e.Kill()
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := bkclient.New(ctx, e.Address)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	for {
		if _, err = c.Info(ctx); err == nil {
			return nil
		}
		select {
		case <-e.ended:
			return fmt.Errorf("starting buildkitd: it ended\n%s", e.log)
		case <-ctx.Done():
			_ = e.stop()
			return fmt.Errorf("starting buildkitd: %w\n%s", err, e.log)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Kill ends the daemon at once, as a crash would.
func (e *Env) Kill() {
	_ = e.cmd.Process.Kill()
	<-e.ended
}

func (e *Env) stop() error {
	_ = e.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-e.ended:
	case <-time.After(30 * time.Second):
		e.Kill()
	}
	return podmantest.RemoveDir(e.Dir)
}

const dirPrefix = "terok-test-bk-"

// Dir is a directory for a daemon's cache that is removed with the test,
// mounts in it included.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := podmantest.MakeDir(dirPrefix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := podmantest.RemoveDir(dir); err != nil {
			t.Errorf("removing a daemon's cache: %v", err)
		}
	})
	return dir
}
