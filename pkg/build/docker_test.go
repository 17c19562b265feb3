package build_test

import (
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/dockertest"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// A Docker engine is a store like the others: found by DOCKER_HOST, looked at,
// filled, exchanged with a registry.
func TestDockerStore(t *testing.T) {
	e := dockertest.Engine(t)
	for _, kv := range e.Vars() {
		k, v, _ := strings.Cut(kv, "=")
		t.Setenv(k, v)
	}
	p := engineless(t, "claude,codex")
	base := e.Load(t, "debian:12", buildkittest.Busybox(t))
	docker := onBuildkit(t, "docker")
	if got := p.apply(t, docker); got != "agent/claude agent/codex fetch l0 l1" {
		t.Fatalf("built %q", got)
	}
	p.upToDate(t, docker)
	made := p.plan(t, docker)
	if s, _ := made.Step("base"); s.Digest != base {
		t.Errorf("the base is %s, want the engine's %s", s.Digest, base)
	}
	l1, _ := made.Step("l1")
	if got := e.Run(t, "image", "inspect", "--format", "{{.Id}}", l1.Tags[0]); got != l1.Found {
		t.Errorf("%s is %s in the engine, want %s", l1.Tags[0], got, l1.Found)
	}
	recordOf(t, made, "l1")

	r := newTeamRegistry(t)
	p.Agent(t, "codex", "0.169.0")
	p.expect(t, "agent/codex version-changed(VERSION 0.168.0→0.169.0); l1 input-changed(agent/codex)", docker)
	if got := p.apply(t, docker, pushTo(r), everything); got != "agent/codex l1" {
		t.Errorf("after an edit built %q", got)
	}
	r.wantPushed(t, p.plan(t, docker), "l1")

	// Taken away, it comes back from the registry without being built.
	e.Run(t, "image", "rm", l1.Tags[0])
	done, err := p.tryApply(docker, pullFrom(r))
	if err != nil {
		t.Fatal(err)
	}
	if sortedIDs(done.Pulled) != "l1" || len(done.Built) > 0 {
		t.Errorf("built %v, pulled %v; want l1 pulled", done.Built, done.Pulled)
	}
	p.upToDate(t, docker)
	if s, _ := p.plan(t, docker).Step("l1"); s.Action != plan.UpToDate {
		t.Errorf("l1: %s", s.Action)
	}
	for _, name := range strings.Fields(e.Run(t, "images", "--format", "{{.Repository}}")) {
		if strings.Contains(name, "/team/") || strings.HasPrefix(name, "terok-agent@") {
			t.Errorf("the name %s is left behind", name)
		}
	}
	// Another base comes from its registry, by the engine's own pull.
	ref := r.Put(t, "library/other:1", buildkittest.Busybox(t, "OTHER=1"))
	onOther := onBase(ref)
	if got := p.apply(t, docker, onOther, targets("l0")); got != "l0" {
		t.Errorf("on another base built %q", got)
	}
	p.upToDate(t, docker, onOther, targets("l0"))
}

// Without an engine, or without its command, the error says what to do.
func TestDockerStoreWithoutDocker(t *testing.T) {
	dockertest.Require(t)
	p := engineless(t, "claude")
	docker := onBuildkit(t, "docker")
	t.Setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
	t.Setenv("PATH", strings.Join(dockertest.Directories(), ":"))
	_, err := p.tryApply(docker)
	wantFailure(t, err, exec.ClassNoEngine, "/nowhere/docker.sock")
	t.Setenv("PATH", "")
	_, err = p.tryApply(docker)
	wantFailure(t, err, exec.ClassNoEngine, "not installed")
}
