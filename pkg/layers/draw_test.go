package layers_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/roster"
	"github.com/terok-ai/terok-agent/resources"
)

const digest1 = "sha256:1111111111111111111111111111111111111111111111111111111111111111"

func spec(agents string) layers.Spec {
	return layers.Spec{Base: "ubuntu:24.04", BaseDigest: digest1, Agents: &agents, Platform: "linux/amd64"}
}

func draw(t *testing.T, s layers.Spec, over fstest.MapFS) *graph.Graph {
	t.Helper()
	g, err := layers.Draw(s, layers.Overlay(over, resources.FS))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func ids(g *graph.Graph) string {
	var out []string
	for _, n := range g.Nodes() {
		out = append(out, string(n.ID))
	}
	return strings.Join(out, " ")
}

func TestDrawBuiltIn(t *testing.T) {
	s := spec("claude,codex")
	s.Sidecars = []string{"ast-grep"}
	g := draw(t, s, nil)
	const want = "base fetch agent/claude/install agent/claude agent/codex/install agent/codex l0 l1 " +
		"tool/ast-grep/install tool/ast-grep sidecar/ast-grep"
	if got := ids(g); got != want {
		t.Errorf("nodes\n got %s\nwant %s", got, want)
	}
	l1, _ := g.Lookup(layers.L1ID)
	var edges []string
	for _, in := range l1.Inputs {
		edges = append(edges, string(in.Role)+":"+string(in.Node)+":"+in.Arg)
	}
	if got := strings.Join(edges, " "); got != "from:l0:L0 copy:agent/claude:AGENT_CLAUDE copy:agent/codex:AGENT_CODEX" {
		t.Errorf("edges of l1: %s", got)
	}
	if l1.Tags[0] != "terok-l1-cli:ubuntu-24.04-claude-codex" {
		t.Errorf("tags of l1: %v", l1.Tags)
	}
	codex, _ := g.Lookup("agent/codex")
	if codex.Version == "" || codex.Tags[0] != "terok-agent-codex:"+codex.Version || len(codex.Unpinned) > 0 {
		t.Errorf("agent/codex: version %q, tags %v, unpinned %v", codex.Version, codex.Tags, codex.Unpinned)
	}
}

// moved lists the layers whose key differs between two graphs.
func moved(a, b *graph.Graph) string {
	var out []string
	for _, n := range b.Nodes() {
		if n.Kind == graph.KindLayer && a.Keys(n.ID).Image != b.Keys(n.ID).Image {
			out = append(out, string(n.ID))
		}
	}
	return strings.Join(out, " ")
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := fs.ReadFile(resources.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestEditsMoveKeys(t *testing.T) {
	was := draw(t, spec("claude,codex"), nil)
	edit := func(name string, f func(string) string) fstest.MapFS {
		return fstest.MapFS{name: {Data: []byte(f(string(read(t, name))))}}
	}
	add := func(s string) func(string) string { return func(old string) string { return old + s } }
	for name, tc := range map[string]struct {
		over fstest.MapFS
		want string
	}{
		"script of l0":          {edit("scripts/l0/init-ssh-and-repo.sh", add("# x\n")), "l0 l1"},
		"script removed":        {fstest.MapFS{"scripts/l0/.wh.ssh-agent-bridge.sh": {}}, "l0 l1"},
		"script added":          {fstest.MapFS{"scripts/l0/more": {Data: []byte("#!/bin/sh\n")}}, "l0 l1"},
		"script loses shebang":  {edit("scripts/l0/ensure-bridges.sh", func(s string) string { return " " + s }), "l0 l1"},
		"tmux config":           {edit("tmux/container-tmux.conf", add("# x\n")), "l0 l1"},
		"script of l1":          {edit("scripts/l1/usr/local/bin/hilfe", add("# x\n")), "l1"},
		"script of fetch":       {edit("scripts/fetch/terok-fetch", add("# x\n")), "fetch"},
		"comment in a template": {edit("templates/l0.Dockerfile.tmpl", add("# nothing\n")), ""},
		"instruction of l0":     {edit("templates/l0.Dockerfile.tmpl", add("ENV A=b\n")), "l0 l1"},
		"help of an agent":      {edit("agents/codex.yaml", func(s string) string { return strings.Replace(s, "the coding agent", "the agent", 1) }), "l1"},
		"an agent's config":     {edit("scripts/agents/codex/config.toml", add("# x\n")), "agent/codex l1"},
		"version of an agent": {
			edit("agents/codex.lock.json", func(s string) string { return strings.ReplaceAll(s, "0.169.0", "0.170.0") }),
			"agent/codex l1",
		},
		"other platform's digest": {
			edit("agents/codex.lock.json", func(s string) string { return strings.Replace(s, "NZ/DaQUp", "NZ/DaQUq", 1) }), "",
		},
		"entry that is not selected": {edit("agents/copilot.yaml", add("# x\n")), ""},
	} {
		t.Run(name, func(t *testing.T) {
			now := draw(t, spec("claude,codex"), tc.over)
			if got := moved(was, now); got != tc.want {
				t.Errorf("moved %q, want %q", got, tc.want)
			}
		})
	}
}

// A moved base changes what is built on it and no part.
func TestBaseMovesNoPart(t *testing.T) {
	was := draw(t, spec("claude,codex"), nil)
	s := spec("claude,codex")
	s.BaseDigest = strings.Replace(digest1, "1", "2", 1)
	if got := moved(was, draw(t, s, nil)); got != "fetch l0 l1" {
		t.Errorf("moved %q", got)
	}
	// Another base shares the parts.
	s.Base = "debian:12"
	if got := moved(was, draw(t, s, nil)); got != "fetch l0 l1" {
		t.Errorf("on another base moved %q", got)
	}
}

// samePath are two tools that cannot be in one image.
var samePath = fstest.MapFS{
	"agents/one.yaml": {Data: []byte("kind: tool\nlinks: {/usr/local/bin/same: /opt/one}\n")},
	"agents/two.yaml": {Data: []byte("kind: tool\ndepends_on: one\nlinks: {/usr/local/bin/same: /opt/two}\nsidecar: {}\n")},
}

func TestDrawRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		edit func(*layers.Spec)
		over fstest.MapFS
		want string
	}{
		"unknown agent":   {edit: func(s *layers.Spec) { *s = spec("codx") }, want: `did you mean "codex"`},
		"unknown sidecar": {edit: func(s *layers.Spec) { s.Sidecars = []string{"claude"} }, want: "claude"},
		"unknown family":  {edit: func(s *layers.Spec) { s.Base = "alpine:3" }, want: "alpine:3"},
		"not pinned":      {edit: func(s *layers.Spec) { s.BaseDigest = "" }, want: "not pinned"},
		"entry with a mistake": {
			edit: func(*layers.Spec) {}, over: fstest.MapFS{"agents/codex.yaml": {Data: []byte("kind: native\ninstal: []\n")}},
			want: "agents/codex.yaml:2:1",
		},
		"unknown parent": {
			edit: func(*layers.Spec) {}, over: fstest.MapFS{"templates/l0.Dockerfile.tmpl": {Data: []byte("FROM {{.Base}}\nCOPY --from=typo /a /b\n")}},
			want: `L0.Dockerfile:2: "typo"`,
		},
		"missing file": {
			edit: func(*layers.Spec) {}, over: fstest.MapFS{"templates/l0.Dockerfile.tmpl": {Data: []byte("FROM {{.Base}}\nCOPY nothing /b\n")}},
			want: "L0.Dockerfile:2",
		},
		"one path twice in l1": {
			edit: func(s *layers.Spec) { *s = spec("codex,one,two") }, over: samePath, want: "one and two both put /usr/local/bin/same into the image",
		},
		"one path twice in a sidecar": {
			edit: func(s *layers.Spec) { s.Sidecars = []string{"two"} }, over: samePath, want: "one and two both put /usr/local/bin/same into the image",
		},
		"bad template": {
			edit: func(*layers.Spec) {}, over: fstest.MapFS{"templates/l0.Dockerfile.tmpl": {Data: []byte("FROM {{.Nope}}\n")}},
			want: "l0.Dockerfile.tmpl:1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := spec("claude,codex")
			tc.edit(&s)
			_, err := layers.Draw(s, layers.Overlay(tc.over, resources.FS))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestUnknownSidecarListsTools(t *testing.T) {
	s := spec("")
	s.Sidecars = []string{"nothing"}
	_, err := layers.Draw(s, resources.FS)
	var sel *roster.SelectionError
	if !errors.As(err, &sel) || !strings.Contains(sel.Hint(), "ast-grep") {
		t.Errorf("got %v", err)
	}
}

func BenchmarkDraw(b *testing.B) {
	for b.Loop() {
		if _, err := layers.Draw(spec("all"), resources.FS); err != nil {
			b.Fatal(err)
		}
	}
}
