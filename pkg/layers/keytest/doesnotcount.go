package keytest

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// DoesNotCount are edits that must move no key.
func DoesNotCount() []Row {
	const run = "FROM base\nRUN a && b\n"
	return []Row{
		{Name: "time of a file", Before: copyD, Edit: func(t testing.TB, p *Project) {
			if err := os.Chtimes(filepath.Join(p.Dir, "d/f.txt"), time.Unix(1, 0), time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
		}},
		{Name: "owner of a file", Before: copyD, Podman: owners, Edit: func(t testing.TB, p *Project) {
			if os.Getuid() != 0 {
				return // nobody else can give files away
			}
			if err := os.Chown(filepath.Join(p.Dir, "d/f.txt"), 1234, 1234); err != nil {
				t.Fatal(err)
			}
		}},
		{Name: "order of files on disk", Before: copyD, Edit: func(t testing.TB, p *Project) {
			remove("d/f.txt")(t, p)
			p.Write(t, "d/f.txt", contextFiles["d/f.txt"])
		}},
		{Name: "followed link to equal content", Before: "FROM base\nCOPY b.txt /\n", Edit: func(t testing.TB, p *Project) {
			p.Write(t, "elsewhere", contextFiles["b.txt"])
			relink("b.txt", "elsewhere")(t, p)
		}},
		{Name: "comment", Before: run, After: "# x\n" + run},
		{Name: "comment in a RUN of several lines", Before: "FROM base\nRUN a && \\\n    b\n", After: "FROM base\nRUN a && \\\n# x\n    b\n"},
		{Name: "blank lines", Before: run, After: "\nFROM base\n\n\nRUN a && b\n\n"},
		{Name: "case of a keyword", Before: run, After: "from base\nrun a && b\n"},
		{Name: "outer spaces", Before: run, After: "  FROM   base\n\tRUN a && b  \n", Podman: byText},
		{Name: "where a COPY is continued", Before: copyD, After: "FROM base\nCOPY \\\n  d \\\n  /d\n"},
		{Name: "where an ENV is continued", Before: "FROM base\nENV A=1 B=2\nRUN x\n", After: "FROM base\nENV A=1 \\\n    B=2\nRUN x\n", Podman: byText},
		{Name: "quotes of an ENV", Before: "FROM base\nENV A=1\nRUN x\n", After: "FROM base\nENV A=\"1\"\nRUN x\n", Podman: byText},
		{Name: "one ENV split into two", Before: "FROM base\nENV A=1 B=2\nRUN x\n", After: "FROM base\nENV A=1\nENV B=2\nRUN x\n", Podman: byText},
		{Name: "delimiter of a RUN's here-document", Before: "FROM base\nRUN <<E\na\nE\n", After: "FROM base\nRUN <<F\na\nF\n", Podman: notKnown},
		{Name: "name of a stage", Before: "FROM base AS a\nRUN x\nFROM base\nCOPY --from=a /a /a\n", After: "FROM base AS b\nRUN x\nFROM base\nCOPY --from=b /a /a\n"},
		{Name: "number of a stage", Before: "FROM base AS a\nRUN x\nFROM base\nCOPY --from=a /a /a\n", After: "FROM base AS z\nFROM base\nRUN x\nFROM base\nCOPY --from=1 /a /a\n"},
		{
			Name: "order of independent stages", Before: "FROM base AS a\nRUN x\nFROM base AS b\nRUN y\nFROM a\nCOPY --from=b /b /b\n",
			After: "FROM base AS b\nRUN y\nFROM base AS a\nRUN x\nFROM a\nCOPY --from=b /b /b\n",
		},
		{Name: "spelling of a path", Before: copyD, After: "FROM base\nCOPY ./d/ /d\n"},
		{Name: "text of FROM", Before: "FROM base\nRUN x\n", After: "ARG B=debian\nFROM ${B}:12 AS name\nRUN x\n"},
		{Name: "default of an ARG that is passed", Before: "FROM base\nARG A=1\nRUN x\n", After: "FROM base\nARG A=2\nRUN x\n", Edit: setArg("A", "1")},
		{Name: "ARG after the last step that could see it", Before: "FROM base\nRUN x\n", After: "FROM base\nRUN x\nARG A=1\n", Podman: argIsStep},
		{Name: "argument that nobody declares", Before: run, Edit: setArg("NOBODY", "1")},
		{Name: "undeclared proxy", Before: run, Edit: setArg("http_proxy", "x")},
		{
			Name: "id and sharing of a cache mount", Before: "FROM base\nRUN --mount=type=cache,target=/c,id=a x\n",
			After: "FROM base\nRUN --mount=type=cache,target=/c,id=b,sharing=locked x\n", Podman: byText,
		},
		{Name: "file dropped by --exclude", Before: "FROM base\nCOPY --exclude=*.txt d /d\n", Edit: write("d/f.txt", "new"), Podman: notKnown},
		{Name: "file outside of every COPY", Before: copyD, Edit: write("b.txt", "new")},
		{Name: "file that is ignored", Before: copyD, Edit: write("Dockerfile.dockerignore", "never-there\n")},
		{Name: "stage that the target does not reach", Before: "FROM base AS u\nRUN x\n" + run, After: "FROM base AS u\nRUN y\n" + run},
		{Name: "config of a stage that is only copied from", Before: "FROM base AS a\nRUN x\nCMD a\nFROM base\nCOPY --from=a /a /a\n", After: "FROM base AS a\nRUN x\nCMD b\nENV C=d\nFROM base\nCOPY --from=a /a /a\n"},
		{Name: "tags", Before: run, Edit: func(_ testing.TB, p *Project) { p.Tags = []string{"other:1"} }},
		{Name: "the directory's name", Before: copyD, Edit: func(t testing.TB, p *Project) {
			moved := filepath.Join(t.TempDir(), "elsewhere")
			if err := os.Rename(p.Dir, moved); err != nil {
				t.Fatal(err)
			}
			p.Dir = moved
		}},
	}
}
