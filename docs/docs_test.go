// Package docs_test keeps the documents true: their links lead somewhere, what
// they list is what there is, and their examples work.
package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/project"
	"github.com/terok-ai/terok-agent/pkg/testfile"
	"github.com/terok-ai/terok-agent/resources"
)

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestLinksResolve(t *testing.T) {
	files := []string{"../README.md"}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		// A link may be broken over two lines.
		text := strings.ReplaceAll(read(t, file), "\n", " ")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || target == "" {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), target)); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", file, m[1])
			}
		}
	}
}

// Every action and every reason code is in the description of the format.
func TestPlanFormatIsComplete(t *testing.T) {
	doc := read(t, "plan-format.md")
	source, err := parser.ParseFile(token.NewFileSet(), "../pkg/graph/plan/plan.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(source, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || (kind.Name != "Code" && kind.Name != "Action") {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		found++
		if !strings.Contains(doc, "\n| `"+value+"` |") {
			t.Errorf("plan-format.md has no line for %q", value)
		}
		return true
	})
	if found == 0 {
		t.Error("plan.go has no actions and codes")
	}
}

// The entry and the lock of resources.md can be drawn.
func TestExampleEntry(t *testing.T) {
	over := fstest.MapFS{
		"agents/shellcheck.yaml":      {Data: block(t, "# agents/shellcheck.yaml")},
		"agents/shellcheck.lock.json": {Data: block(t, `"schema": 1`)},
	}
	agents := "shellcheck"
	spec := layers.Spec{
		Base: "debian:12", BaseDigest: "sha256:" + strings.Repeat("1", 64), Agents: &agents,
		Sidecars: []string{"shellcheck"}, Platform: "linux/amd64",
	}
	g, err := layers.Draw(spec, layers.Overlay(over, resources.FS))
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := g.Lookup("tool/shellcheck"); !ok || n.Version != "0.10.0" || len(n.Unpinned) > 0 {
		t.Errorf("drawn as %+v", n)
	}
}

// The project file of project-file.md can be read, and gives the plan's nodes.
func TestExampleProject(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string][]byte{
		"terok-agent.yaml": blockOf(t, "project-file.md", "version: 1"), "dev.Dockerfile": blockOf(t, "project-file.md", "FROM l1"),
		"site/Dockerfile": blockOf(t, "project-file.md", "FROM base AS made"), "site/index.md": []byte("# Welcome\n"),
	} {
		testfile.Write(t, filepath.Join(dir, "shop", name), string(text))
	}
	p, err := project.Load(filepath.Join(dir, "shop", project.FileName))
	if err != nil {
		t.Fatal(err)
	}
	agents := strings.Join(p.Agents, ",")
	g, err := layers.Draw(layers.Spec{
		Base: p.Base, BaseDigest: "sha256:" + strings.Repeat("1", 64), Agents: &agents, Layers: p.Layers, Images: p.Images, Platform: "linux/amd64",
	}, resources.FS)
	if err != nil {
		t.Fatal(err)
	}
	plan := string(blockOf(t, "project-file.md", "6 images to build"))
	for _, n := range g.Nodes() {
		if n.Kind == graph.KindLayer && !regexp.MustCompile(`(?m)^`+string(n.ID)+` +`+strings.Split(n.Tags[0], ":")[0]+`:`).MatchString(plan) {
			t.Errorf("the plan has no line for %s %s", n.ID, n.Tags[0])
		}
	}
}

// block returns the indented block of resources.md that holds a text.
func block(t *testing.T, holds string) []byte { return blockOf(t, "resources.md", holds) }

func blockOf(t *testing.T, file, holds string) []byte {
	t.Helper()
	var lines []string
	for _, line := range strings.Split(read(t, file), "\n") {
		inside, ok := strings.CutPrefix(line, "    ")
		if ok {
			lines = append(lines, inside)
			continue
		}
		if text := strings.Join(lines, "\n"); strings.Contains(text, holds) {
			return []byte(text + "\n")
		}
		lines = nil
	}
	t.Fatalf("%s has no block with %s", file, holds)
	return nil
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The list of weaknesses names tests; each of them is there.
func TestWeaknessesNameTests(t *testing.T) {
	text, err := os.ReadFile("upstream-weaknesses.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(string(text), -1)
	if len(named) < 40 {
		t.Fatalf("only %d tests are named", len(named))
	}
	there := map[string]bool{}
	err = filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing`).FindAllStringSubmatch(string(source), -1) {
			there[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range named {
		if !there[m[1]] {
			t.Errorf("%s is named and is not there", m[1])
		}
	}
	for i := 1; i <= 40; i++ {
		if !strings.Contains(string(text), fmt.Sprintf("| W%d |", i)) {
			t.Errorf("W%d is missing", i)
		}
	}
}
