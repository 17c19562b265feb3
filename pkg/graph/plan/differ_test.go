package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// reasonsFor are the reasons of a layer with these files ingredients whose image
// was made from others, each as code, subject, from and to.
func reasonsFor(t *testing.T, was, is []graph.Ingredient) string {
	t.Helper()
	draw := func(files []graph.Ingredient) *graph.Graph {
		g, err := graph.New(graph.Node{
			ID: "l", Kind: graph.KindLayer, Platform: "linux/amd64", Tags: []string{"l:1"}, Files: files, Recipe: &graph.Recipe{Name: "x"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	labels, err := draw(was).NewRecord("l", "", nil).Labels()
	if err != nil {
		t.Fatal(err)
	}
	image := graph.Image{ID: graph.DigestOf("l"), Names: []string{"localhost/l:1"}, Labels: labels}
	made, err := plan.Make(draw(is), graph.NewSnapshot([]graph.Image{image}), plan.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := made.Step("l")
	var out []string
	for _, r := range s.Reasons {
		out = append(out, strings.Join(strings.Fields(fmt.Sprint(r.Code, " ", r.Subject, ": ", r.From, " → ", r.To)), " "))
	}
	return strings.Join(out, "\n")
}

func fileOf(name, text string) graph.Ingredient {
	return graph.Ingredient{Kind: graph.File, Name: name, Attr: "f0644", Digest: graph.DigestOf(text)}
}

// Files come and go with the instruction that reads them: that is the reason
// then, not that they were added or removed.
func TestFilesOfAnInstruction(t *testing.T) {
	run, first, second := ins("RUN", "RUN x", 1), ins("COPY", "COPY a /", 2), ins("COPY", "COPY b /", 3)
	a, b := fileOf("a", "1"), fileOf("b", "2")
	list := func(l ...graph.Ingredient) []graph.Ingredient { return l }
	for name, tc := range map[string]struct {
		was, is []graph.Ingredient
		want    string
	}{
		"instruction added":   {list(run, first, a), list(run, first, a, second, b), "instruction-added COPY: → COPY b /"},
		"instruction removed": {list(first, a, run, second, b), list(first, a, run), "instruction-removed COPY: COPY b / →"},
		"file added too": {
			list(run, first, a), list(run, first, a, fileOf("a2", "3"), second, b),
			"instruction-added COPY: → COPY b /\nfile-added a2: → " + graph.DigestOf("3")[7:19],
		},
		"read by what stays too": {
			list(run, first, a), list(run, second, a, fileOf("a2", "3"), first, a, fileOf("a2", "3")),
			"instruction-added COPY: → COPY b /\nfile-added a2: → " + graph.DigestOf("3")[7:19],
		},
		"read twice and changed": {
			list(first, a, second, a), list(first, fileOf("a", "9"), second, fileOf("a", "9")),
			"file-changed a: " + graph.DigestOf("1")[7:19] + " → " + graph.DigestOf("9")[7:19],
		},
		"removed from both": {
			list(first, a, b, second, b), list(first, a), "instruction-removed COPY: COPY b / →\nfile-removed b: " + graph.DigestOf("2")[7:19] + " →",
		},
	} {
		if got := reasonsFor(t, tc.was, tc.is); got != tc.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, tc.want)
		}
	}
}

// Two instructions that are shown alike are told apart by their digests.
func TestInstructionsShownAlike(t *testing.T) {
	was, is := ins("RUN", "<<\none\n", 1), ins("RUN", "<<\ntwo\n", 1)
	was.Note, is.Note = "RUN <<EOF", "RUN <<EOF"
	want := fmt.Sprintf("instruction-changed RUN: RUN <<EOF (%s) → RUN <<EOF (%s)", was.Digest[7:19], is.Digest[7:19])
	if got := reasonsFor(t, []graph.Ingredient{was}, []graph.Ingredient{is}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A setting is an ingredient where a step first sees it, and not again while it
// stays the same. What moves for that alone is no reason.
func TestSettingsThatOnlyMove(t *testing.T) {
	list := func(l ...graph.Ingredient) []graph.Ingredient { return l }
	run, dir, copied := ins("RUN", "RUN x", 3), ins("WORKDIR", "WORKDIR /w", 2), ins("COPY", "COPY a /", 1)
	zero, other := ins("USER", "USER 0", 0), ins("USER", "USER 0:0", 0)
	for name, tc := range map[string]struct {
		was, is []graph.Ingredient
		want    string
	}{
		"the stage below changes what is set here again": {
			list(zero, dir, run), list(other, dir, zero, run), "instruction-changed USER: USER 0 → USER 0:0",
		},
		"another instruction saw it first": {
			list(zero, dir, copied, run), list(copied, zero, run), "instruction-removed WORKDIR: WORKDIR /w →",
		},
		"nothing but a setting moves": {
			list(zero, copied, run), list(copied, zero, run), "instruction-removed USER: USER 0 →\ninstruction-added USER: → USER 0",
		},
		"one is new": {list(copied, run), list(copied, zero, run), "instruction-added USER: → USER 0"},
		"two change": {
			list(zero, copied, dir, run), list(other, copied, ins("WORKDIR", "WORKDIR /v", 2), run),
			"instruction-changed USER: USER 0 → USER 0:0\ninstruction-changed WORKDIR: WORKDIR /w → WORKDIR /v",
		},
		"a step that moves is one": {
			list(copied, run), list(run, copied), "instruction-removed COPY: COPY a / →\ninstruction-added COPY: → COPY a /",
		},
	} {
		if got := reasonsFor(t, tc.was, tc.is); got != tc.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, tc.want)
		}
	}
}
