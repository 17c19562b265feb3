package layers_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/testfile"
	"github.com/terok-ai/terok-agent/resources"
)

// users is a project of user layers in a directory.
type users struct {
	dir  string
	spec layers.Spec
	// found are the external images; one that is not there is not in the store.
	found map[graph.ID]layers.External
}

// newUsers makes a project of Dockerfiles by name, each with the whole
// directory as context. Other names, with a slash or a dot, are files.
func newUsers(t *testing.T, files map[string]string) *users {
	t.Helper()
	u := &users{dir: t.TempDir(), found: map[graph.ID]layers.External{}}
	agents := "claude"
	u.spec = layers.Spec{Base: "debian:12", Agents: &agents, NoL1: true, Platform: "linux/amd64"}
	for name, text := range files {
		if strings.ContainsAny(name, "/.") {
			u.write(t, name, text)
			continue
		}
		u.write(t, name+".Dockerfile", text)
		u.spec.Layers = append(u.spec.Layers, layers.UserLayer{
			Name: name, Dockerfile: filepath.Join(u.dir, name+".Dockerfile"), Context: u.dir, Tags: []string{"my-" + name + ":latest"},
		})
	}
	return u
}

func (u *users) write(t *testing.T, name, text string) {
	t.Helper()
	testfile.Write(t, filepath.Join(u.dir, name), text)
}

func (u *users) layer(name string) *layers.UserLayer {
	for i := range u.spec.Layers {
		if u.spec.Layers[i].Name == name {
			return &u.spec.Layers[i]
		}
	}
	return nil
}

// digest is made up, and differs for different text.
func digest(text string) string { return graph.DigestOf(text) }

func (u *users) draw() (*graph.Graph, error) { return build(u, resources.FS) }

func build(u *users, tree fs.FS) (*graph.Graph, error) {
	s, err := layers.NewSketch(u.spec, tree)
	if err != nil {
		return nil, err
	}
	found := map[graph.ID]layers.External{}
	for _, b := range s.Bases() {
		e, ok := u.found[b.ID]
		if !ok && b.Local {
			continue
		}
		if !ok {
			e = layers.External{Digest: digest(string(b.ID)), Env: []string{}}
		}
		found[b.ID] = e
	}
	return s.Graph(found)
}

func (u *users) mustDraw(t *testing.T) *graph.Graph {
	t.Helper()
	g, err := u.draw()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func edges(g *graph.Graph, id graph.ID) string {
	n, _ := g.Lookup(id)
	var out []string
	for _, in := range n.Inputs {
		out = append(out, fmt.Sprintf("%s:%s", in.Role, in.Node))
	}
	return strings.Join(out, " ")
}

func TestUserLayersStandOn(t *testing.T) {
	u := newUsers(t, map[string]string{
		"dev":   "FROM l1\nRUN a\n",
		"tools": "FROM terok-l0:debian-12\nCOPY --from=agent/claude / /\nCOPY --from=docker.io/library/golang:1.26 /usr/local/go /go\n",
		"mix":   "ARG FROM_WHAT=my-dev\nFROM ${FROM_WHAT} AS x\nFROM golang:1.26\nRUN --mount=from=tools,target=/t b\nCOPY --from=x /a /b\nCOPY --from=base /c /c\nCOPY --from=debian:12 /d /d\n",
	})
	u.spec.Images = []string{"golang:1.26"}
	g := u.mustDraw(t)
	for id, want := range map[graph.ID]string{
		"dev":   "from:l1",
		"tools": "from:l0 copy:agent/claude copy:golang:1.26",
		"mix":   "from:golang:1.26 mount:tools copy:dev copy:base copy:base",
	} {
		if got := edges(g, id); got != want {
			t.Errorf("%s\n got %s\nwant %s", id, got, want)
		}
	}
	if n, ok := g.Lookup("golang:1.26"); !ok || n.Kind != graph.KindBase {
		t.Errorf("golang is %+v", n)
	}
	if got := ids(g); !strings.HasPrefix(got, "base ") || !strings.Contains(got, " l1 ") || strings.Contains(got, "agent/codex") {
		t.Errorf("nodes: %s", got)
	}
}

// Built-in layers are drawn only where something needs them; a project of
// Dockerfiles alone can be about anything.
func TestLayersAlone(t *testing.T) {
	u := newUsers(t, map[string]string{"a": "FROM scratch\nCOPY x.txt /\n", "b": "FROM a\nCOPY y.txt /\n", "x.txt": "x", "y.txt": "y"})
	u.spec.Base = "alpine:3" // of no known family, which nobody needs
	if got := ids(u.mustDraw(t)); got != "a b" {
		t.Errorf("nodes: %s", got)
	}
	s, err := layers.NewSketch(u.spec, resources.FS)
	if err != nil || fmt.Sprint(s.Targets()) != "[a b]" || len(s.Bases()) > 0 {
		t.Errorf("targets %v, bases %v (%v)", s.Targets(), s.Bases(), err)
	}
	u.write(t, "b.Dockerfile", "FROM l0\n")
	var family *layers.UnknownFamilyError
	if _, err := u.draw(); !errors.As(err, &family) {
		t.Errorf("a built-in layer on a base of no family: %v", err)
	}
}

func TestBuiltInOnDemand(t *testing.T) {
	for name, tc := range map[string]struct {
		edit func(*layers.Spec)
		from string
		want string
	}{
		"nothing":            {func(*layers.Spec) {}, "scratch", "a"},
		"l0 by name":         {func(*layers.Spec) {}, "l0", "base l0 a"},
		"l0 by its image":    {func(*layers.Spec) {}, "localhost/terok-l0:debian-12", "base l0 a"},
		"fetch":              {func(*layers.Spec) {}, "fetch", "base fetch a"},
		"a part":             {func(*layers.Spec) {}, "agent/claude", "base fetch agent/claude/install agent/claude a"},
		"a sidecar by image": {func(*layers.Spec) {}, "terok-l1-sidecar:debian-12-ast-grep", "base fetch l0 tool/ast-grep/install tool/ast-grep sidecar/ast-grep a"},
		"l1 wanted":          {func(s *layers.Spec) { s.Wanted = []graph.ID{"l1"} }, "scratch", "a base fetch agent/claude/install agent/claude l0 l1"},
		"l1 asked for":       {func(s *layers.Spec) { s.NoL1 = false }, "scratch", "a base fetch agent/claude/install agent/claude l0 l1"},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUsers(t, map[string]string{"a": "FROM " + tc.from + "\nENV A=b\n"})
			tc.edit(&u.spec)
			if got := ids(u.mustDraw(t)); got != tc.want {
				t.Errorf("nodes\n got %s\nwant %s", got, tc.want)
			}
		})
	}
}

// L0 is the same whatever leads to it: it holds what L1 needs as soon as there
// is an L1.
func TestL0IsOne(t *testing.T) {
	over := layers.Overlay(fstest.MapFS{
		"agents/needy.yaml": {Data: []byte("kind: tool\ninstall: [{apt: {packages: [needed]}}]\nlinks: {/usr/local/bin/needy: /opt/needy}\n")},
	}, resources.FS)
	agents := "needy"
	of := func(u *users) graph.Key {
		u.spec.Agents = &agents
		g, err := build(u, over)
		if err != nil {
			t.Fatal(err)
		}
		return g.Keys(layers.L0ID).Image
	}
	without := newUsers(t, map[string]string{"a": "FROM l0\nENV A=b\n"})
	with := newUsers(t, map[string]string{"a": "FROM l0\nENV A=b\n", "b": "FROM l1\nENV A=b\n"})
	plain := newUsers(t, nil)
	plain.spec.NoL1 = false
	if a, b, c := of(with), of(plain), of(without); a != b || a == c {
		t.Errorf("l0 below a user's layer beside l1 is %.19s, without user layers %.19s, without l1 %.19s", a, b, c)
	}
}

func TestUnknownRefs(t *testing.T) {
	for name, tc := range map[string]struct{ text, want, hint string }{
		"near a layer":        {"FROM dve\n", `:1: "dve" is neither a stage, nor a layer`, "write docker.io/library/dve:latest"},
		"copied from":         {"FROM l0\nCOPY --from=biulder /a /b\n", `:2: "biulder" is neither`, "add biulder to images:"},
		"mounted":             {"FROM l0\nRUN --mount=from=nope,target=/x b\n", `:2: "nope" is neither`, ""},
		"l0 of another base":  {"FROM terok-l0:debian-13\n", `(nearest: terok-l0:debian-12,`, ""},
		"official, not there": {"FROM golang:1.26\n", `"golang:1.26" is neither`, "docker.io/library/golang:1.26"},
		"no reference":        {"FROM Capital\n", `"Capital" is neither`, ""},
		"unknown agent":       {"FROM agent/clade\n", `(nearest: agent/claude`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUsers(t, map[string]string{"dev": "FROM l0\nCOPY --from=agent/claude / /\n", "it": tc.text})
			_, err := u.draw()
			var e *layers.UnknownRefError
			if !errors.As(err, &e) || !strings.Contains(err.Error(), tc.want) || !strings.Contains(e.Hint(), tc.hint) {
				t.Fatalf("got  %v\nwant %s (%s)", err, tc.want, tc.hint)
			}
			if !strings.HasPrefix(err.Error(), u.dir+"/it.Dockerfile") {
				t.Errorf("the place is not named: %v", err)
			}
		})
	}
	u := newUsers(t, map[string]string{"it": "FROM base\n"})
	u.spec.Base = "scratch"
	var e *layers.UnknownRefError
	if _, err := u.draw(); !errors.As(err, &e) {
		t.Errorf("on a base that is empty: %v", err)
	}
	u = newUsers(t, map[string]string{"it": "FROM golang:1.26\n"})
	u.found["golang:1.26"] = layers.External{Digest: digest("here"), Env: []string{}}
	if got := ids(u.mustDraw(t)); got != "golang:1.26 it" {
		t.Errorf("with the image in the store: %s", got)
	}
}

func TestUserLayersRefuse(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		edit  func(*users)
		want  string
	}{
		"a circle":           {map[string]string{"a": "FROM b\nENV A=b\n", "b": "FROM a\nENV A=b\n"}, nil, "in a circle: a → b → a"},
		"one tag twice":      {map[string]string{"a": "FROM l0\n", "b": "FROM l0\n"}, func(u *users) { u.spec.Layers[1].Tags = u.spec.Layers[0].Tags }, "is the name of two layers"},
		"a built-in's tag":   {map[string]string{"a": "FROM l0\nENV A=b\n"}, func(u *users) { u.layer("a").Tags = []string{"terok-l0:debian-12"} }, "is the name of two layers"},
		"no Dockerfile":      {map[string]string{"a": "FROM l0\n"}, func(u *users) { u.layer("a").Dockerfile += "x" }, `layer "a": reading its Dockerfile`},
		"no context":         {map[string]string{"a": "FROM l0\n"}, func(u *users) { u.layer("a").Context += "x" }, `layer "a": opening the build context`},
		"unknown target":     {map[string]string{"a": "FROM l0 AS one\n"}, func(u *users) { u.layer("a").Target = "two" }, `no stage "two"`},
		"a file that is not": {map[string]string{"a": "FROM l0\nCOPY nope /\n"}, nil, `a.Dockerfile:2: copying "nope": not in the build context`},
		"an ignored file":    {map[string]string{"a": "FROM l0\nCOPY x.txt /\n", "x.txt": "", ".dockerignore": "*.txt\n"}, nil, `a.Dockerfile:2: copying "x.txt": not in the build context`},
		"a bad ignore file":  {map[string]string{"a": "FROM l0\n", "a.Dockerfile.dockerignore": "ok\n[a\n"}, nil, `a.Dockerfile.dockerignore:2: "[a"`},
		"another platform":   {map[string]string{"a": "FROM --platform=linux/s390x quay.io/a/b:1\nRUN x\n"}, nil, `a.Dockerfile:1: FROM --platform=linux/s390x is another platform`},
		"a mistake":          {map[string]string{"a": "FROM l0\nCOPPY a b\n"}, nil, `a.Dockerfile:2: unknown instruction COPPY`},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUsers(t, tc.files)
			if tc.edit != nil {
				tc.edit(u)
			}
			if _, err := u.draw(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestUserRecipe(t *testing.T) {
	u := newUsers(t, map[string]string{"a": "ARG V\nFROM l0 AS one\nARG V\nRUN $V\nFROM one\nRUN b\n", "a.Dockerfile.dockerignore": "secret\n"})
	l := u.layer("a")
	l.Target, l.Args = "one", map[string]string{"V": "1", "NOBODY": "2"}
	g := u.mustDraw(t)
	n, _ := g.Lookup("a")
	r := n.Recipe
	if r.Target != "one" || len(r.Args) != 1 || r.Args["V"] != "1" || r.ContextDir != u.dir || strings.Join(r.Exclude, " ") != "secret" || r.Context != nil {
		t.Errorf("recipe: %+v", r)
	}
	if n.Tags[0] != "my-a:latest" {
		t.Errorf("tags: %v", n.Tags)
	}
	u.spec.Platform = "linux/riscv64"
	n, _ = u.mustDraw(t).Lookup("a")
	if n.Tags[0] != "my-a:latest-riscv64" {
		t.Errorf("tags for another platform: %v", n.Tags)
	}
}

// An argument that only a trigger of the base declares is passed too.
func TestTriggersDeclareArguments(t *testing.T) {
	u := newUsers(t, map[string]string{"a": "FROM base\n"})
	u.layer("a").Args = map[string]string{"V": "1"}
	u.found["base"] = layers.External{Digest: digest("base"), Env: []string{}, OnBuild: []string{"ARG V", "RUN x"}}
	was := u.mustDraw(t)
	if n, _ := was.Lookup("a"); n.Recipe.Args["V"] != "1" {
		t.Errorf("arguments: %v", n.Recipe.Args)
	}
	u.layer("a").Args["V"] = "2"
	if got := moved(was, u.mustDraw(t)); got != "a" {
		t.Errorf("another value moved %q", got)
	}
}

// What can change without anything that is known changing is said.
func TestUntracked(t *testing.T) {
	u := newUsers(t, map[string]string{"a": "FROM scratch\nADD https://a.example/x /\nADD --checksum=sha256:" + strings.Repeat("1", 64) + " https://a.example/y /\n"})
	n, _ := u.mustDraw(t).Lookup("a")
	if len(n.Unpinned) != 1 || !strings.Contains(n.Unpinned[0], "line 2: ADD https://a.example/x") {
		t.Errorf("unpinned: %q", n.Unpinned)
	}
}
