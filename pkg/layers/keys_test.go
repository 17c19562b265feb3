package layers_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
)

// keyRow is one edit of a project with the layer "it", and what of that layer's
// keys it moves: "files", "config", "both" or "" for none.
type keyRow struct {
	name string
	// before and after are the Dockerfile; an empty after is the same again.
	before, after string
	edit          func(t *testing.T, u *users)
	want          string
}

// contextFiles are in the context of every row.
var contextFiles = map[string]string{"d/f.txt": "x", "d/g/h.txt": "y", "a.md": "m", "b.txt": "b"}

func checkRows(t *testing.T, rows []keyRow) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			files := map[string]string{"it": row.before}
			for name, text := range contextFiles {
				files[name] = text
			}
			u := newUsers(t, files)
			if err := os.Symlink("b.txt", filepath.Join(u.dir, "d/link")); err != nil {
				t.Fatal(err)
			}
			was := u.mustDraw(t).Keys("it")
			if row.after != "" {
				u.write(t, "it.Dockerfile", row.after)
			}
			if row.edit != nil {
				row.edit(t, u)
			}
			now := u.mustDraw(t).Keys("it")
			if got := movedKeys(was, now); got != row.want {
				t.Errorf("moved %q, want %q", got, row.want)
			}
		})
	}
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

func chmod(name string, mode os.FileMode) func(*testing.T, *users) {
	return func(t *testing.T, u *users) {
		if err := os.Chmod(filepath.Join(u.dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
}

func write(name, text string) func(*testing.T, *users) {
	return func(t *testing.T, u *users) { u.write(t, name, text) }
}

func remove(name string) func(*testing.T, *users) {
	return func(t *testing.T, u *users) {
		if err := os.RemoveAll(filepath.Join(u.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func relink(name, target string) func(*testing.T, *users) {
	return func(t *testing.T, u *users) {
		remove(name)(t, u)
		if err := os.Symlink(target, filepath.Join(u.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func setArg(name, value string) func(*testing.T, *users) {
	return func(_ *testing.T, u *users) { u.layer("it").Args = map[string]string{name: value} }
}

func setBase(id graph.ID, e layers.External) func(*testing.T, *users) {
	return func(_ *testing.T, u *users) { u.found[id] = e }
}

const (
	copyD = "FROM base\nCOPY d /d\n"
	addD  = "FROM base\nADD d /d\n"
	bindD = "FROM base\nRUN --mount=type=bind,source=d,target=/d true\n"
)

// What must be in the key. The rows are those of docs/cache-key.md.
func TestCounts(t *testing.T) {
	xattr := func(t *testing.T, u *users) {
		if err := syscall.Setxattr(filepath.Join(u.dir, "d/f.txt"), "user.a", []byte("b"), 0); err != nil {
			t.Fatal(err)
		}
	}
	checkRows(t, []keyRow{
		{name: "mode of a copied file", before: copyD, edit: chmod("d/f.txt", 0o600), want: "files"},
		{name: "mode of an added file", before: addD, edit: chmod("d/f.txt", 0o600), want: "files"},
		{name: "mode of a mounted file", before: bindD, edit: chmod("d/f.txt", 0o600), want: "files"},
		{name: "mode of a directory", before: copyD, edit: chmod("d/g", 0o700), want: "files"},
		{name: "mode of the source", before: copyD, edit: chmod("d", 0o700), want: "files"},
		{name: "mode of a mounted directory", before: bindD, edit: chmod("d", 0o700), want: "files"},
		{name: "setuid", before: copyD, edit: chmod("d/f.txt", 0o644|os.ModeSetuid), want: "files"},
		{name: "setgid of a directory", before: copyD, edit: chmod("d/g", 0o755|os.ModeSetgid), want: "files"},
		{name: "sticky", before: copyD, edit: chmod("d/g", 0o755|os.ModeSticky), want: "files"},
		{name: "extended attribute", before: copyD, edit: xattr, want: "files"},
		{name: "target of a link", before: copyD, edit: relink("d/link", "a.md"), want: "files"},
		{name: "file turned into a link", before: copyD, edit: relink("d/f.txt", "../b.txt"), want: "files"},
		{name: "followed link to other content", before: "FROM base\nCOPY b.txt /\n", edit: relink("b.txt", "a.md"), want: "files"},
		{name: "new file", before: copyD, edit: write("d/new", ""), want: "files"},
		{name: "new empty directory", before: copyD, edit: func(t *testing.T, u *users) {
			if err := os.Mkdir(filepath.Join(u.dir, "d/new"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, want: "files"},
		{name: "file renamed", before: copyD, edit: func(t *testing.T, u *users) { remove("d/f.txt")(t, u); u.write(t, "d/e.txt", "x") }, want: "files"},
		{name: "file gone", before: copyD, edit: remove("d/f.txt"), want: "files"},
		{name: "file ignored from now on", before: copyD, edit: write(".dockerignore", "d/f.txt\n"), want: "files"},
		{name: "file ignored by the Dockerfile's own rules", before: copyD, edit: write("it.Dockerfile.dockerignore", "**/*.txt\n"), want: "files"},
		{name: "LABEL", before: "FROM base\nLABEL a=b\n", after: "FROM base\nLABEL a=c\n", want: "config"},
		{name: "COPY --link", before: copyD, after: "FROM base\nCOPY --link d /d\n", want: "files"},
		{name: "ARG that RUN does not name", before: "FROM base\nARG A=1\nRUN true\n", after: "FROM base\nARG A=2\nRUN true\n", want: "files"},
		{name: "value of an ARG", before: "FROM base\nARG A\nRUN true\n", edit: setArg("A", "1"), want: "files"},
		{name: "declared proxy", before: "FROM base\nARG http_proxy\nRUN true\n", edit: setArg("http_proxy", "x"), want: "files"},
		{name: "host name of a RUN", before: "FROM base\nRUN true\n", edit: setArg("BUILDKIT_SANDBOX_HOSTNAME", "x"), want: "files"},
		{name: "name space of a cache", before: "FROM base\nRUN --mount=type=cache,target=/c true\n", edit: setArg("BUILDKIT_CACHE_MOUNT_NS", "x"), want: "files"},
		{name: "fixed times", before: "FROM base\nWORKDIR /w\n", edit: setArg("SOURCE_DATE_EPOCH", "1"), want: "both"},
		{name: "ONBUILD of the base", before: "FROM base\n", edit: setBase("base", layers.External{Digest: digest("base"), Env: []string{}, OnBuild: []string{"RUN x"}}), want: "files"},
		{name: "inner white space of a RUN", before: "FROM base\nRUN a  b\n", after: "FROM base\nRUN a b\n", want: "files"},
		{name: "tab in a continued line", before: "FROM base\nRUN a \\\n\tb\n", after: "FROM base\nRUN a \\\n    b\n", want: "files"},
		{name: "body of a RUN's here-document", before: "FROM base\nRUN <<E\na\nE\n", after: "FROM base\nRUN <<E\nb\nE\n", want: "files"},
		{name: "body of a COPY's here-document", before: "FROM base\nCOPY <<E /a\na\nE\n", after: "FROM base\nCOPY <<E /a\nb\nE\n", want: "files"},
		{name: "delimiter of a COPY's here-document", before: "FROM base\nCOPY <<E /d/\na\nE\n", after: "FROM base\nCOPY <<F /d/\na\nF\n", want: "files"},
		{name: "id of a secret", before: "FROM base\nRUN --mount=type=secret,id=a x\n", after: "FROM base\nRUN --mount=type=secret,id=b x\n", want: "files"},
		{name: "target of a secret", before: "FROM base\nRUN --mount=type=secret,id=a,target=/a x\n", after: "FROM base\nRUN --mount=type=secret,id=a,target=/b x\n", want: "files"},
		{name: "id of an ssh agent", before: "FROM base\nRUN --mount=type=ssh x\n", after: "FROM base\nRUN --mount=type=ssh,id=b x\n", want: "files"},
		{name: "size of a tmpfs", before: "FROM base\nRUN --mount=type=tmpfs,target=/t x\n", after: "FROM base\nRUN --mount=type=tmpfs,target=/t,size=1000 x\n", want: "files"},
		{name: "digest of the base", before: "FROM base\nRUN x\n", edit: setBase("base", layers.External{Digest: digest("other"), Env: []string{}}), want: "both"},
		{name: "digest of an image that is copied from", before: "FROM scratch\nCOPY --from=quay.io/a/b:1 /a /a\n", edit: setBase("quay.io/a/b:1", layers.External{Digest: digest("other")}), want: "files"},
		{name: "platform", before: "FROM base\nRUN x\n", edit: func(_ *testing.T, u *users) { u.spec.Platform = "linux/arm64" }, want: "both"},
		{name: "network of a RUN", before: "FROM base\nRUN x\n", after: "FROM base\nRUN --network=none x\n", want: "files"},
		{name: "security of a RUN", before: "FROM base\nRUN x\n", after: "FROM base\nRUN --security=insecure x\n", want: "files"},
		{name: "order of ENV", before: "FROM base\nENV A=1 B=2\nRUN x\n", after: "FROM base\nENV B=2 A=1\nRUN x\n", want: "both"},
		{name: "target", before: "FROM base AS a\nRUN x\nFROM base AS b\nRUN y\n", edit: func(_ *testing.T, u *users) { u.layer("it").Target = "a" }, want: "files"},
	})
}

// COPY of the whole context, and a bind of it, see the files that say how it is
// built too.
func TestWholeContextCounts(t *testing.T) {
	for name, text := range map[string]string{"copy": "FROM base\nCOPY . /c\n", "bind": "FROM base\nRUN --mount=target=/c x\n"} {
		checkRows(t, []keyRow{
			{name: name + ": comment in the Dockerfile", before: text, after: "# new\n" + text, want: "files"},
			{name: name + ": comment in the ignore file", before: text, edit: write(".dockerignore", "# new\n"), want: "files"},
			{name: name + ": comment in the project file", before: text, edit: write("terok-agent.yaml", "# new\n"), want: "files"},
			{name: name + ": what is ignored, itself", before: text, edit: func(t *testing.T, u *users) {
				u.write(t, "it.Dockerfile.dockerignore", "it.*\nnew\n")
			}, want: "files"},
		})
	}
	checkRows(t, []keyRow{{
		name: "a Dockerfile that is ignored", before: "FROM base\nCOPY d /d\n", after: "# new\nFROM base\nCOPY d /d\n", want: "",
	}})
}

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
			for name, text := range contextFiles {
				files[name] = text
			}
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

// What must not be in the key.
func TestDoesNotCount(t *testing.T) {
	const run = "FROM base\nRUN a && b\n"
	checkRows(t, []keyRow{
		{name: "time of a file", before: copyD, edit: func(t *testing.T, u *users) {
			if err := os.Chtimes(filepath.Join(u.dir, "d/f.txt"), time.Unix(1, 0), time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "owner of a file", before: copyD, edit: func(t *testing.T, u *users) {
			if os.Getuid() != 0 {
				return // nobody else can give files away
			}
			if err := os.Chown(filepath.Join(u.dir, "d/f.txt"), 1234, 1234); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "order of files on disk", before: copyD, edit: func(t *testing.T, u *users) {
			remove("d/f.txt")(t, u)
			u.write(t, "d/f.txt", contextFiles["d/f.txt"])
		}},
		{name: "followed link to equal content", before: "FROM base\nCOPY b.txt /\n", edit: func(t *testing.T, u *users) {
			u.write(t, "elsewhere", contextFiles["b.txt"])
			relink("b.txt", "elsewhere")(t, u)
		}},
		{name: "comment", before: run, after: "# x\n" + run},
		{name: "comment in a RUN of several lines", before: "FROM base\nRUN a && \\\n    b\n", after: "FROM base\nRUN a && \\\n# x\n    b\n"},
		{name: "blank lines", before: run, after: "\nFROM base\n\n\nRUN a && b\n\n"},
		{name: "case of a keyword", before: run, after: "from base\nrun a && b\n"},
		{name: "outer spaces", before: run, after: "  FROM   base\n\tRUN a && b  \n"},
		{name: "where a COPY is continued", before: copyD, after: "FROM base\nCOPY \\\n  d \\\n  /d\n"},
		{name: "where an ENV is continued", before: "FROM base\nENV A=1 B=2\nRUN x\n", after: "FROM base\nENV A=1 \\\n    B=2\nRUN x\n"},
		{name: "quotes of an ENV", before: "FROM base\nENV A=1\nRUN x\n", after: "FROM base\nENV A=\"1\"\nRUN x\n"},
		{name: "one ENV split into two", before: "FROM base\nENV A=1 B=2\nRUN x\n", after: "FROM base\nENV A=1\nENV B=2\nRUN x\n"},
		{name: "delimiter of a RUN's here-document", before: "FROM base\nRUN <<E\na\nE\n", after: "FROM base\nRUN <<F\na\nF\n"},
		{name: "name of a stage", before: "FROM base AS a\nRUN x\nFROM base\nCOPY --from=a /a /a\n", after: "FROM base AS b\nRUN x\nFROM base\nCOPY --from=b /a /a\n"},
		{name: "number of a stage", before: "FROM base AS a\nRUN x\nFROM base\nCOPY --from=a /a /a\n", after: "FROM base AS z\nFROM base\nRUN x\nFROM base\nCOPY --from=1 /a /a\n"},
		{
			name: "order of independent stages", before: "FROM base AS a\nRUN x\nFROM base AS b\nRUN y\nFROM a\nCOPY --from=b /b /b\n",
			after: "FROM base AS b\nRUN y\nFROM base AS a\nRUN x\nFROM a\nCOPY --from=b /b /b\n",
		},
		{name: "spelling of a path", before: copyD, after: "FROM base\nCOPY ./d/ /d\n"},
		{name: "text of FROM", before: "FROM base\nRUN x\n", after: "ARG B=debian\nFROM ${B}:12 AS name\nRUN x\n"},
		{name: "default of an ARG that is passed", before: "FROM base\nARG A=1\nRUN x\n", after: "FROM base\nARG A=2\nRUN x\n", edit: setArg("A", "1")},
		{name: "ARG after the last step that could see it", before: "FROM base\nRUN x\n", after: "FROM base\nRUN x\nARG A=1\n"},
		{name: "argument that nobody declares", before: run, edit: setArg("NOBODY", "1")},
		{name: "undeclared proxy", before: run, edit: setArg("http_proxy", "x")},
		{
			name: "id and sharing of a cache mount", before: "FROM base\nRUN --mount=type=cache,target=/c,id=a x\n",
			after: "FROM base\nRUN --mount=type=cache,target=/c,id=b,sharing=locked x\n",
		},
		{name: "file dropped by --exclude", before: "FROM base\nCOPY --exclude=*.txt d /d\n", edit: write("d/f.txt", "new")},
		{name: "file outside of every COPY", before: copyD, edit: write("b.txt", "new")},
		{name: "file that is ignored", before: copyD, edit: write("it.Dockerfile.dockerignore", "never-there\n")},
		{name: "stage that the target does not reach", before: "FROM base AS u\nRUN x\n" + run, after: "FROM base AS u\nRUN y\n" + run},
		{name: "config of a stage that is only copied from", before: "FROM base AS a\nRUN x\nCMD a\nFROM base\nCOPY --from=a /a /a\n", after: "FROM base AS a\nRUN x\nCMD b\nENV C=d\nFROM base\nCOPY --from=a /a /a\n"},
		{name: "tags", before: run, edit: func(_ *testing.T, u *users) { u.layer("it").Tags = []string{"other:1"} }},
		{name: "the directory's name", before: copyD, edit: func(t *testing.T, u *users) {
			moved := filepath.Join(t.TempDir(), "elsewhere")
			if err := os.Rename(u.dir, moved); err != nil {
				t.Fatal(err)
			}
			l := u.layer("it")
			l.Context, l.Dockerfile = moved, strings.Replace(l.Dockerfile, u.dir, moved, 1)
		}},
	})
}
