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
	var files []graph.Ingredient
	for i := range 100_000 {
		if dir := fmt.Sprintf("src/d%02d/e%03d", i/10_000, i/100%100); i%100 == 0 {
			files = append(files, graph.Ingredient{Kind: graph.File, Name: dir, Attr: "d0755", Step: 1})
		}
		files = append(files, graph.Ingredient{
			Kind: graph.File, Name: fmt.Sprintf("src/d%02d/e%03d/file-%d.txt", i/10_000, i/100%100, i), Attr: "f0644",
			Digest: graph.DigestOf(fmt.Sprint(i)), Step: 1,
		})
	}
	return files
})

// at is the place of src/d03/e014/file-31415.txt.
const at = 31_415 + 31_500/100

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
		"changed": func(f []graph.Ingredient) []graph.Ingredient { f[at].Digest = graph.DigestOf("new"); return f },
		"mode":    func(f []graph.Ingredient) []graph.Ingredient { f[at].Attr = "f0755"; return f },
		"removed": func(f []graph.Ingredient) []graph.Ingredient { return append(f[:at], f[at+1:]...) },
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
	g := manyFiles(t, func(f []graph.Ingredient) []graph.Ingredient { f[at].Digest = graph.DigestOf("new"); return f })
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
	_, facts, err := plan.ExplainImage(img, nil)
	if err != nil || !slices.ContainsFunc(facts, func(f plan.Fact) bool { return f.Kind == graph.Tree && f.Name == "src/d03/e014" }) {
		t.Errorf("the image alone: %d facts, %v", len(facts), err)
	}
}

// Where the ingredients are kept in full, the file is named; what is kept of
// another image, or broken, is passed over.
func TestKeptRecordNamesTheFile(t *testing.T) {
	same := func(f []graph.Ingredient) []graph.Ingredient { return f }
	g := manyFiles(t, same)
	whole, err := g.NewRecord("app", "", nil).Whole()
	if err != nil || len(whole) <= graph.RecordBudget {
		t.Fatalf("%d bytes, %v", len(whole), err)
	}
	snap, key := image(t, g, nil), g.Keys("app").Image
	edited := manyFiles(t, func(f []graph.Ingredient) []graph.Ingredient { f[at].Digest = graph.DigestOf("new"); return f })
	other, err := edited.NewRecord("app", "", nil).Whole()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ kept, want string }{
		"kept":       {whole, "app build file-changed(src/d03/e014/file-31415.txt)"},
		"broken":     {whole[:1000], "app build file-changed(src/d03/e014)"},
		"of another": {other, "app build file-changed(src/d03/e014)"},
		"not kept":   {"", "app build file-changed(src/d03/e014)"},
	} {
		recall := func(k graph.Key) string {
			if k != key {
				t.Errorf("%s: asked for %s", name, k)
			}
			return c.kept
		}
		made, err := plan.Make(edited, snap, plan.Policy{Recall: recall})
		if err != nil {
			t.Fatal(err)
		}
		if got := verdicts(made); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
		e, err := plan.Explain(edited, snap, made, "app")
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(e.Facts, func(f plan.Fact) bool { return f.Status != plan.Same }); i < 0 ||
			!strings.HasSuffix(c.want, "("+e.Facts[i].Name+")") {
			t.Errorf("%s: explain names %d of %d", name, i, len(e.Facts))
		}
	}
	img, _ := snap.ByName("localhost/app:1")
	if _, facts, err := plan.ExplainImage(img, func(graph.Key) string { return whole }); err != nil || len(facts) < 100_000 {
		t.Errorf("the image alone: %d facts, %v", len(facts), err)
	}
	few := manyFiles(t, func(f []graph.Ingredient) []graph.Ingredient { return f[:3] })
	if small, err := few.NewRecord("app", "", nil).Whole(); err != nil || small != "" {
		t.Errorf("a small record: %q, %v", small, err)
	}
}
