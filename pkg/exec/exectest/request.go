package exectest

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/graph"
)

// BaseRef is what the Dockerfiles of tests call their base.
const BaseRef = "docker.io/library/busybox:1"

// WithBase begins a Dockerfile on a base given by OnBase.
const WithBase = "ARG BASE=" + BaseRef + "\nFROM ${BASE}\n"

// OnBase is the parent that WithBase begins with.
func OnBase(image string) exec.Parent {
	return exec.Parent{Node: "base", Arg: "BASE", Ref: BaseRef, Image: image}
}

// On is a parent by build argument: "ARG L0=l0:1" and "FROM ${L0}".
func On(arg, ref, image string) exec.Parent {
	return exec.Parent{Node: graph.ID(strings.ToLower(arg)), Arg: arg, Ref: ref, Image: image}
}

// Layer is a layer "demo" from a Dockerfile and files.
func Layer(dockerfile string, files fstest.MapFS, parents ...exec.Parent) exec.Request {
	r := exec.Request{
		Node: "demo", Parents: parents,
		Recipe: graph.Recipe{Name: "demo.Dockerfile", Dockerfile: []byte(dockerfile), Platform: "linux/" + runtime.GOARCH},
		Labels: map[string]string{graph.LabelNode: "demo", graph.LabelKey: "sha256:0", graph.LabelRecord: "none"},
	}
	if files != nil {
		r.Recipe.Context = files
	}
	return r
}

// File is an ordinary file with a text.
func File(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text), Mode: 0o644} }

// Build builds and ends the test on an error.
func Build(t testing.TB, x exec.Executor, r exec.Request) (exec.Result, *Recorder) {
	t.Helper()
	rec := &Recorder{}
	res, err := x.Build(context.WithoutCancel(t.Context()), r, rec)
	if err != nil {
		t.Fatalf("Build: %v\n%s", err, strings.Join(rec.Texts(exec.Log), "\n"))
	}
	return res, rec
}

// BuildError builds and returns the error, which must be an *exec.Error.
func BuildError(t testing.TB, x exec.Executor, r exec.Request) *exec.Error {
	t.Helper()
	res, err := x.Build(context.WithoutCancel(t.Context()), r, &Recorder{})
	return AsError(t, res, err)
}

// AsError makes sure that a call failed with an *exec.Error and returns it.
func AsError(t testing.TB, res exec.Result, err error) *exec.Error {
	t.Helper()
	var e *exec.Error
	if !errors.As(err, &e) {
		t.Fatalf("result %+v, error %v; want an *exec.Error", res, err)
	}
	return e
}
