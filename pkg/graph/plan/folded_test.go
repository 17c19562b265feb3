package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

var hundredThousand = sync.OnceValue(func() []graph.Ingredient {
	files := make([]graph.Ingredient, 0, 100_000)
	for i := range 100_000 {
		files = append(files, graph.Ingredient{
			Kind: graph.File, Name: fmt.Sprintf("src/d%02d/e%03d/file-%d.txt", i/10_000, i/100%100, i), Attr: "f0644",
			Digest: graph.DigestOf(fmt.Sprint(i)), Step: 1,
		})
	}
	return files
})

// manyFiles is a layer that copies a hundred thousand files.
func manyFiles(t *testing.T, edit func(files []graph.Ingredient) []graph.Ingredient) *graph.Graph {
	t.Helper()
	files := slices.Clone(hundredThousand())
	g, err := graph.New(
		graph.Node{ID: "base", Kind: graph.KindBase, Ref: "debian:12", Digest: graph.DigestOf("base-1")},
		graph.Node{
			ID: "app", Kind: graph.KindLayer, Platform: "linux/amd64", Tags: []string{"app:1"}, Recipe: &graph.Recipe{},
			Inputs: []graph.Input{{Role: graph.RoleFrom, Node: "base"}},
			Files:  append([]graph.Ingredient{ins("COPY", "COPY src", 1)}, edit(files)...),
		})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// A record that had to fold its files still names the directory of the one
// that changed, and no other.
func TestFoldedFilesNameTheirDirectory(t *testing.T) {
	snap := image(t, manyFiles(t, func(f []graph.Ingredient) []graph.Ingredient { return f }), nil)
	for name, edit := range map[string]func([]graph.Ingredient) []graph.Ingredient{
		"changed": func(f []graph.Ingredient) []graph.Ingredient { f[31_415].Digest = graph.DigestOf("new"); return f },
		"mode":    func(f []graph.Ingredient) []graph.Ingredient { f[31_415].Attr = "f0755"; return f },
		"removed": func(f []graph.Ingredient) []graph.Ingredient { return append(f[:31_415], f[31_416:]...) },
		"added": func(f []graph.Ingredient) []graph.Ingredient {
			return append(f, graph.Ingredient{Kind: graph.File, Name: "src/d03/e014/new", Attr: "f0644", Digest: graph.DigestOf("new")})
		},
		"nothing": func(f []graph.Ingredient) []graph.Ingredient { return f },
	} {
		made, err := plan.Make(manyFiles(t, edit), snap, plan.Policy{})
		if err != nil {
			t.Fatal(err)
		}
		got := verdicts(made)
		if name == "nothing" {
			if got != "app up-to-date" {
				t.Errorf("nothing: %s", got)
			}
			continue
		}
		s, _ := made.Step("app")
		if len(s.Reasons) != 1 || !strings.HasPrefix(s.Reasons[0].Subject, "src/d03") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// So does its explanation, of the image alone too.
func TestFoldedFilesAreExplained(t *testing.T) {
	snap := image(t, manyFiles(t, func(f []graph.Ingredient) []graph.Ingredient { return f }), nil)
	g := manyFiles(t, func(f []graph.Ingredient) []graph.Ingredient { f[31_415].Digest = graph.DigestOf("new"); return f })
	made, err := plan.Make(g, snap, plan.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := plan.Explain(g, snap, made, "app")
	if err != nil {
		t.Fatal(err)
	}
	var trees, other []string
	for _, f := range e.Facts {
		switch {
		case f.Status == plan.Same:
		case f.Kind == graph.Tree:
			trees = append(trees, f.Name+" "+string(f.Status))
		default:
			other = append(other, f.Name+" "+string(f.Status))
		}
	}
	if len(trees) != 1 || trees[0] != "src/d03/e014 changed" || len(other) > 0 {
		t.Errorf("trees %v, other %v", trees, other)
	}
	img, _ := snap.ByName("localhost/app:1")
	if n := len(img.Labels[graph.LabelRecord]); n > graph.RecordBudget {
		t.Errorf("the record takes %d bytes", n)
	}
	_, facts, err := plan.ExplainImage(img)
	if err != nil || !slices.ContainsFunc(facts, func(f plan.Fact) bool { return f.Kind == graph.Tree && f.Name == "src/d03/e014" }) {
		t.Errorf("the image alone: %d facts, %v", len(facts), err)
	}
}
