package upstream_test

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/terok-ai/terok-agent/pkg/layers/roster"
	"github.com/terok-ai/terok-agent/pkg/layers/sources"
	"github.com/terok-ai/terok-agent/pkg/layers/upstream"
)

// world is a server that stands in for registries and vendors, by path behind
// the host's name.
type world struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string]string
	asked   map[string]http.Header
}

func newWorld(t *testing.T, answers map[string]string) *world {
	w := &world{answers: answers, asked: map[string]http.Header{}}
	w.Server = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.Close)
	return w
}

func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/")
	w.mu.Lock()
	w.asked[path] = r.Header
	answer, ok := w.answers[path]
	w.mu.Unlock()
	switch {
	case !ok:
		http.NotFound(rw, r)
	case strings.HasPrefix(answer, "→"):
		http.Redirect(rw, r, strings.TrimPrefix(answer, "→"), http.StatusFound)
	case answer == "limited":
		rw.Header().Set("X-Ratelimit-Remaining", "0")
		rw.Header().Set("X-Ratelimit-Reset", "1795500000")
		rw.WriteHeader(http.StatusForbidden)
	default:
		_, _ = rw.Write([]byte(answer))
	}
}

func (w *world) client(t *testing.T, env map[string]string) *upstream.Client {
	t.Helper()
	config := sources.Config{NpmRegistry: w.URL + "/npm/", PypiIndex: w.URL + "/pypi/"}
	for _, host := range []string{"api.github.com", "github.com", "gitlab.com", "maven.example", "vendor.example"} {
		config.Mirrors = append(config.Mirrors, sources.Mirror{From: "https://" + host + "/", To: w.URL + "/" + host + "/"})
	}
	config.Mirrors = append(config.Mirrors, sources.Mirror{From: w.URL + "/npm/@corp/", To: w.URL + "/corp/@corp/"})
	config.Headers = []sources.Header{{Prefix: w.URL + "/corp/", Name: "Authorization", Value: "Bearer geheim"}}
	c, err := upstream.New(config, "", func(name string) string { return env[name] }, func() time.Time { return time.Unix(0, 0) })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// entry reads an entry, with files of its lock.
func entry(t *testing.T, text string, locks ...string) roster.Entry {
	t.Helper()
	fsys := fstest.MapFS{
		"agents/a.yaml":    {Data: []byte(text)},
		"agents/node.yaml": {Data: []byte("commands: {node: /usr/bin/node}\n")}, "agents/python311.yaml": {Data: []byte("commands: {python3: /usr/bin/python3}\n")},
	}
	for i := 0; i+1 < len(locks); i += 2 {
		fsys["agents/"+locks[i]] = &fstest.MapFile{Data: []byte(locks[i+1])}
	}
	r, err := roster.Load(fsys, "agents")
	if err != nil {
		t.Fatal(err)
	}
	e, _ := r.Lookup("a")
	return e
}

func download(fields string) string {
	return "install:\n  - download: {" + fields + ", unpack: {format: bare, as: a}}\n"
}

const npmNative = "install:\n  - download: {source: npm, track: \"@s/p\", package: \"{{.Track}}-linux-{{.NodeArch}}\"}\n"

func integrity(of string) string {
	sum := sha512.Sum512([]byte(of))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func manifest(version, of string) string {
	return fmt.Sprintf(`{"version": %q, "dist": {"integrity": "sha512-%s"}}`, version, integrity(of))
}

func TestNewest(t *testing.T) {
	w := newWorld(t, map[string]string{
		"npm/@s%2fp/latest": manifest("2.0.0", ""), "corp/@corp%2fp/latest": manifest("3.0.0", ""),
		"api.github.com/repos/o/r/releases/latest":                   `{"tag_name": "v1.2.3", "assets": []}`,
		"api.github.com/repos/o/python/releases/latest":              `{"tag_name": "20261101", "assets": [{"name": "cpython-3.13.9+20261101-x86_64.tar"}, {"name": "cpython-3.14.9+20261101-x86_64.tar"}, {"name": "cpython-3.14.9+20261101-aarch64.tar"}]}`,
		"api.github.com/repos/o/many/releases/latest":                "limited",
		"github.com/o/many/releases/latest":                          "→https://github.com/o/many/releases/tag/v7.8.9",
		"api.github.com/repos/o/none/releases/latest":                "limited",
		"gitlab.com/api/v4/projects/g%2Fr/releases/permalink/latest": `{"tag_name": "v4.5.6"}`,
		"maven.example/g/a/maven-metadata.xml":                       `<metadata><versioning><latest>9-rc</latest><release>8.1.0.6389</release></versioning></metadata>`,
		"vendor.example/VERSION":                                     "v0.9.1\n",
		"vendor.example/SUMS":                                        "aa  node-v26.0.0.tar\nbb  node-v24.22.0-linux.tar\n",
		"pypi/some-app/":                                             `{"versions": ["1.0", "1.10", "1.9", "2.0rc1"], "files": []}`,
	})
	for _, c := range []struct{ name, entry, want string }{
		{"npm", npmNative, "2.0.0"},
		{"npm, a scope of its own", strings.ReplaceAll(npmNative, "@s/", "@corp/"), "3.0.0"},
		{"github", download(`source: github, track: o/r, url: "https://github.com/o/r/releases/download/v{{.Version}}/a_{{.Version}}"`), "1.2.3"},
		{"github, version in the file's name", download(`source: github, track: o/python, series: "3.14", url: "https://github.com/o/python/releases/download/{{.Build}}/cpython-{{.Core}}%2B{{.Build}}-{{.GnuArch}}.tar"`), "3.14.9+20261101"},
		{"github, asked too often", download(`source: github, track: o/many, url: "https://github.com/o/many/releases/download/v{{.Version}}/a"`), "7.8.9"},
		{"gitlab", download(`source: gitlab, track: g/r, url: "https://gitlab.com/g/r/-/releases/v{{.Version}}/downloads/a"`), "4.5.6"},
		{"maven", download(`source: maven, track: "g:a", url: "https://maven.example/g/a/{{.Version}}/a-{{.Version}}.zip"`), "8.1.0.6389"},
		{"url", download(`source: url, latest: "https://vendor.example/VERSION", url: "https://vendor.example/{{.Version}}"`), "0.9.1"},
		{"url, a series", download(`source: url, series: "24", latest: "https://vendor.example/SUMS", url: "https://vendor.example/{{.Version}}"`), "24.22.0"},
		{"pypi", "depends_on: [python311]\ninstall: [{pypi: {package: some-app, python: python311}}]\n", "1.10"},
		{"npm tree", "install: [{npm: {package: \"@s/p\", require: [x]}}]\n", "2.0.0"},
		{"nothing", "commands: {a: /usr/bin/a}\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := w.client(t, nil).Newest(t.Context(), entry(t, c.entry))
			if err != nil || got != c.want {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
	if got := w.asked["corp/@corp%2fp/latest"].Get("Authorization"); got != "Bearer geheim" {
		t.Errorf("the scope's registry was asked with %q", got)
	}
	if got := w.asked["npm/@s%2fp/latest"].Get("Authorization"); got != "" {
		t.Errorf("another registry was asked with %q", got)
	}
}

func TestNewestErrors(t *testing.T) {
	w := newWorld(t, map[string]string{
		"npm/@s%2fp/latest":                           "<html>",
		"api.github.com/repos/o/none/releases/latest": "limited",
		"api.github.com/repos/o/odd/releases/latest":  `{"tag_name": "release-1"}`,
		"vendor.example/VERSION":                      "soon",
	})
	for _, c := range []struct{ name, entry, want string }{
		{"no answer of npm's", npmNative, "no answer of an npm registry"},
		{"not there", strings.ReplaceAll(npmNative, "@s/", "@t/"), "not found ("},
		{"asked too often", download(`source: github, track: o/none, url: "https://github.com/o/none/releases/download/v{{.Version}}/a"`), "rate limit, resets at "},
		{"an odd tag", download(`source: github, track: o/odd, url: "https://github.com/o/odd/releases/download/v{{.Version}}/a"`), "has no file as the entry describes it"},
		{"no version", download(`source: url, latest: "https://vendor.example/VERSION", url: "https://vendor.example/{{.Version}}"`), "this holds no version"},
		{"nowhere to ask", download(`source: url, url: "https://vendor.example/{{.Version}}"`), `("latest")`},
		{"no index", "depends_on: [python311]\ninstall: [{pypi: {package: nope, python: python311}}]\n", "nope"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := w.client(t, nil).Newest(t.Context(), entry(t, c.entry)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, %v, want %q in it", got, err, c.want)
			}
		})
	}
	w.Close()
	if _, err := w.client(t, nil).Newest(t.Context(), entry(t, npmNative)); err == nil || strings.Contains(err.Error(), "Get \"") {
		t.Errorf("got %v", err)
	}
}

func TestUpdateFromRegistry(t *testing.T) {
	w := newWorld(t, map[string]string{
		"npm/@s%2fp/latest":                              manifest("2.0.0", ""),
		"npm/@s%2fp-linux-x64/2.0.0":                     manifest("2.0.0", "x"),
		"npm/@s%2fp-linux-arm64/2.0.0":                   manifest("2.0.0", "a"),
		"npm/@s/p-linux-x64/-/p-linux-x64-2.0.0.tgz":     "x",
		"npm/@s/p-linux-arm64/-/p-linux-arm64-2.0.0.tgz": "a",
	})
	u, err := w.client(t, nil).Update(t.Context(), entry(t, npmNative), "", true)
	if err != nil || u.From != "" || u.To != "2.0.0" {
		t.Fatalf("got %+v, %v", u, err)
	}
	want := `{"schema": 1, "entry": "a", "version": "2.0.0", "from": "registry", "resolved_at": "1970-01-01",
 "artefacts": [
  {"platform": "linux/amd64", "source": "pkg:npm/%40s/p-linux-x64@2.0.0", "sha512": "` + integrity("x") + `"},
  {"platform": "linux/arm64", "source": "pkg:npm/%40s/p-linux-arm64@2.0.0", "sha512": "` + integrity("a") + `"}]}
`
	lock := string(u.Files["agents/a.lock.json"])
	if lock != want {
		t.Errorf("got %swant %s", lock, want)
	}
	locked := entry(t, npmNative, "a.lock.json", lock)
	if u, err := w.client(t, nil).Update(t.Context(), locked, "", false); err != nil || len(u.Files) > 0 || u.From != u.To {
		t.Errorf("again: %+v, %v", u, err)
	}
	w.answers["npm/@s/p-linux-arm64/-/p-linux-arm64-2.0.0.tgz"] = "evil"
	if _, err := w.client(t, nil).Update(t.Context(), locked, "", true); err == nil || !strings.Contains(err.Error(), "is said about it") {
		t.Errorf("a file that differs: %v", err)
	}
	w.answers["npm/@s%2fp/latest"] = manifest("1.9.0", "")
	if u, err := w.client(t, nil).Update(t.Context(), locked, "", false); err != nil || len(u.Files) > 0 || len(u.Notes) != 1 {
		t.Errorf("a registry that is behind: %+v, %v", u, err)
	}
}

// A version that lacks a platform is not locked; the newest that has all is
// named.
func TestUpdateIncomplete(t *testing.T) {
	w := newWorld(t, map[string]string{
		"npm/@s%2fp/latest":             manifest("2.0.0", ""),
		"npm/@s%2fp-linux-x64/2.0.0":    manifest("2.0.0", "x"),
		"npm/@s%2fp-linux-x64":          `{"versions": {"2.0.0": {}, "1.10.0": {}, "1.9.0": {}, "1.11.0-rc1": {}}}`,
		"npm/@s%2fp-linux-arm64":        `{"versions": {"1.9.0": {}, "1.10.0": {}, "1.11.0-rc1": {}}}`,
		"npm/@s%2fp-linux-x64/1.10.0":   manifest("1.10.0", "x"),
		"npm/@s%2fp-linux-arm64/1.10.0": manifest("1.10.0", "a"),
	})
	_, err := w.client(t, nil).Update(t.Context(), entry(t, npmNative), "", false)
	var e *upstream.IncompleteError
	if !errors.As(err, &e) || e.Complete != "1.10.0" || e.Platform != "linux/arm64" || !strings.Contains(e.Hint(), "a@1.10.0") {
		t.Fatalf("got %v", err)
	}
	u, err := w.client(t, nil).Update(t.Context(), entry(t, npmNative), "1.10.0", false)
	if err != nil || len(u.Files) != 1 {
		t.Fatalf("got %+v, %v", u, err)
	}
	locked := entry(t, npmNative, "a.lock.json", string(u.Files["agents/a.lock.json"]))
	if u, err := w.client(t, nil).Update(t.Context(), locked, "", false); err != nil || len(u.Files) > 0 || !strings.Contains(strings.Join(u.Notes, ""), "2.0.0 is out") {
		t.Errorf("when the newest complete version is locked: %+v, %v", u, err)
	}
}

func TestUpdateFromVendors(t *testing.T) {
	const file = "a_1.2.3"
	hex := func(c string) string { return strings.Repeat(c, 64) }
	for _, c := range []struct{ name, sums, list, want, from string }{
		{"sha256sum", `checksums: sums, `, hex("1") + "  other\n" + hex("2") + "  " + file + "\n", "sha256:" + hex("2"), "checksums"},
		{"binary mode", `checksums: sums, `, hex("2") + " *./" + file + "\n", "sha256:" + hex("2"), "checksums"},
		{"sha512", `checksums: sums, `, hex("34") + "  " + file + "\n", "sha512:" + hex("34"), "checksums"},
		{"BSD", `checksums: sums, `, "MD5 (" + file + ") = 00\nSHA256 (" + file + ") = " + hex("5") + "\nSHA256 (x) = " + hex("6") + "\n", "sha256:" + hex("5"), "checksums"},
		{"bare", `checksums: sums, `, hex("A") + "\n", "sha256:" + hex("a"), "checksums"},
		{"the release's", "", "", "sha256:" + hex("7"), "release"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, map[string]string{
				"github.com/o/r/releases/download/v1.2.3/sums":  c.list,
				"api.github.com/repos/o/r/releases/latest":      `{"tag_name": "v1.2.3"}`,
				"api.github.com/repos/o/r/releases/tags/v1.2.3": `{"tag_name": "v1.2.3", "assets": [{"name": "a_1.2.3", "digest": "sha256:` + hex("7") + `"}]}`,
			})
			e := entry(t, download(`source: github, track: o/r, `+c.sums+`url: "https://github.com/o/r/releases/download/v{{.Version}}/a_{{.Version}}"`))
			u, err := w.client(t, nil).Update(t.Context(), e, "", false)
			if err != nil {
				t.Fatal(err)
			}
			algorithm, digest, _ := strings.Cut(c.want, ":")
			lock := string(u.Files["agents/a.lock.json"])
			if !strings.Contains(lock, fmt.Sprintf("%q: %q", algorithm, digest)) || !strings.Contains(lock, `"from": "`+c.from+`"`) {
				t.Errorf("got %s", lock)
			}
		})
	}
}

// Where nobody says anything about a file, it is read, and the lock says so; a
// lock from somebody else's record is replaced even if the version stays.
func TestUpdateOnTrust(t *testing.T) {
	w := newWorld(t, map[string]string{"vendor.example/VERSION": "1.0.0", "vendor.example/1.0.0": "bytes"})
	text := download(`source: url, latest: "https://vendor.example/VERSION", url: "https://vendor.example/{{.Version}}"`)
	line := `  {"platform": "linux/%s", "source": "https://vendor.example/1.0.0", "sha256": "` + strings.Repeat("0", 64) + `"}`
	record := `{"schema": 1, "entry": "a", "version": "1.0.0", "from": "public-record", "artefacts": [` + fmt.Sprintf(line, "amd64") + "," + fmt.Sprintf(line, "arm64") + "]}"
	u, err := w.client(t, nil).Update(t.Context(), entry(t, text, "a.lock.json", record), "", false)
	if err != nil {
		t.Fatal(err)
	}
	lock := string(u.Files["agents/a.lock.json"])
	if !strings.Contains(lock, `"tofu": true`) || !strings.Contains(lock, `"size": 5`) || !strings.Contains(lock, `"from": "bytes"`) {
		t.Errorf("got %s", lock)
	}
	if len(u.Notes) != 2 || !strings.Contains(u.Notes[0], "another digest than the lock") {
		t.Errorf("notes %q", u.Notes)
	}
}

// A token for GitHub goes to its interface only.
func TestTokenStaysAtGitHub(t *testing.T) {
	w := newWorld(t, map[string]string{"api.github.com/repos/o/r/releases/latest": `{"tag_name": "v1.2.3"}`})
	e := entry(t, download(`source: github, track: o/r, url: "https://github.com/o/r/releases/download/v{{.Version}}/a"`))
	if _, err := w.client(t, map[string]string{"GITHUB_TOKEN": "geheim"}).Newest(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if got := w.asked["api.github.com/repos/o/r/releases/latest"].Get("Authorization"); got != "" {
		t.Errorf("a mirror was given %q", got)
	}
}

func TestCancelled(t *testing.T) {
	w := newWorld(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.client(t, nil).Newest(ctx, entry(t, npmNative)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestCompare(t *testing.T) {
	ordered := []string{"0.9", "1.0-alpha", "1.0-rc1", "1.0", "1.0.1", "1.2", "1.10", "1.10.0.1", "2.0.0", "3.14.8+20261001", "3.14.8+20261003", "3.14.9+20261001"}
	for i, a := range ordered {
		for j, b := range ordered {
			got := upstream.Compare(a, b)
			if (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%s and %s: %d", a, b, got)
			}
		}
	}
}
