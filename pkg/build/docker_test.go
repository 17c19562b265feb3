package build_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/build"
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
	old := l1.Found
	p.Agent(t, "codex", "0.169.0")
	p.expect(t, "agent/codex version-changed(VERSION 0.168.0→0.169.0); l1 input-changed(agent/codex)", docker)
	if got := p.apply(t, docker, pushTo(r), everything); got != "agent/codex l1" {
		t.Errorf("after an edit built %q", got)
	}
	r.wantPushed(t, p.plan(t, docker), "l1")
	pruned(t, p, e, old, docker)

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

// pruned removes what was superseded, which is one image, when no container
// uses it any more.
func pruned(t *testing.T, p *project, e *dockertest.Env, old string, docker change) {
	t.Helper()
	spec, o := p.request([]change{docker})
	look := func() (*build.Stock, build.OwnImage) {
		t.Helper()
		stock, err := build.Images(t.Context(), spec, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, img := range stock.Images {
			if img.ID == old {
				return stock, img
			}
		}
		t.Fatalf("%s is not listed", old)
		return nil, build.OwnImage{}
	}
	e.Run(t, "create", "--name", "holder", "--network", "none", old, "true")
	stock, img := look()
	if slices.ContainsFunc(stock.Prunable(true), func(i build.OwnImage) bool { return i.ID == old }) {
		t.Error("what a container uses is to be removed")
	}
	if img.State != build.ImageSuperseded || !slices.Equal(img.Users, []string{"holder"}) || len(img.Names) > 0 {
		t.Errorf("the old l1 is %s, used by %q, named %q", img.State, img.Users, img.Names)
	}
	e.Run(t, "rm", "holder")
	stock, _ = look()
	list := stock.Prunable(false)
	if len(list) != 1 || list[0].ID != old {
		t.Fatalf("to be removed: %+v, want the old l1", list)
	}
	if freed := stock.Freed(list); freed <= 0 || freed >= img.Size {
		t.Errorf("frees %d bytes of %d: it stands on an l0 that stays", freed, img.Size)
	}
	for _, img := range stock.Images {
		if img.Node == "l0" && !slices.Equal(img.Names, []string{"localhost/terok-l0:debian-12"}) {
			t.Errorf("l0 has the names %q", img.Names)
		}
	}
	if removed, err := build.Prune(t.Context(), spec, o, list); err != nil || len(removed) != 1 {
		t.Errorf("removed %+v, %v", removed, err)
	}
	if strings.Contains(e.Run(t, "image", "ls", "--quiet", "--no-trunc"), old) {
		t.Error("it is still there")
	}
	p.upToDate(t, docker)
	// Another selection's has a name, and goes when asked for.
	one := func(s *build.Spec, _ *build.Options) { claude := "claude"; s.Agents = &claude }
	p.apply(t, docker, one)
	stock, err := build.Images(t.Context(), spec, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(stock.Prunable(false)) > 0 {
		t.Errorf("without all: %+v", stock.Prunable(false))
	}
	all := stock.Prunable(true)
	if removed, err := build.Prune(t.Context(), spec, o, all); err != nil || len(removed) != 2 {
		t.Errorf("with all removed %d (%v), want codex 0.168.0 and the other l1", len(removed), err)
	}
	p.upToDate(t, docker)
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
