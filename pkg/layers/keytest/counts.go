package keytest

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Counts are edits that must move a key.
func Counts() []Row {
	xattr := func(t testing.TB, p *Project) {
		if err := syscall.Setxattr(filepath.Join(p.Dir, "d/f.txt"), "user.a", []byte("b"), 0); err != nil {
			t.Fatal(err)
		}
	}
	return []Row{
		{Name: "mode of a copied file", Before: copyD, Edit: chmod("d/f.txt", 0o600), Want: "files"},
		{Name: "mode of an added file", Before: addD, Edit: chmod("d/f.txt", 0o600), Want: "files"},
		{Name: "mode of a mounted file", Before: bindD, Edit: chmod("d/f.txt", 0o600), Want: "files", Podman: behindMounts},
		{Name: "mode of a directory", Before: copyD, Edit: chmod("d/g", 0o700), Want: "files"},
		{Name: "mode of the source", Before: copyD, Edit: chmod("d", 0o700), Want: "files", Podman: modeOfSource},
		{Name: "mode of a mounted directory", Before: bindD, Edit: chmod("d", 0o700), Want: "files", Podman: behindMounts},
		{Name: "setuid", Before: copyD, Edit: chmod("d/f.txt", 0o644|os.ModeSetuid), Want: "files", Podman: setBits},
		{Name: "setgid of a directory", Before: copyD, Edit: chmod("d/g", 0o755|os.ModeSetgid), Want: "files", Podman: setBits},
		{Name: "sticky", Before: copyD, Edit: chmod("d/g", 0o755|os.ModeSticky), Want: "files"},
		{Name: "extended attribute", Before: copyD, Edit: xattr, Want: "files"},
		{Name: "target of a link", Before: copyD, Edit: relink("d/link", "a.md"), Want: "files"},
		{Name: "file turned into a link", Before: copyD, Edit: relink("d/f.txt", "../b.txt"), Want: "files"},
		{Name: "followed link to other content", Before: "FROM base\nCOPY b.txt /\n", Edit: relink("b.txt", "a.md"), Want: "files"},
		{Name: "new file", Before: copyD, Edit: write("d/new", ""), Want: "files"},
		{Name: "new empty directory", Before: copyD, Edit: func(t testing.TB, p *Project) {
			if err := os.Mkdir(filepath.Join(p.Dir, "d/new"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, Want: "files"},
		{Name: "file renamed", Before: copyD, Edit: func(t testing.TB, p *Project) { remove("d/f.txt")(t, p); p.Write(t, "d/e.txt", "x") }, Want: "files"},
		{Name: "file gone", Before: copyD, Edit: remove("d/f.txt"), Want: "files"},
		{Name: "file ignored from now on", Before: copyD, Edit: write(".dockerignore", "d/f.txt\n"), Want: "files"},
		{Name: "file ignored by the Dockerfile's own rules", Before: copyD, Edit: write("Dockerfile.dockerignore", "**/*.txt\n"), Want: "files"},
		{Name: "LABEL", Before: "FROM base\nLABEL a=b\n", After: "FROM base\nLABEL a=c\n", Want: "config"},
		{Name: "COPY --link", Before: copyD, After: "FROM base\nCOPY --link d /d\n", Want: "files", Podman: notKnown},
		{Name: "ARG that RUN does not name", Before: "FROM base\nARG A=1\nRUN true\n", After: "FROM base\nARG A=2\nRUN true\n", Want: "files"},
		{Name: "value of an ARG", Before: "FROM base\nARG A\nRUN true\n", Edit: setArg("A", "1"), Want: "files"},
		{Name: "declared proxy", Before: "FROM base\nARG http_proxy\nRUN true\n", Edit: setArg("http_proxy", "x"), Want: "files"},
		{Name: "host name of a RUN", Before: "FROM base\nRUN true\n", Edit: setArg("BUILDKIT_SANDBOX_HOSTNAME", "x"), Want: "files", Podman: noSuchArgs},
		{Name: "name space of a cache", Before: "FROM base\nRUN --mount=type=cache,target=/c true\n", Edit: setArg("BUILDKIT_CACHE_MOUNT_NS", "x"), Want: "files", Podman: noSuchArgs},
		{Name: "fixed times", Before: "FROM base\nWORKDIR /w\n", Edit: setArg("SOURCE_DATE_EPOCH", "1"), Want: "both", Podman: noSuchArgs},
		{Name: "ONBUILD of the base", Before: "FROM base\n", Edit: useBase("trigger"), Want: "files"},
		{Name: "inner white space of a RUN", Before: "FROM base\nRUN a  b\n", After: "FROM base\nRUN a b\n", Want: "files"},
		{Name: "tab in a continued line", Before: "FROM base\nRUN a \\\n\tb\n", After: "FROM base\nRUN a \\\n    b\n", Want: "files"},
		{Name: "body of a RUN's here-document", Before: "FROM base\nRUN <<E\na\nE\n", After: "FROM base\nRUN <<E\nb\nE\n", Want: "files", Podman: notKnown},
		{Name: "body of a COPY's here-document", Before: "FROM base\nCOPY <<E /a\na\nE\n", After: "FROM base\nCOPY <<E /a\nb\nE\n", Want: "files", Podman: notKnown},
		{Name: "delimiter of a COPY's here-document", Before: "FROM base\nCOPY <<E /d/\na\nE\n", After: "FROM base\nCOPY <<F /d/\na\nF\n", Want: "files", Podman: notKnown},
		{Name: "id of a secret", Before: "FROM base\nRUN --mount=type=secret,id=a x\n", After: "FROM base\nRUN --mount=type=secret,id=b x\n", Want: "files"},
		{Name: "target of a secret", Before: "FROM base\nRUN --mount=type=secret,id=a,target=/a x\n", After: "FROM base\nRUN --mount=type=secret,id=a,target=/b x\n", Want: "files"},
		{Name: "id of an ssh agent", Before: "FROM base\nRUN --mount=type=ssh x\n", After: "FROM base\nRUN --mount=type=ssh,id=b x\n", Want: "files"},
		{Name: "size of a tmpfs", Before: "FROM base\nRUN --mount=type=tmpfs,target=/t x\n", After: "FROM base\nRUN --mount=type=tmpfs,target=/t,size=1000 x\n", Want: "files", Podman: notKnown},
		{Name: "digest of the base", Before: "FROM base\nRUN x\n", Edit: useBase("other"), Want: "both", Podman: equalFiles},
		{Name: "digest of an image that is copied from", Before: "FROM scratch\nCOPY --from=quay.io/a/b:1 /a /a\n", Edit: func(_ testing.TB, p *Project) { p.Copied = "other" }, Want: "files", BuildKit: "it compares the files of the two, which are equal", Podman: equalFiles},
		{Name: "platform", Before: "FROM base\nRUN x\n", Edit: func(_ testing.TB, p *Project) { p.Platform = "linux/arm64" }, Want: "both", NotBuilt: "the tests' machine runs no programs of another"},
		{Name: "network of a RUN", Before: "FROM base\nRUN x\n", After: "FROM base\nRUN --network=none x\n", Want: "files", Podman: notKnown},
		{Name: "security of a RUN", Before: "FROM base\nRUN x\n", After: "FROM base\nRUN --security=insecure x\n", Want: "files", NotBuilt: "the tests' daemons allow no insecure steps"},
		{Name: "order of ENV", Before: "FROM base\nENV A=1 B=2\nRUN x\n", After: "FROM base\nENV B=2 A=1\nRUN x\n", Want: "both"},
		{Name: "target", Before: "FROM base AS a\nRUN x\nFROM base AS b\nRUN y\n", Edit: func(_ testing.TB, p *Project) { p.Target = "a" }, Want: "files"},
	}
}

// WholeContext are edits of how a project is built, where all of its context is
// copied or mounted: the files that say how are in there too.
func WholeContext() (rows []Row) {
	for name, text := range map[string]string{"copy": "FROM base\nCOPY . /c\n", "bind": "FROM base\nRUN --mount=target=/c x\n"} {
		podman := ""
		if name == "bind" {
			podman = behindMounts
		}
		rows = append(rows,
			Row{Name: name + ": comment in the Dockerfile", Before: text, After: "# new\n" + text, Want: "files", Podman: podman},
			Row{Name: name + ": comment in the ignore file", Before: text, Edit: write(".dockerignore", "# new\n"), Want: "files", Podman: podman},
			Row{Name: name + ": comment in the project file", Before: text, Edit: write("terok-agent.yaml", "# new\n"), Want: "files", Podman: podman},
			Row{Name: name + ": what is ignored itself", Before: text, Edit: write("Dockerfile.dockerignore", "Dockerfile*\nnew\n"), Want: "files", Podman: podman},
		)
	}
	return rows
}
