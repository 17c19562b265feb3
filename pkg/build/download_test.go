package build_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/build/buildtest"
)

// What a registry serves is checked before anything of it is unpacked or run;
// the message names what was expected and what came.
func TestDownloadsAreChecked(t *testing.T) {
	p := newBuiltProject(t)
	const pkg, version = "@test/codex-linux-x64", "0.169.0"
	p.Agent(t, "codex", version)
	evil := buildtest.Tarball(map[string]string{"package/codex": "#!/bin/sh\necho codex 0.169.0; touch /out/evil\n"})
	before := p.names(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(evil) }))
	defer elsewhere.Close()
	for _, tc := range []struct {
		name  string
		serve func(http.ResponseWriter, []byte)
		want  []string
	}{
		{"a flipped byte", func(w http.ResponseWriter, body []byte) {
			b := append([]byte(nil), body...)
			b[len(b)/2] ^= 1
			_, _ = w.Write(b)
		}, []string{"codex: checksum mismatch", "pkg:npm/%40test/codex-linux-x64@0.169.0", "expected sha512:", "got sha512:"}},
		{"another file", func(w http.ResponseWriter, _ []byte) { _, _ = w.Write(evil) }, []string{"checksum mismatch"}},
		{"a truncated body", func(w http.ResponseWriter, body []byte) {
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write(body)
		}, []string{"codex: download of pkg:npm/%40test/codex-linux-x64@0.169.0 broken off"}},
		{"a 404", func(w http.ResponseWriter, _ []byte) { w.WriteHeader(http.StatusNotFound) }, []string{"codex: HTTP 404 for pkg:npm/"}},
		{"a redirect to another host", func(w http.ResponseWriter, _ []byte) {
			w.Header().Set("Location", elsewhere.URL+"/codex.tgz")
			w.WriteHeader(http.StatusFound)
		}, []string{"codex: checksum mismatch for pkg:npm/"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p.Registry.Misbehave(pkg, version, tc.serve)
			_, err := p.tryApply()
			if err == nil {
				t.Fatal("it was built")
			}
			e := asError(t, err)
			tail := strings.Join(e.Tail, "\n")
			for _, want := range tc.want {
				if !strings.Contains(tail, want) {
					t.Errorf("the log does not say %q:\n%s", want, tail)
				}
			}
			if !strings.Contains(e.Message, "agent/codex failed at agent-codex.Dockerfile:") {
				t.Errorf("message %q", e.Message)
			}
			if after := p.names(t); after != before {
				t.Errorf("names moved:\n%s\n%s", before, after)
			}
		})
	}
	p.Registry.Misbehave(pkg, version, nil)
	if got := p.apply(t); got != "agent/codex l1" {
		t.Errorf("when the registry behaves again, built %q", got)
	}
}

func asError(t *testing.T, err error) *build.Error {
	t.Helper()
	e, ok := err.(*build.Error) //nolint:errorlint // the package promises it unwrapped
	if !ok {
		t.Fatalf("a %T, not a *build.Error: %v", err, err)
	}
	return e
}
