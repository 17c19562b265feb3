package buildkit_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/layers"
)

// small mounts a file system of a few megabytes.
func small(t *testing.T, dir, size string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatalf("mounting a small file system: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// A full disk is said to be one, and on which side.
func TestDiskFull(t *testing.T) {
	env := buildkittest.Shared(t)
	dir := t.TempDir()
	small(t, dir, "6m")
	base := buildkittest.AddToLayout(t, filepath.Join(dir, "images"), exectest.BaseRef, buildkittest.Busybox(t))
	x := executor(t, env.Address, buildkit.NewLayout(buildkit.LayoutOptions{Dir: filepath.Join(dir, "images"), Platform: layers.HostPlatform}))
	r := request(exectest.WithBase+"RUN dd if=/dev/urandom of=/big bs=1M count=12 2>/dev/null\n", nil, exectest.OnBase(base))
	if e := exectest.BuildError(t, x, r); e.Class != exec.ClassDiskFull || !strings.Contains(e.Hint, "where the images are kept") {
		t.Errorf("our disk: %v (class %s, hint %q), want disk-full", e, e.Class, e.Hint)
	}
	wantIndex(t, filepath.Join(dir, "images"), 1)

	// A step meets it in its own file system.
	x, _, base = onLayout(t)
	r = request(exectest.WithBase+"RUN --mount=type=tmpfs,target=/small,size=1048576 dd if=/dev/zero of=/small/big bs=1M count=4\n", nil, exectest.OnBase(base))
	if e := exectest.BuildError(t, x, r); e.Class != exec.ClassDiskFull || e.Line != 3 || e.Hint == "" {
		t.Errorf("a step's disk: %v at line %d (class %s), want disk-full at 3", e, e.Line, e.Class)
	}
}

// A daemon whose own disk is full says so, whoever fills it.
func TestDaemonsDiskFull(t *testing.T) {
	buildkittest.Require(t)
	cache := buildkittest.Dir(t)
	small(t, cache, "24m")
	env, stop, err := buildkittest.Open("--root=" + filepath.Join(cache, "root"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stop() }()
	target, _, base := newLayout(t)
	x := executor(t, env.Address, target)
	noise := make([]byte, 40<<20)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]exec.Request{
		"a step":          request(exectest.WithBase+"RUN dd if=/dev/zero of=/big bs=1M count=40\n", nil, exectest.OnBase(base)),
		"a build context": request(exectest.WithBase+"COPY big /\n", nil, exectest.OnBase(base)),
	} {
		t.Run(name, func(t *testing.T) {
			if name == "a build context" {
				r.Recipe.ContextDir = t.TempDir()
				if err := os.WriteFile(filepath.Join(r.Recipe.ContextDir, "big"), noise, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if e := exectest.BuildError(t, x, r); e.Class != exec.ClassDiskFull || !strings.Contains(e.Hint, "daemon keeps its cache") {
				t.Errorf("%v (class %s, hint %q), want disk-full and the daemon named", e, e.Class, e.Hint)
			}
		})
	}
}

// A layout on a disk that takes no writes is the trouble before any daemon is
// asked.
func TestStoreIsReadOnly(t *testing.T) {
	buildkittest.Require(t)
	disk := t.TempDir()
	small(t, disk, "16m")
	dir := filepath.Join(disk, "images")
	base := buildkittest.AddToLayout(t, dir, exectest.BaseRef, buildkittest.Busybox(t))
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatalf("making it read-only: %v", err)
	}
	x := executor(t, "unix:///nowhere/bk.sock", buildkit.NewLayout(buildkit.LayoutOptions{Dir: dir, Platform: layers.HostPlatform}))
	r := request(exectest.WithBase+"RUN echo x > /x\n", nil, exectest.OnBase(base))
	if e := exectest.BuildError(t, x, r); e.Class != exec.ClassStorage || !strings.Contains(e.Hint, "can be written") {
		t.Errorf("building: %v (class %s, hint %q), want storage", e, e.Class, e.Hint)
	}
	err := x.Tag(t.Context(), map[string]string{"other:1": base})
	if e := exectest.AsError(t, exec.Result{}, err); e.Class != exec.ClassStorage || e.Hint == "" {
		t.Errorf("naming: %v (class %s, hint %q), want storage", e, e.Class, e.Hint)
	}
}
