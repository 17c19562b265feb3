package build_test

import (
	"testing"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/layers"
)

// onRegistryOf chooses BuildKit with a registry as the store, and a base that is
// in it and is returned.
func onRegistryOf(t *testing.T, r *exectest.Registry) (chosen change, base string) {
	t.Helper()
	base = r.Put(t, "library/debian:12", buildkittest.Busybox(t))
	onIt := onBuildkit(t, "registry:"+r.Host+"/team")
	return func(s *build.Spec, o *build.Options) {
		onIt(s, o)
		s.Base, s.Family = base, layers.Deb
	}, base
}

// Two daemons that share nothing but a registry build the graph together; what
// they built is found in the registry from another machine, and after the loss
// of all their caches an agent's new version builds that agent and l1 only.
func TestTwoDaemonsAndARegistry(t *testing.T) {
	p := engineless(t, "claude,codex")
	r := exectest.ServeRegistry(t)
	one, ref := onRegistryOf(t, r)
	second := buildkittest.Daemon(t)
	both := func(s *build.Spec, o *build.Options) {
		one(s, o)
		o.BuildkitAddrs = append(o.BuildkitAddrs, second)
	}
	if got := p.apply(t, both); got != "agent/claude agent/codex fetch l0 l1" {
		t.Fatalf("the first apply built %q", got)
	}
	p.upToDate(t, both)

	// Another machine: no cache directory, another daemon, nothing but names.
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	third := buildkittest.Daemon(t)
	elsewhere := func(s *build.Spec, o *build.Options) {
		both(s, o)
		o.BuildkitAddrs = []string{third}
	}
	p.upToDate(t, elsewhere)
	p.Agent(t, "codex", "0.169.0")
	// The base is pinned by what the images remember; its registry is not asked.
	p.expect(t, "agent/codex version-changed(VERSION 0.168.0→0.169.0); base not-needed no-image("+ref+"); l1 input-changed(agent/codex)", elsewhere)
	p.ran("")
	if got := p.apply(t, elsewhere); got != "agent/codex l1" {
		t.Errorf("after the loss of all caches built %q", got)
	}
	if got := nodesOf(p.ran("RUN")); got != "agent/codex l1" && got != "agent/codex" {
		t.Errorf("RUN ran in %q", got)
	}
	p.upToDate(t, both)

	l1, _ := p.plan(t, both).Step("l1")
	img, ok := r.Image(t, "team/"+l1.Tags[0])
	if !ok || buildkittest.IDOf(t, img) != l1.Found {
		t.Fatalf("%s is not %s in the registry", l1.Tags[0], l1.Found)
	}
	if _, ok := treeOf(t, img)["/opt/terok/agents/codex"]; !ok {
		t.Error("codex is not in l1")
	}
}
