package layers_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/keytest"
)

func checkRows(t *testing.T, rows []keytest.Row) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) {
			u := newUsers(t, nil)
			p := keytest.New(t, u.dir, row)
			u.spec.Layers = []layers.UserLayer{{Name: "it"}}
			was := u.drawRow(t, p).Keys("it")
			row.Apply(t, p)
			if got := movedKeys(was, u.drawRow(t, p).Keys("it")); got != row.Want {
				t.Errorf("moved %q, want %q", got, row.Want)
			}
		})
	}
}

// drawRow draws the project as the layer "it".
func (u *users) drawRow(t *testing.T, p *keytest.Project) *graph.Graph {
	t.Helper()
	if p.Platform != "" {
		u.spec.Platform = p.Platform
	}
	*u.layer("it") = layers.UserLayer{
		Name: "it", Dockerfile: filepath.Join(p.Dir, "Dockerfile"), Context: p.Dir, Target: p.Target, Args: p.Args, Tags: append([]string{"my-it:latest"}, p.Tags...),
	}
	base := layers.External{Digest: digest("base" + strings.TrimPrefix(p.Base, "trigger")), Env: []string{}}
	if p.Base == "trigger" {
		base.OnBuild = []string{"RUN x"}
	}
	u.found["base"], u.found["quay.io/a/b:1"] = base, layers.External{Digest: digest("copied" + p.Copied)}
	return u.mustDraw(t)
}

func movedKeys(a, b graph.Keys) string {
	switch {
	case a.Files != b.Files && a.Config != b.Config:
		return "both"
	case a.Files != b.Files:
		return "files"
	case a.Config != b.Config:
		return "config"
	case a.Image != b.Image:
		return "only the image"
	}
	return ""
}

func write(name, text string) func(*testing.T, *users) {
	return func(t *testing.T, u *users) { u.write(t, name, text) }
}

func setBase(id graph.ID, e layers.External) func(*testing.T, *users) {
	return func(_ *testing.T, u *users) { u.found[id] = e }
}

// What must be in the key.
func TestCounts(t *testing.T) { checkRows(t, keytest.Counts()) }

// COPY of the whole context, and a bind of it, see the files that say how it is
// built too.
func TestWholeContextCounts(t *testing.T) {
	checkRows(t, keytest.WholeContext())
	checkRows(t, []keytest.Row{{
		Name: "a Dockerfile that is ignored", Before: "FROM base\nCOPY d /d\n", After: "# new\nFROM base\nCOPY d /d\n",
	}})
}

// What must not be in the key.
func TestDoesNotCount(t *testing.T) { checkRows(t, keytest.DoesNotCount()) }

// Triggers run in the child: the files and stages that they read are the
// child's, and their paths are expanded with the base's environment.
func TestTriggers(t *testing.T) {
	base := func(env string, triggers ...string) func(*testing.T, *users) {
		return setBase("base", layers.External{Digest: digest("base"), Env: []string{env}, OnBuild: triggers})
	}
	for name, tc := range map[string]struct {
		text        string
		base        func(*testing.T, *users)
		edit        func(*testing.T, *users)
		wantsChange bool
	}{
		"a file that a trigger copies":     {"FROM base\n", base("A=d", "COPY d /d"), write("d/f.txt", "new"), true},
		"a path that a variable names":     {"FROM base\n", base("A=d", "COPY $A /d"), write("d/f.txt", "new"), true},
		"a file beside that path":          {"FROM base\n", base("A=d", "COPY $A /d"), write("b.txt", "new"), false},
		"a file that a trigger mounts":     {"FROM base\n", base("A=d", "RUN --mount=source=d,target=/d x"), write("d/f.txt", "new"), true},
		"a trigger in another stage":       {"FROM base AS x\nFROM scratch\nCOPY --from=x /d /d\n", base("A=d", "COPY d /d"), write("d/f.txt", "new"), true},
		"a variable of the base in a COPY": {"FROM base\nCOPY $A /d\n", base("A=d"), write("b.txt", "new"), false},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"it": tc.text}
			files["d/f.txt"], files["b.txt"] = "x", "b"
			u := newUsers(t, files)
			tc.base(t, u)
			was := u.mustDraw(t).Keys("it")
			tc.edit(t, u)
			if got := movedKeys(was, u.mustDraw(t).Keys("it")); (got != "") != tc.wantsChange {
				t.Errorf("moved %q", got)
			}
		})
	}
	// Of a layer of the user's own.
	u := newUsers(t, map[string]string{"parent": "FROM base\nONBUILD COPY d /d\n", "it": "FROM parent\n", "d/f.txt": "x"})
	was := u.mustDraw(t)
	u.write(t, "d/f.txt", "new")
	if got := moved(was, u.mustDraw(t)); got != "it" {
		t.Errorf("a file that a parent's trigger copies moved %q", got)
	}
}
