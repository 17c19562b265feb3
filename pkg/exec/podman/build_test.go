package podman_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

const withBase = "ARG BASE=busybox:1\nFROM ${BASE}\n"

// build builds and fails the test on an error.
func build(t *testing.T, x exec.Executor, r exec.Request) (exec.Result, *recorder) {
	t.Helper()
	rec := &recorder{}
	res, err := x.Build(context.Background(), r, rec)
	if err != nil {
		t.Fatalf("Build: %v\n%s", err, strings.Join(rec.texts(exec.Log), "\n"))
	}
	return res, rec
}

// buildError builds and returns the error, which must be an *exec.Error.
func buildError(t *testing.T, x exec.Executor, r exec.Request) *exec.Error {
	t.Helper()
	_, err := x.Build(context.Background(), r, &recorder{})
	var e *exec.Error
	if !errors.As(err, &e) {
		t.Fatalf("Build = %v, want an *exec.Error", err)
	}
	return e
}

func TestBuildReportsSteps(t *testing.T) {
	x, e, base := newExecutor(t)
	r := request(withBase+"# a comment\nRUN echo out; \\\n    echo err >&2\nCOPY f /f\n", fstest.MapFS{"f": file("hello")}, fromBase(base))
	res, rec := build(t, x, r)
	if got := e.Run(t, "image", "inspect", "--format", `{{index .Labels "ai.terok.node"}}`, res.Image); got != "demo" {
		t.Errorf("label = %q, want demo", got)
	}
	if got := e.Run(t, "run", "--rm", "--network=host", res.Image, "cat", "/f"); got != "hello" {
		t.Errorf("/f = %q, want hello", got)
	}
	if res.Steps != 3 || res.Cached != 0 {
		t.Errorf("Steps, Cached = %d, %d, want 3, 0", res.Steps, res.Cached)
	}
	var lines []int
	for _, ev := range rec.events {
		if ev.Kind == exec.StepStarted {
			lines = append(lines, ev.Line)
		}
		if ev.Kind == exec.Log && ev.Text == "err" && ev.Line != 4 {
			t.Errorf("stderr of the RUN is at line %d, want 4", ev.Line)
		}
	}
	if len(lines) != 3 || lines[0] != 2 || lines[1] != 4 || lines[2] != 6 {
		t.Errorf("lines of the steps = %v, want [2 4 6]", lines)
	}
	again, _ := build(t, x, r)
	if again.Image != res.Image || again.Cached != 2 {
		t.Errorf("second build: %s with %d cached, want %s with 2", again.Image, again.Cached, res.Image)
	}
}

func TestBuildRunFails(t *testing.T) {
	x, e, base := newExecutor(t)
	r := request(withBase+"RUN echo first\nRUN for i in 1 2 3 4; do echo line $i; done >&2; echo bad >&2; exit 7\n", nil, fromBase(base))
	r.Options.Tail = 3
	err := buildError(t, x, r)
	if err.Class != exec.ClassStep || err.Line != 4 || err.ExitCode != 7 || err.File != "demo.Dockerfile" {
		t.Errorf("class %s, %s:%d, exit code %d; want step-failed, demo.Dockerfile:4, 7", err.Class, err.File, err.Line, err.ExitCode)
	}
	want := "demo failed at demo.Dockerfile:4 (RUN for i in 1 2 3 4; do echo line $i; done >&2; echo bad >…): exit code 7"
	if err.Error() != want {
		t.Errorf("message\n%s, want\n%s", err, want)
	}
	if got := strings.Join(err.Tail, "|"); got != "line 3|line 4|bad" {
		t.Errorf("tail = %q, want the last three lines", got)
	}
	if left := e.Containers(t); len(left) != 0 {
		t.Errorf("containers left: %v", left)
	}
}

// entries lists a directory.
func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}
