package project_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/project"
)

const full = `# a comment
version: 1
name: shop
base: debian:12
agents: [claude, codex]
sidecars: [ast-grep]
images:
  - golang:1.26
layers:
  - name: dev
    dockerfile: docker/dev.Dockerfile
    context: src
    target: tools
    args: {PYTHON: "3.13", EMPTY: ""}
    tags: [my-dev, registry.example/dev:2]
    max_age: 14d
  - name: docs
`

func parse(t *testing.T, text string) *project.Project {
	t.Helper()
	p, err := project.Parse(filepath.Join("sub", project.FileName), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParse(t *testing.T) {
	p := parse(t, full)
	want := []layers.UserLayer{
		{
			Name: "dev", Dockerfile: "sub/docker/dev.Dockerfile", Context: "sub/src", Target: "tools",
			Args: map[string]string{"PYTHON": "3.13", "EMPTY": ""}, Tags: []string{"my-dev:latest", "registry.example/dev:2"},
			MaxAge: 14 * 24 * time.Hour,
		},
		{Name: "docs", Dockerfile: "sub/docs.Dockerfile", Context: "sub", Tags: []string{"shop-docs:latest"}},
	}
	if !reflect.DeepEqual(p.Layers, want) {
		t.Errorf("layers\n got %+v\nwant %+v", p.Layers, want)
	}
	if p.Base != "debian:12" || strings.Join(p.Agents, " ") != "claude codex" || strings.Join(p.Images, " ") != "golang:1.26" {
		t.Errorf("read %+v", p)
	}
	for path, want := range map[string]string{
		"base": "sub/terok-agent.yaml:4", "layers.dev.args.PYTHON": "sub/terok-agent.yaml:14", "layers.docs.name": "sub/terok-agent.yaml:17",
	} {
		if got, ok := p.Where(path); !ok || got != want {
			t.Errorf("%s is from %q, want %q", path, got, want)
		}
	}
	if got, ok := p.Where("family"); ok {
		t.Errorf("family is from %q, and nobody gave it", got)
	}
}

// Not given and given as empty are two things: no agents at all is a wish.
func TestEmptyIsGiven(t *testing.T) {
	if p := parse(t, "version: 1\nagents: []\n"); p.Agents == nil || len(p.Agents) > 0 {
		t.Errorf("agents: %#v", p.Agents)
	}
	if p := parse(t, "version: 1\n"); p.Agents != nil || p.Layers != nil {
		t.Errorf("agents: %#v, layers: %#v", p.Agents, p.Layers)
	}
}

func TestMistakes(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"unknown key":         {"version: 1\nbsae: x\n", `f.yaml:2:1: unknown key "bsae" (did you mean "base"?)`},
		"far from any key":    {"version: 1\nnonsense: x\n", `f.yaml:2:1: unknown key "nonsense" (there are agents, base,`},
		"unknown layer key":   {"version: 1\nlayers:\n  - name: a\n    dokerfile: x\n", `f.yaml:4:5: unknown key "dokerfile" (did you mean "dockerfile"?)`},
		"unknown family":      {"version: 1\nfamily: debian\n", `f.yaml:2:1: "family" is "debian" (did you mean "deb"?)`},
		"number as text":      {"version: 1\nlayers: [{name: a, args: {V: 3.10}}]\n", `f.yaml:2:27: "layers[0].args.V" must be text (put it in quotes)`},
		"no version":          {"base: x\n", `f.yaml:1:1: no version is given`},
		"another version":     {"version: 2\n", `f.yaml:1:1: unknown version 2 (this program reads version 1)`},
		"version as text":     {"version: \"1\"\n", `f.yaml:1:1: unknown version "1"`},
		"empty":               {"# nothing\n", `f.yaml:1:1: the file is empty`},
		"two documents":       {"version: 1\n---\nversion: 1\n", `the file holds more than one document`},
		"a key twice":         {"version: 1\nbase: a\nbase: b\n", `f.yaml:3:1:`},
		"a list for text":     {"version: 1\nbase: [a]\n", `f.yaml:2:1: "base" must be text`},
		"text for a list":     {"version: 1\nagents: claude\n", `f.yaml:2:1: "agents" must be a list`},
		"an alias":            {"version: 1\nname: &a x\nbase: *a\n", `anchors, aliases and tags are not allowed`},
		"layer twice":         {"version: 1\nlayers:\n  - name: a\n  - name: a\n", `f.yaml:4:5: the layer "a" is there already, in line 3`},
		"layer without name":  {"version: 1\nlayers:\n  - target: a\n", `f.yaml:3:5: a layer has no name`},
		"reserved name":       {"version: 1\nlayers: [{name: l1}]\n", `f.yaml:2:11: a layer cannot be called "l1": it is built in`},
		"number as name":      {"version: 1\nlayers: [{name: '0'}]\n", `a layer cannot be called "0": a number is a stage`},
		"capitals in a name":  {"version: 1\nlayers: [{name: Dev}]\n", `"Dev" is not a name of small letters`},
		"tag with digest":     {"version: 1\nlayers: [{name: a, tags: ['x@sha256:" + strings.Repeat("1", 64) + "']}]\n", `it has a digest`},
		"tag that is none":    {"version: 1\nlayers: [{name: a, tags: [Dev]}]\n", `f.yaml:2:27: reading image reference "Dev"`},
		"age":                 {"version: 1\nlayers: [{name: a, max_age: soon}]\n", `f.yaml:2:20: "soon" is no age (write days`},
		"negative age":        {"version: 1\nlayers: [{name: a, max_age: -1h}]\n", `"-1h" is no age`},
		"name of an argument": {"version: 1\nlayers: [{name: a, args: {'1X': b}}]\n", `"1X" is no name of an argument`},
		"image":               {"version: 1\nimages: [Golang]\n", `f.yaml:2:10: reading image reference "Golang"`},
		"not YAML":            {"version: [\n", `f.yaml:1:`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := project.Parse("f.yaml", []byte(tc.text))
			var e *project.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

// All mistakes are told at once.
func TestAllMistakes(t *testing.T) {
	_, err := project.Parse("f.yaml", []byte("version: 1\nbsae: x\nfamily: y\n"))
	if err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("got %v", err)
	}
}

func TestFind(t *testing.T) {
	top := t.TempDir()
	deep := filepath.Join(top, "a", "b")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := project.Find(deep); got != "" || err != nil {
		t.Errorf("found %q (%v) where there is none", got, err)
	}
	// A directory of that name is no file.
	if err := os.Mkdir(filepath.Join(deep, project.FileName), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(top, project.FileName), []byte("version: 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := project.Find(deep); got != filepath.Join("..", "..", project.FileName) || err != nil {
		t.Errorf("found %q (%v)", got, err)
	}
}

func TestSet(t *testing.T) {
	p := parse(t, full)
	for _, s := range []string{
		"base=ubuntu:24.04", "agents=all,-codex", "layers.dev.args.PYTHON=3.14=x", "layers.dev.args.NEW=1",
		"layers.docs.tags=a:1, b", "layers.docs.dockerfile=x/y", "layers.dev.max_age=1w", "layers.dev.target=",
	} {
		if err := p.Set(s); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	dev, docs := p.Layers[0], p.Layers[1]
	if p.Base != "ubuntu:24.04" || strings.Join(p.Agents, " ") != "all -codex" || dev.Args["PYTHON"] != "3.14=x" || dev.Args["NEW"] != "1" ||
		dev.Args["EMPTY"] != "" || len(dev.Args) != 3 || strings.Join(docs.Tags, " ") != "a:1 b:latest" || docs.Dockerfile != "sub/x/y" ||
		dev.MaxAge != 7*24*time.Hour || dev.Target != "" {
		t.Errorf("set: %+v", p)
	}
	if got, _ := p.Where("layers.dev.args.PYTHON"); got != "--set" {
		t.Errorf("PYTHON is from %q", got)
	}
	if err := p.Set("name=store"); err != nil || p.Layers[1].Tags[0] != "a:1" {
		t.Errorf("renamed: %v, %v", err, p.Layers[1].Tags)
	}
}

func TestSetRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"base":                  `--set: "base" has no '='`,
		"bsae=x":                `--set: nothing is called "bsae" (did you mean "base"?)`,
		"layers.dve.target=x":   `--set: no layer is called "dve" (did you mean "dev"?)`,
		"layers.dev.traget=x":   `--set: nothing is called "layers.dev.traget" (did you mean "target"?)`,
		"layers.dev.args.1=x":   `"1" is no name of an argument`,
		"layers.dev.max_age=so": `"so" is no age`,
		"family=arch":           `"family" is "arch"`,
	} {
		err := parse(t, full).Set(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte("version: 1\nlayers: [{name: a, args: {X: |\n  b}}]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := project.Parse("f.yaml", text)
		if (p == nil) == (err == nil) {
			t.Errorf("project %v and error %v", p, err)
		}
	})
}
