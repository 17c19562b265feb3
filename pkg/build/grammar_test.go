package build_test

import (
	"archive/tar"
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/graph"
)

// wholeGrammar has what only newer builders know. SERVER and CHECKSUM are
// replaced.
const wholeGrammar = `# syntax=docker/dockerfile:1
ARG BASE=docker.io/library/trigger:1
FROM ${BASE} AS triggered

FROM debian:12
SHELL ["/bin/sh", "-eu", "-c"]
ARG TARGETOS
RUN <<EOT
echo "one $TARGETOS" > /one
echo two > /two
EOT
COPY <<first <<"second" /inline/
expanded $TARGETOS
first
not $TARGETOS
second
COPY --link --chmod=0700 a.txt /linked/
COPY --parents tree/./x/*.txt tree/y /parents/
COPY --exclude=*.md --exclude=skip tree/z /excluded/
COPY [ab].t?t /wild/
COPY dirlink /followed/
ADD archive.tar /added/
ADD --checksum=CHECKSUM SERVER/file /url/
COPY --from=triggered /triggered /triggered
RUN --mount=type=bind,source=bound,target=/m --mount=type=tmpfs,target=/t --mount=type=cache,target=/c --network=none cat /m/f > /bound
RUN ["cp", "/one", "/copied"]
HEALTHCHECK CMD true
`

func archive(t *testing.T, name, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The whole grammar of Dockerfiles gives what it says, and every edit is seen,
// those of files that only a trigger of the base reads too.
func TestGrammarOnBuildkit(t *testing.T) {
	p := newLayoutProject(t)
	base := buildkittest.Busybox(t, "FROM_BASE=on")
	config, err := base.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.Config.OnBuild = []string{"COPY $FROM_BASE /triggered"}
	if base, err = mutate.ConfigFile(base, config); err != nil {
		t.Fatal(err)
	}
	buildkittest.AddToLayout(t, p.engine.(onLayout).dir, "docker.io/library/trigger:1", base)
	const served = "from the server\n"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(served)) }))
	defer server.Close()

	u := newUsers(t, p)
	h := graph.NewContentHash()
	_, _ = h.Write([]byte(served))
	u.write(t, "it.Dockerfile", strings.NewReplacer("SERVER", server.URL, "CHECKSUM", graph.ContentDigest(h)).Replace(wholeGrammar))
	for name, text := range map[string]string{
		"a.txt": "a\n", "b.txt": "b\n", "tree/x/1.txt": "1\n", "tree/x/2.md": "2\n", "tree/y/sub/f": "f\n", "tree/z/keep": "k\n", "tree/z/drop.md": "d\n",
		"tree/z/skip/f": "s\n", "real/r": "r\n", "bound/f": "bound\n", "on/f": "on\n", "archive.tar": archive(t, "inside", "i\n"),
	} {
		u.write(t, name, text)
	}
	if err := os.Symlink("real", filepath.Join(u.dir, "dirlink")); err != nil {
		t.Fatal(err)
	}
	u.declare("it", "it:1")
	if got := p.apply(t); got != "it" {
		t.Fatalf("built %q", got)
	}
	p.upToDate(t)
	got := p.run(t, "it:1", "sh", "-c", "cd /; find parents excluded wild followed added url triggered inline linked -type f | sort | xargs; "+
		"cat one two copied bound inline/first inline/second url/file; ls -l linked/a.txt | cut -c 1-10")
	want := "added/inside excluded/keep followed/r inline/first inline/second linked/a.txt parents/x/1.txt parents/tree/y/sub/f triggered/f url/file wild/a.txt wild/b.txt\n" +
		"one linux\ntwo\none linux\nbound\nexpanded linux\nnot $TARGETOS\nfrom the server\n-rwx------"
	if sortedWords(got) != sortedWords(want) {
		t.Errorf("in the image:\n%s\nwant\n%s", got, want)
	}
	for file, says := range map[string]string{
		"tree/x/1.txt": "file-changed(tree/x/1.txt)", "tree/x/2.md": "", "tree/z/drop.md": "", "tree/z/skip/f": "", "real/r": "file-changed(dirlink/r)",
		"bound/f": "file-changed(bound/f)", "on/f": "file-changed(on/f)", "archive.tar": "file-changed(archive.tar)",
	} {
		text, built := archive(t, "inside", "new\n"), ""
		if says != "" {
			says, built = "it "+says, "it"
		}
		u.write(t, file, text)
		p.expect(t, says)
		p.ran("")
		if got := p.apply(t); got != built {
			t.Errorf("%s: built %q, want %q", file, got, built)
		}
		if ran := len(p.ran("")); (ran > 0) != (built != "") {
			t.Errorf("%s: %d steps ran", file, ran)
		}
		p.upToDate(t)
	}
}

// sortedWords puts the words of each line into order.
func sortedWords(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		words := strings.Fields(l)
		if len(words) > 4 {
			slices.Sort(words)
		}
		lines[i] = strings.Join(words, " ")
	}
	return strings.Join(lines, "\n")
}
