package layers_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/resources"
)

// Every entry renders, parses and draws, on both platforms and families, alone
// and with all others.
func TestEveryEntryDraws(t *testing.T) {
	r, err := layers.LoadRoster(resources.FS)
	if err != nil {
		t.Fatal(err)
	}
	for _, platform := range []string{"linux/amd64", "linux/arm64"} {
		for _, base := range []string{"debian:12", "fedora:42"} {
			selections := []string{strings.Join(r.Names(), ",")}
			if platform == "linux/amd64" && base == "debian:12" {
				selections = append(selections, r.Names()...)
			}
			for _, agents := range selections {
				g, err := layers.Draw(layers.Spec{Base: base, BaseDigest: digest1, Agents: &agents, Platform: platform}, resources.FS)
				if err != nil {
					t.Errorf("%s on %s, %s: %v", agents, base, platform, err)
					continue
				}
				checkParts(t, g, base)
			}
		}
	}
}

func checkParts(t *testing.T, g *graph.Graph, base string) {
	t.Helper()
	for _, n := range g.Nodes() {
		if n.Kind != graph.KindLayer || !layers.IsPart(n.ID) {
			continue
		}
		if len(n.Unpinned) > 0 {
			t.Errorf("%s is unpinned: %v", n.ID, n.Unpinned)
		}
		for _, in := range n.Inputs {
			if in.Node == layers.FetchID && !in.Builder {
				t.Errorf("%s depends on what fetched it", n.ID)
			}
		}
		if strings.Contains(n.Tags[0], ":"+layers.BaseFragment(base)) != (n.Version == "") {
			t.Errorf("%s: version %q, tag %s", n.ID, n.Version, n.Tags[0])
		}
	}
}

// What a part was made with enters its key; what it only runs with does not.
func TestNeedsAndDependencies(t *testing.T) {
	before := draw(t, spec("codex-acp"), nil)
	if got := ids(before); !strings.Contains(got, "tool/node agent/codex-acp/install agent/codex-acp ") {
		t.Errorf("drawn: %s", got)
	}
	codex := fstest.MapFS{"scripts/agents/codex/config.toml": {Data: []byte("# other\n")}}
	if got := moved(before, draw(t, spec("codex-acp"), codex)); got != "agent/codex l1" {
		t.Errorf("an edit of what it runs with moves %q", got)
	}
	node := fstest.MapFS{"agents/node.yaml": {Data: []byte(strings.Replace(string(read(t, "agents/node.yaml")), "[bin, lib, LICENSE]", "[bin, lib]", 1))}}
	if got := moved(before, draw(t, spec("codex-acp"), node)); got != "tool/node agent/codex-acp l1" {
		t.Errorf("an edit of what it was made with moves %q", got)
	}
	lock := fstest.MapFS{"agents/codex-acp.package-lock.json": {Data: append(read(t, "agents/codex-acp.package-lock.json"), '\n')}}
	if got := moved(before, draw(t, spec("codex-acp"), lock)); got != "agent/codex-acp l1" {
		t.Errorf("an edit of its lock moves %q", got)
	}
}

// Packages of the distribution go into L0, where all packages are.
func TestPackagesJoinL0(t *testing.T) {
	over := fstest.MapFS{"agents/keys.yaml": {Data: []byte("default: false\ninstall:\n  - apt: {packages: [libsecret-1-0]}\n  - dnf: {packages: [libsecret]}\n")}}
	plain, with := draw(t, spec("claude"), over), draw(t, spec("claude,keys"), over)
	if got := moved(plain, with); got != "agent/keys l0 l1" {
		t.Errorf("moved %q", got)
	}
	l0, _ := with.Lookup(layers.L0ID)
	if text := string(l0.Recipe.Dockerfile); !strings.Contains(text, "zip libsecret-1-0; ") || strings.Contains(text, "libsecret;") {
		t.Errorf("l0 does not install it:\n%s", text)
	}
	l0, _ = plain.Lookup(layers.L0ID)
	if strings.Contains(string(l0.Recipe.Dockerfile), "libsecret") {
		t.Error("l0 installs what nobody asked for")
	}
	keys, _ := with.Lookup("agent/keys")
	if len(keys.Unpinned) != 2 || !strings.HasSuffix(keys.Tags[0], ":ubuntu-24.04") {
		t.Errorf("keys: unpinned %v, tags %v", keys.Unpinned, keys.Tags)
	}
}

// What is made with something unpinned is unpinned, and its tag is the base's.
func TestUnpinnedIsInherited(t *testing.T) {
	over := fstest.MapFS{
		"agents/node.yaml":          {Data: []byte("kind: runtime\ndefault: false\ninstall: [{script: {run: \"true\"}}]\ncommands: {node: bin/node}\n")},
		"agents/.wh.node.lock.json": {},
	}
	acp, _ := draw(t, spec("codex-acp"), over).Lookup("agent/codex-acp")
	if len(acp.Unpinned) != 1 || !strings.Contains(acp.Unpinned[0], "node") || acp.Tags[0] != "terok-agent-codex-acp:ubuntu-24.04" {
		t.Errorf("unpinned %v, tags %v", acp.Unpinned, acp.Tags)
	}
}
