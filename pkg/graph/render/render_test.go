package render_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
	"github.com/terok-ai/terok-agent/pkg/graph/render"
)

// small has every kind of node and edge: a base, a layer with a stage, a part
// whose builder is no ingredient, and one that two others stand on.
func small(t *testing.T) *graph.Graph {
	t.Helper()
	from := func(id graph.ID) graph.Input { return graph.Input{Role: graph.RoleFrom, Node: id} }
	copied := func(id graph.ID) graph.Input { return graph.Input{Role: graph.RoleCopy, Node: id} }
	builder := graph.Input{Role: graph.RoleFrom, Node: "fetch", Builder: true}
	layer := func(id graph.ID, tag string, in ...graph.Input) graph.Node {
		return graph.Node{ID: id, Kind: graph.KindLayer, Platform: "linux/amd64", Tags: []string{tag}, Recipe: &graph.Recipe{}, Inputs: in}
	}
	g, err := graph.New(
		graph.Node{ID: "base", Kind: graph.KindBase, Ref: "debian:12", Digest: graph.DigestOf("base")},
		layer("l0", "terok-l0:debian-12", from("base")),
		layer("fetch", "terok-fetch:debian-12", from("base")),
		layer("agent/codex", "terok-agent-codex:1.0", builder),
		layer("l1", "terok-l1-cli:debian-12", from("l0"), copied("agent/codex")),
		graph.Node{ID: "dev/tools", Kind: graph.KindStage, Layer: "dev", Platform: "linux/amd64", Inputs: []graph.Input{from("l1")}},
		layer("dev", "shop-dev:latest", from("l1"), copied("dev/tools")),
	)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

const treeText = `dev  shop-dev:latest
└─ l1  terok-l1-cli:debian-12
   ├─ l0  terok-l0:debian-12
   │  └─ base  debian:12
   └─ agent/codex  terok-agent-codex:1.0
      └─ (builder) fetch  terok-fetch:debian-12
         └─ base  debian:12
`

const treeStages = `dev  shop-dev:latest
├─ l1  terok-l1-cli:debian-12
│  ├─ l0  terok-l0:debian-12
│  │  └─ base  debian:12
│  └─ agent/codex  terok-agent-codex:1.0
│     └─ (builder) fetch  terok-fetch:debian-12
│        └─ base  debian:12
└─ dev/tools
   └─ l1  terok-l1-cli:debian-12  (above)
`

const dotText = `digraph layers {
  rankdir=LR;
  node [shape=box, fontname="sans-serif"];
  "base" [label="base", shape=cylinder];
  "fetch" [label="fetch"];
  "agent/codex" [label="agent/codex"];
  "l0" [label="l0"];
  "l1" [label="l1"];
  "dev" [label="dev"];
  "base" -> "fetch";
  "fetch" -> "agent/codex" [style=dashed];
  "base" -> "l0";
  "l0" -> "l1";
  "agent/codex" -> "l1";
  "l1" -> "dev";
}
`

const mermaidText = `flowchart LR
  n0["base"]
  n1["fetch"]
  n2["agent/codex"]
  n3["l0"]
  n4["l1"]
  n5["dev"]
  n0 --> n1
  n1 -.-> n2
  n0 --> n3
  n3 --> n4
  n2 --> n4
  n4 --> n5
`

func TestGraph(t *testing.T) {
	g := small(t)
	for name, tc := range map[string]struct {
		format string
		stages bool
		want   string
	}{
		"tree":             {"tree", false, treeText},
		"tree with stages": {"tree", true, treeStages},
		"dot":              {"dot", false, dotText},
		"dot with stages": {"dot", true, strings.NewReplacer(
			"  \"dev\" [label=\"dev\"];\n", "  \"dev/tools\" [label=\"dev/tools\", style=dotted];\n  \"dev\" [label=\"dev\"];\n",
			"  \"l1\" -> \"dev\";\n", "  \"l1\" -> \"dev/tools\";\n  \"l1\" -> \"dev\";\n  \"dev/tools\" -> \"dev\";\n",
		).Replace(dotText)},
		"mermaid": {"mermaid", false, mermaidText},
		"mermaid with stages": {"mermaid", true, strings.NewReplacer(
			"  n5[\"dev\"]\n", "  n5[\"dev/tools\"]\n  n6[\"dev\"]\n",
			"  n4 --> n5\n", "  n4 --> n5\n  n4 --> n6\n  n5 --> n6\n",
		).Replace(mermaidText)},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := render.Graph(&b, g, tc.format, tc.stages); err != nil {
				t.Fatal(err)
			}
			if b.String() != tc.want {
				t.Errorf("got\n%s\nwant\n%s", b.String(), tc.want)
			}
		})
	}
}

func TestUnknownFormat(t *testing.T) {
	var b strings.Builder
	err := render.Graph(&b, small(t), "svg", false)
	if !errors.Is(err, render.ErrFormat) || err.Error() != `unknown format "svg"` || b.Len() > 0 {
		t.Errorf("got %v and %q", err, b.String())
	}
}

// digest is one whose first digits people can compare.
func digest(digit string) string { return "sha256:" + strings.Repeat(digit, 64) }

func planned() *plan.Plan {
	return &plan.Plan{Steps: []plan.Step{
		{Node: "base", Kind: graph.KindBase, Ref: "debian:12", Digest: digest("1"), Action: plan.UpToDate, Unchecked: true},
		{Node: "l0", Kind: graph.KindLayer, Tags: []string{"terok-l0:debian-12"}, Action: plan.UpToDate},
		{
			Node: "agent/codex", Kind: graph.KindLayer, Tags: []string{"terok-agent-codex:1.1"}, Action: plan.Build,
			Reasons:  []plan.Reason{{Code: plan.VersionChanged, From: "1.0", To: "1.1"}, {Code: plan.FileChanged, Subject: "scripts/acp"}},
			Unpinned: []string{"script in line 3"},
		},
		{Node: "dev/tools", Kind: graph.KindStage, Layer: "dev", Action: plan.Build, Reasons: []plan.Reason{{Code: plan.InputChanged, Subject: "l1"}}},
		{Node: "dev", Kind: graph.KindLayer, Tags: []string{"shop-dev:latest"}, Action: plan.Retag, Reasons: []plan.Reason{{Code: plan.TagMissing, Subject: "shop-dev:latest"}}},
	}}
}

func TestPlan(t *testing.T) {
	const head = `base         debian:12              up-to-date  sha256:111111111111… (as recorded, not checked)
l0           terok-l0:debian-12     up-to-date
agent/codex  terok-agent-codex:1.1  build       version 1.0 → 1.1
                                                scripts/acp changed
                                                unpinned: script in line 3
`
	const tail = `dev          shop-dev:latest        retag       name shop-dev:latest is missing
1 image to build, 1 to retag, 2 up to date
`
	for name, tc := range map[string]struct {
		style render.Style
		want  string
	}{
		"plain":  {render.Style{}, head + tail},
		"stages": {render.Style{Stages: true}, head + "  dev/tools                         build       l1 changes\n" + tail},
		"narrow": {render.Style{Width: 70}, strings.NewReplacer(
			"(as recorded, not checked)", "…", "unpinned: script in line 3", "unpinned: script in l…", "name shop-dev:latest is missing", "name shop-dev:latest …",
		).Replace(head + tail)},
		"coloured": {render.Style{Color: true}, strings.NewReplacer(
			"up-to-date", "\x1b[32mup-to-date\x1b[0m", "build     ", "\x1b[33mbuild     \x1b[0m", "retag     ", "\x1b[36mretag     \x1b[0m",
		).Replace(head + tail)},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := render.Plan(&b, planned(), tc.style); err != nil {
				t.Fatal(err)
			}
			if b.String() != tc.want {
				t.Errorf("got\n%q\nwant\n%q", b.String(), tc.want)
			}
		})
	}
}

func TestSummaryLine(t *testing.T) {
	act := func(actions ...plan.Action) *plan.Plan {
		p := &plan.Plan{}
		for _, a := range actions {
			p.Steps = append(p.Steps, plan.Step{Kind: graph.KindLayer, Action: a})
		}
		return p
	}
	for want, p := range map[string]*plan.Plan{
		"nothing to do: 2 up to date, 1 not needed": act(plan.UpToDate, plan.UpToDate, plan.NotNeeded),
		"2 images to build":                         act(plan.Build, plan.Build),
		"1 image to build, 1 to pull, 2 to retag":   act(plan.Build, plan.Retag, plan.Pull, plan.Retag),
	} {
		if got := render.SummaryLine(p); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
