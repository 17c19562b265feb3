package podman_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman"
)

// slow is a layer whose step says that it runs and then does not end.
func slow(base string) exec.Request {
	return request(exectest.WithBase+"RUN echo under way; sleep 100000\n", nil, exectest.OnBase(base))
}

// eventually waits for what happens soon after; how soon is no matter.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 600 {
		if ok() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("%s: not within a minute", what)
}

// processesOf counts the processes that belong to builds in a directory:
// podman by its arguments, a step by the mounts of its container.
func processesOf(t testing.TB, dir string) int {
	t.Helper()
	n := 0
	for _, pattern := range []string{"/proc/[0-9]*/cmdline", "/proc/[0-9]*/mountinfo"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err == nil && bytes.Contains(text, []byte(dir+"/terok-podman-run-")) {
				n++
			}
		}
	}
	return n
}

// checkNothingLeft checks that a cut-off build left nothing anywhere.
func checkNothingLeft(t testing.TB, dir string) {
	t.Helper()
	e, _ := engine(t)
	eventually(t, "processes end", func() bool { return processesOf(t, dir) == 0 })
	if left := e.Containers(t); len(left) != 0 {
		t.Errorf("containers left: %v", left)
	}
	if left := entries(t, dir); len(left) != 0 {
		t.Errorf("files left: %v", left)
	}
}

func TestKilledFromOutside(t *testing.T) {
	e, base := engine(t)
	o := options(t, e)
	var once sync.Once
	_, err := podman.New(o).Build(context.Background(), slow(base), &exectest.Recorder{Seen: func(ev exec.Event) {
		if ev.Kind == exec.Log {
			once.Do(func() { killPodman(t, o.TempDir) })
		}
	}})
	var own *exec.Error
	if !errors.As(err, &own) || (own.Class != exec.ClassInterrupted && own.Class != exec.ClassKilled) {
		t.Errorf("Build = %v, want class interrupted or killed", err)
	}
	checkNothingLeft(t, o.TempDir)
}

// killPodman ends the podman of the build in dir, and it alone.
func killPodman(t *testing.T, dir string) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Error(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil || !bytes.HasPrefix(text, []byte("podman\x00build\x00")) || !bytes.Contains(text, []byte(dir)) {
			continue
		}
		if err := osexec.Command("kill", "-TERM", filepath.Base(filepath.Dir(f))).Run(); err != nil {
			t.Error(err)
		}
	}
}

// killBuild runs a build in a program of its own and kills that.
func killBuild(t *testing.T, o podman.Options, r exec.Request) {
	t.Helper()
	r.Recipe.Context = nil
	told, err := json.Marshal(child{Options: o, Request: r})
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := osexec.Command(self)
	cmd.Env = append(os.Environ(), childVariable+"="+string(told))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "under way\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	if processesOf(t, o.TempDir) == 0 {
		t.Error("no processes while the build runs: the check after it would be blind")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	eventually(t, "processes end", func() bool { return processesOf(t, o.TempDir) == 0 })
}

// When the program is killed its builds must end with it, and the next Clean
// removes what is left.
func TestProgramKilled(t *testing.T) {
	e, base := engine(t)
	o := options(t, e)
	killBuild(t, o, slow(base))
	if len(entries(t, o.TempDir)) == 0 || len(e.Containers(t)) == 0 {
		t.Error("nothing is left to clean: the test shows nothing")
	}
	x := podman.New(o)
	if err := x.Clean(context.Background()); err != nil {
		t.Fatal(err)
	}
	checkNothingLeft(t, o.TempDir)
	if err := x.Clean(context.Background()); err != nil {
		t.Errorf("a second Clean: %v", err)
	}
}

// Clean must not touch what lives.
func TestCleanSparesTheLiving(t *testing.T) {
	e, base := engine(t)
	o := options(t, e)
	x := podman.New(o)
	var once sync.Once
	r := request(exectest.WithBase+"RUN echo under way; sleep 2\n", nil, exectest.OnBase(base))
	r.Salt = "spare"
	_, err := x.Build(context.Background(), r, &exectest.Recorder{Seen: func(ev exec.Event) {
		if ev.Kind == exec.Log {
			once.Do(func() {
				if err := podman.New(o).Clean(context.Background()); err != nil {
					t.Errorf("Clean: %v", err)
				}
			})
		}
	}})
	if err != nil {
		t.Errorf("the build that Clean ran beside: %v", err)
	}
}

func TestDiskFull(t *testing.T) {
	e, base := engine(t)
	o := options(t, e)
	if os.Getuid() != 0 {
		t.Log("mounting a small file system needs root; a missing one cannot fill up")
		return
	}
	if out, err := osexec.Command("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", o.TempDir).CombinedOutput(); err != nil {
		t.Fatalf("mounting a small file system: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := osexec.Command("umount", "-l", o.TempDir).CombinedOutput(); err != nil {
			t.Errorf("unmounting: %v: %s", err, out)
		}
	})
	big := strings.Repeat("x", 5<<20)
	r := request(exectest.WithBase+"COPY big /big\n", fstest.MapFS{"big": exectest.File(big)}, exectest.OnBase(base))
	err := exectest.BuildError(t, podman.New(o), r)
	if err.Class != exec.ClassDiskFull {
		t.Errorf("class %s: %v; want disk-full", err.Class, err)
	}
	if left := entries(t, o.TempDir); len(left) != 0 {
		t.Errorf("files left: %v", left)
	}
}
