package render_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
	"github.com/terok-ai/terok-agent/pkg/graph/render"
)

func TestPhrase(t *testing.T) {
	long := strings.Repeat("a", 80)
	for _, tc := range []struct {
		reason plan.Reason
		want   string
	}{
		{plan.Reason{Code: plan.NoImage}, "no image"},
		{plan.Reason{Code: plan.ForeignImage, Subject: "x:1", From: "abcdef012345"}, "x:1 holds an image that is not ours (abcdef012345)"},
		{plan.Reason{Code: plan.ForeignImage, Subject: "x:1", From: "l0 of ubuntu"}, "x:1 holds the image of l0 of ubuntu"},
		{plan.Reason{Code: plan.RecordUnreadable, Subject: "x:1"}, "the record of x:1 cannot be read"},
		{plan.Reason{Code: plan.RecordFormat, Subject: "x:1"}, "the record of x:1 has another format"},
		{plan.Reason{Code: plan.InstructionChanged, From: "RUN  a", To: "RUN b"}, "changed: RUN a → RUN b"},
		{plan.Reason{Code: plan.InstructionChanged, Subject: "order"}, "order of instructions changed"},
		{plan.Reason{Code: plan.InstructionAdded, To: "RUN a\\\n b"}, "added: RUN a\\ b"},
		{plan.Reason{Code: plan.InstructionRemoved, From: "RUN a"}, "removed: RUN a"},
		{plan.Reason{Code: plan.FileAdded, Subject: "f"}, "f added"},
		{plan.Reason{Code: plan.FileRemoved, Subject: "f"}, "f removed"},
		{plan.Reason{Code: plan.FileChanged, Subject: "f"}, "f changed"},
		{plan.Reason{Code: plan.ModeChanged, Subject: "f", From: "f0644", To: "f0755"}, "f mode f0644 → f0755"},
		{plan.Reason{Code: plan.ArgChanged, Subject: "A", From: "1", To: "2"}, "arg A 1 → 2"},
		{plan.Reason{Code: plan.ArgChanged, Subject: "A", To: "2"}, "arg A added 2"},
		{plan.Reason{Code: plan.ArgChanged, Subject: "A", From: "1"}, "arg A 1 removed"},
		{plan.Reason{Code: plan.VersionChanged, From: "1", To: "2"}, "version 1 → 2"},
		{plan.Reason{Code: plan.BaseMoved, From: digest("1"), To: digest("2")}, "base moved sha256:111111111111… → sha256:222222222222…"},
		{
			plan.Reason{Code: plan.BaseMoved, From: "a:1@" + digest("1"), To: "b:1@" + digest("2")},
			"base a:1 sha256:111111111111… → b:1 sha256:222222222222…",
		},
		{plan.Reason{Code: plan.InputChanged, Subject: "l0"}, "l0 changes"},
		{plan.Reason{Code: plan.InputRebuilt, Subject: "l0"}, "l0 is made again"},
		{plan.Reason{Code: plan.PlatformChanged, From: "linux/amd64", To: "linux/arm64"}, "platform linux/amd64 → linux/arm64"},
		{plan.Reason{Code: plan.RefreshRequested}, "refresh asked for"},
		{plan.Reason{Code: plan.RebuildRequested}, "rebuild asked for"},
		{plan.Reason{Code: plan.Expired, From: "2026-01-01", To: "336h"}, "built 2026-01-01, older than 336h"},
		{plan.Reason{Code: plan.TagMissing, Subject: "x:1"}, "name x:1 is missing"},
		{plan.Reason{Code: "one-of-tomorrow", Subject: "x"}, "one-of-tomorrow x"},
		// Two long texts are cut to where they differ.
		{
			plan.Reason{Code: plan.InstructionChanged, From: "RUN " + long + " one " + long, To: "RUN " + long + " two " + long},
			"changed: …" + long[:17] + " one " + long[:17] + "… → …" + long[:17] + " two " + long[:17] + "…",
		},
	} {
		if got := render.Phrase(tc.reason); got != tc.want {
			t.Errorf("%s\n got %q\nwant %q", tc.reason.Code, got, tc.want)
		}
	}
}

// Many files are counted; the first of them stands for all.
func TestManyFiles(t *testing.T) {
	s := plan.Step{Kind: graph.KindLayer, Reasons: []plan.Reason{{Code: plan.ArgChanged, Subject: "A", From: "1", To: "2"}}}
	for _, c := range []plan.Code{plan.FileAdded, plan.FileChanged, plan.FileRemoved, plan.ModeChanged, plan.FileAdded, plan.FileAdded, plan.FileChanged} {
		s.Reasons = append(s.Reasons, plan.Reason{Code: c, Subject: "dir/" + string(c)})
	}
	if got := render.Phrases(&s); len(got) != 8 {
		t.Errorf("seven files: %q", got)
	}
	s.Reasons = append(s.Reasons, plan.Reason{Code: plan.FileRemoved, Subject: "last"})
	want := []string{"arg A 1 → 2", "files: 2 changed, 3 added, 2 removed, 1 with another mode (dir/file-added, …)"}
	if got := render.Phrases(&s); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestExplain(t *testing.T) {
	e := plan.Explanation{
		Step: plan.Step{
			Node: "l0", Kind: graph.KindLayer, Tags: []string{"terok-l0:debian-12"}, Action: plan.Build, Key: "sha256:new",
			Reasons: []plan.Reason{{Code: plan.FileChanged, Subject: "scripts/init"}},
		},
		Image: "sha256:image", RecordedKey: "sha256:old",
		Facts: []plan.Fact{
			{Node: "l0", Part: "files", Kind: graph.Base, Name: "from", Recorded: "debian:12 one", Current: "debian:12 one", Status: plan.Same},
			{Node: "l0", Part: "files", Kind: graph.Instruction, Name: "RUN", Current: "RUN new\n  lines", Status: plan.Added},
			{Node: "l0", Part: "files", Kind: graph.File, Name: "scripts/init", Recorded: "f0755 one", Current: "f0755 two", Status: plan.Changed},
			{Node: "l0", Part: "config", Kind: graph.Instruction, Name: "CMD", Recorded: "CMD init", Status: plan.Removed},
		},
	}
	const want = `l0  terok-l0:debian-12  build
  because scripts/init changed
  key       sha256:new
  image     sha256:image
  recorded  sha256:old

l0, files key:
  base        from  debian:12 one
+ instruction  RUN new lines
~ file        scripts/init  f0755 one → f0755 two

l0, config key:
- instruction  CMD init
`
	for name, tc := range map[string]struct {
		style render.Style
		want  string
	}{
		"plain":    {render.Style{}, want},
		"coloured": {render.Style{Color: true}, strings.NewReplacer("+ instruction  RUN new lines", "\x1b[33m+ instruction  RUN new lines\x1b[0m", "~ file        scripts/init  f0755 one → f0755 two", "\x1b[33m~ file        scripts/init  f0755 one → f0755 two\x1b[0m", "- instruction  CMD init", "\x1b[33m- instruction  CMD init\x1b[0m").Replace(want)},
		"narrow":   {render.Style{Width: 40}, strings.Replace(want, "f0755 one → f0755 two", "f0755 one →…", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := render.Explain(&b, e, tc.style); err != nil {
				t.Fatal(err)
			}
			if b.String() != tc.want {
				t.Errorf("got\n%s\nwant\n%s", b.String(), tc.want)
			}
		})
	}
}

func TestExplainBase(t *testing.T) {
	var b strings.Builder
	e := plan.Explanation{Step: plan.Step{Node: "base", Kind: graph.KindBase, Ref: "debian:12", Digest: digest("1"), Action: plan.UpToDate}}
	if err := render.Explain(&b, e, render.Style{}); err != nil {
		t.Fatal(err)
	}
	if want := "base  debian:12  up-to-date\n  because sha256:111111111111…\n"; b.String() != want {
		t.Errorf("got  %q\nwant %q", b.String(), want)
	}
}

func TestExplainImage(t *testing.T) {
	img := graph.Image{ID: "sha256:image", Names: []string{"a:1", "b:2"}, Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))}
	rec := graph.Record{
		Node: "l1", Keys: graph.Keys{Image: "sha256:key"}, Platform: "linux/amd64", Salt: "s1",
		Inputs: []graph.InputRecord{{Node: "l0", Image: digest("2")}},
	}
	facts := []plan.Fact{{Node: "l1", Part: "files", Kind: graph.Instruction, Name: "RUN", Recorded: "RUN a", Status: plan.Recorded}}
	var b strings.Builder
	if err := render.ExplainImage(&b, img, rec, facts, render.Style{}); err != nil {
		t.Fatal(err)
	}
	const want = `l1  a:1, b:2
  image     sha256:image
  key       sha256:key
  platform  linux/amd64
  created   2026-01-02T02:04:05Z
  salt      s1
  on        l0  sha256:222222222222…

l1, files key:
  instruction  RUN a
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
