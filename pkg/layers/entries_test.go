package layers_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/roster"
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

// Every file of the resources is in exactly the images that hold it: an edit of
// it moves them, and what stands on them, and nothing else.
func TestEveryFileMovesItsNodes(t *testing.T) {
	r, err := layers.LoadRoster(resources.FS)
	if err != nil {
		t.Fatal(err)
	}
	drawn := map[string]*graph.Graph{}
	tested := 0
	err = fs.WalkDir(resources.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		agents, over, want := edit(t, r, name)
		if agents == "" {
			return nil
		}
		if drawn[agents] == nil {
			drawn[agents] = draw(t, spec(agents), nil)
		}
		if got := moved(drawn[agents], draw(t, spec(agents), over)); got != want {
			t.Errorf("an edit of %s moves %q, want %q", name, got, want)
		}
		tested++
		return nil
	})
	if err != nil || tested < 80 {
		t.Errorf("tested %d files, %v", tested, err)
	}
}

// edit changes a file of the resources in a way that matters, if there is one,
// and says with which agents which layers that moves.
func edit(t *testing.T, r *roster.Roster, name string) (agents string, over fstest.MapFS, want string) {
	t.Helper()
	text := string(read(t, name))
	to := func(changed string) fstest.MapFS { return fstest.MapFS{name: {Data: []byte(changed)}} }
	const other = "codex"
	dir, rest, _ := strings.Cut(name, "/")
	switch {
	case dir == "tmux" || strings.HasPrefix(name, "scripts/l0/"):
		return other, to(text + "\n"), "l0 l1"
	case strings.HasPrefix(name, "scripts/l1/"):
		return other, to(text + "\n"), "l1"
	case strings.HasPrefix(name, "scripts/fetch/"):
		return other, to(text + "\n"), "fetch"
	case strings.HasPrefix(name, "scripts/agents/"):
		entry, _, _ := strings.Cut(strings.TrimPrefix(rest, "agents/"), "/")
		return entry, to(text + "\n"), partOf(t, r, entry) + " l1"
	case dir == "templates":
		return other, to("# a comment\n" + text), ""
	case strings.HasSuffix(name, ".yaml"):
		return strings.TrimSuffix(rest, ".yaml"), to(text + "# a comment\n"), ""
	}
	entry, suffix, _ := strings.Cut(rest, ".")
	switch e, _ := r.Lookup(entry); {
	case dir != "agents" || suffix == "md":
		return "", nil, ""
	case suffix != "lock.json":
		return entry, to(text + "\n"), partOf(t, r, entry) + " l1"
	case len(e.Lock.Artefacts) == 0:
		return entry, to(strings.Replace(text, e.Lock.From, "elsewhere", 1)), ""
	}
	// The digest for amd64, whichever way it is written.
	at := strings.Index(text, "\", \"sha")
	digit := at + len(`", "sha512": "`) + 3
	flipped := "A"
	if text[digit] == 'A' || text[digit] == 'a' {
		flipped = "B"
	}
	return entry, to(text[:digit] + flipped + text[digit+1:]), partOf(t, r, entry) + " l1"
}

func partOf(t *testing.T, r *roster.Roster, name string) string {
	t.Helper()
	e, ok := r.Lookup(name)
	if !ok {
		t.Fatalf("there is no entry %s", name)
	}
	return string(layers.PartID(e))
}
