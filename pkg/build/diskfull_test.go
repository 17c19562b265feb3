package build_test

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

// A full disk under podman's storage is one clear error; when there is room
// again, the next apply goes on.
func TestDiskFullOnPodman(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("only root can mount the small disk this needs; the classification is tested in pkg/exec/podman")
		return
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=48m"); err != nil {
		t.Fatalf("mounting a small disk: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	t.Setenv("TEROK_TEST_STORAGE", dir)
	p := newProject(t)
	p.agents = "codex"
	p.Write(t, "scripts/l0/big", "#!/bin/sh\n"+strings.Repeat("0123456789abcdef", 4<<20))
	_, err := p.tryApply()
	if err == nil {
		t.Fatal("it was built")
	}
	e := asError(t, err)
	if e.Class != string(exec.ClassDiskFull) || !strings.Contains(e.Hint, "free space") || e.ExitCode != 1 {
		t.Errorf("class %q, hint %q, exit code %d: %v", e.Class, e.Hint, e.ExitCode, err)
	}
	if strings.Contains(e.Message, "goroutine") || strings.Contains(e.Message, "panic") {
		t.Errorf("message: %s", e.Message)
	}
	if got := p.podman.Run(t, "images", "--format", "{{.Repository}}", "--filter", "reference=*terok*"); got != "" {
		t.Errorf("names moved: %s", got)
	}
	if left := p.podman.Containers(t); len(left) > 0 {
		t.Errorf("containers are left: %v", left)
	}
	p.Remove(t, "scripts/l0/big")
	// podman cannot always take away what it had begun when the disk was full.
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=256m"); err != nil {
		t.Fatalf("making room: %v", err)
	}
	p.apply(t)
	p.upToDate(t)
}
