package buildkit_test

import (
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
