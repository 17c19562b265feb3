package buildkit_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/graph"
)

// What an older daemon lacks is done without where it can be, and named where
// it cannot.
func TestOlderDaemons(t *testing.T) {
	env := buildkittest.Shared(t)
	on := func(lacks func(string) bool) (*buildkit.Executor, string, string) {
		target, dir, base := newLayout(t)
		x := buildkit.New(buildkit.Options{
			Addresses: []string{buildkittest.Lacking(t, env.Address, lacks)}, Target: target, Getenv: noEnv,
			IsPart: func(id graph.ID) bool { return id == "part" },
		})
		t.Cleanup(func() { _ = x.Close() })
		return x, dir, base
	}
	x, dir, base := on(func(id string) bool { return strings.HasPrefix(id, "mergeop") })
	part, _ := exectest.Build(t, x, request("FROM scratch\nCOPY part /opt/\n", fstest.MapFS{"part": exectest.File("here")}))
	made, _ := exectest.Build(t, x, request("ARG PART=part:1\nARG BASE=base:1\nFROM ${PART} AS part\nFROM ${BASE}\nCOPY --from=part / /\n", nil,
		exectest.On("PART", "part:1", part.Image), exectest.On("BASE", "base:1", base)))
	if got := contentOf(t, dir, made.Image, "/opt/part"); got != "here" {
		t.Errorf("/opt/part = %q", got)
	}
	x, _, base = on(func(string) bool { return true })
	e := exectest.BuildError(t, x, request(exectest.WithBase+"RUN true\n", nil, exectest.OnBase(base)))
	if e.Class != exec.ClassDialect || e.Node != "demo" || !strings.Contains(e.Hint, "too old") {
		t.Errorf("error = %v (class %s, hint %q), want dialect and a hint", e, e.Class, e.Hint)
	}
}
