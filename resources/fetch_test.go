package resources_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// platform is a shell with the commands that it finds.
type platform struct {
	name  string
	shell []string
	path  string
	brief bool // differs from others in little: the first case is enough
}

// share is how many of n cases, the first ones, are worth running on p.
func (p platform) share(n int) int {
	if p.brief {
		return min(n, 1)
	}
	return n
}

// platforms returns the combinations that images bring: full systems, a small
// one with curl and one with nothing but busybox.
func platforms(t *testing.T) []platform {
	t.Helper()
	busybox, err := osexec.LookPath("busybox")
	if err != nil {
		t.Fatal("busybox is needed for this test: install the package busybox")
	}
	applets, err := osexec.Command(busybox, "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	bare, withCurl := t.TempDir(), t.TempDir()
	for _, applet := range strings.Fields(string(applets)) {
		symlink(t, busybox, filepath.Join(bare, applet))
		symlink(t, busybox, filepath.Join(withCurl, applet))
	}
	curl, err := osexec.LookPath("curl")
	if err != nil {
		t.Fatal("curl is needed for this test: install the package curl")
	}
	symlink(t, curl, filepath.Join(withCurl, "curl"))
	system := os.Getenv("PATH")
	return []platform{
		{"dash", []string{"dash"}, system, false},
		{"bash", []string{"bash"}, system, true},
		{"busybox with curl", []string{busybox, "ash"}, withCurl, false},
		{"busybox alone", []string{busybox, "ash"}, bare, false},
	}
}

func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// fetch is one call of terok-fetch.
type fetch struct {
	source, format string
	body           []byte // what the digest is taken of
	digest         string // instead of body
	conf           string
	ca             string
	args           []string
	into           string // set by do
}

// do runs the call and checks what must hold in every case: no temporary file
// stays, and a failure is one line.
func (f *fetch) do(t *testing.T, p platform) outcome {
	t.Helper()
	env, argv := f.command(t, p)
	o := run(t, env, "", argv...)
	f.checkClean(t, env)
	if lines := strings.Count(o.stderr, "\n"); o.code != 0 && lines != 1 {
		t.Errorf("a failure of %d lines: %s", lines, o.stderr)
	}
	return o
}

func (f *fetch) command(t *testing.T, p platform) (env, argv []string) {
	t.Helper()
	tmp, into, conf := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "conf")
	f.into = into
	write(t, conf, f.conf, 0o600)
	if f.digest == "" {
		sum := sha512.Sum512(f.body)
		f.digest = "sha512:" + hex.EncodeToString(sum[:])
	}
	env = []string{
		"PATH=" + p.path, "TMPDIR=" + tmp, "TEROK_FETCH_CONF=" + conf, "TEROK_FETCH_CA=" + f.ca,
		"TEROK_FETCH_STALL=1", "TEROK_FETCH_PAUSE=0",
	}
	argv = append(append([]string{}, p.shell...), script(t, "fetch/terok-fetch"), "--name", "thing", "--source", f.source, "--digest", f.digest, "--format", f.format, "--into", into)
	return env, append(argv, f.args...)
}

func (f *fetch) checkClean(t *testing.T, env []string) {
	t.Helper()
	tmp := strings.TrimPrefix(env[1], "TMPDIR=")
	for _, glob := range []string{tmp + "/*", tmp + "/.[!.]*", f.into + "/.terok-fetch*"} {
		if left, _ := filepath.Glob(glob); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}
}

// tree lists what a call made, with modes.
func (f *fetch) tree(t *testing.T) string {
	t.Helper()
	var lines []string
	err := filepath.Walk(f.into, func(path string, info os.FileInfo, err error) error {
		if err != nil || path == f.into {
			return err
		}
		rel, _ := filepath.Rel(f.into, path)
		if stat := info.Sys().(*syscall.Stat_t); int(stat.Uid) != os.Getuid() {
			t.Errorf("%s belongs to %d", rel, stat.Uid)
		}
		if !info.IsDir() {
			lines = append(lines, fmt.Sprintf("%o %s", info.Mode().Perm()|info.Mode()&os.ModeSetuid, rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, ", ")
}

// serve answers each path with its handler, on loopback.
func serve(t *testing.T, paths map[string]http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(mux(paths))
	t.Cleanup(s.Close)
	return s
}

func mux(paths map[string]http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, ok := paths[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		h(w, r)
	})
}

func bytesOf(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(b)))
		_, _ = w.Write(b)
	}
}

func TestFetchUnpacks(t *testing.T) {
	all := "644 .hidden, 644 README, 755 bin/tool, 644 lib/a/deep"
	plain := tarOf(t, goodTree()...)
	cases := []struct {
		name, format string
		body         []byte
		args         []string
		want         string
	}{
		{"npm", "npm", gzipped(t, plain), nil, all},
		{"tar.gz", "tar.gz", gzipped(t, plain), []string{"--strip", "1"}, all},
		{"tar.xz", "tar.xz", xzipped(t, plain), []string{"--strip", "1"}, all},
		{"tar, no strip", "tar", plain, []string{"--keep", "package/README"}, "644 package/README"},
		{"zip", "zip", zipOf(t, goodTree()[2:]...), []string{"--strip", "1"}, all},
		{"zip, strip 2", "zip", zipOf(t, goodTree()[2:]...), []string{"--strip", "2"}, "644 a/deep, 755 tool"},
		{
			"keep a file and a directory", "npm", gzipped(t, plain),
			[]string{"--keep", "README", "--keep", "lib/"},
			"644 README, 644 lib/a/deep",
		},
		{"bare", "bare", []byte("ELF"), nil, "755 file"},
		{"bare with a name", "bare", []byte("ELF"), []string{"--as", "tool"}, "755 tool"},
	}
	for _, p := range platforms(t) {
		for _, c := range cases[:p.share(len(cases))] {
			t.Run(p.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				s := serve(t, map[string]http.HandlerFunc{"/d/file": bytesOf(c.body)})
				f := fetch{source: s.URL + "/d/file", format: c.format, body: c.body, args: c.args}
				f.do(t, p).want(t, 0, "checksum good")
				if got := f.tree(t); got != c.want {
					t.Errorf("unpacked %s, want %s", got, c.want)
				}
			})
		}
	}
}

func TestFetchRefuses(t *testing.T) {
	good := gzipped(t, tarOf(t, goodTree()...))
	flipped := append([]byte{}, good...)
	flipped[len(flipped)/2] ^= 1
	pack := func(m ...member) []byte { return gzipped(t, tarOf(t, m...)) }
	cases := []struct {
		name, format string
		served, body []byte
		args         []string
		code         int
		want         string
	}{
		{"flipped byte", "npm", flipped, good, nil, 11, "checksum mismatch for "},
		{"no archive", "npm", []byte("no"), []byte("no"), nil, 14, "cannot unpack"},
		{"keep missing", "npm", good, good, []string{"--keep", "nope"}, 14, "does not hold nope"},
		{"absolute path", "tar.gz", pack(member{name: "/tmp/x", content: "x"}), nil, nil, 14, "outside"},
		{"path with ..", "tar.gz", pack(member{name: "a/../../x", content: "x"}), nil, nil, 14, "outside"},
		{"zip with ..", "zip", zipOf(t, member{name: "../x", content: "x"}), nil, nil, 14, "outside"},
		{"absolute zip", "zip", zipOf(t, member{name: "/tmp/x", content: "x"}), nil, nil, 14, "outside"},
		{"nothing left", "tar.gz", pack(member{name: "x", content: "x"}), nil, []string{"--strip", "1"}, 14, ""},
	}
	for _, p := range platforms(t) {
		for _, c := range cases[:p.share(len(cases))] {
			t.Run(p.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				s := serve(t, map[string]http.HandlerFunc{"/file": bytesOf(c.served)})
				f := fetch{source: s.URL + "/file", format: c.format, body: c.body, args: c.args}
				if c.body == nil {
					f.body = c.served
				}
				f.do(t, p).want(t, c.code, "terok-fetch: thing: ", c.want, f.source)
				if got := f.tree(t); got != "" {
					t.Errorf("a refused download left %s", got)
				}
			})
		}
	}
}

func TestFetchNamesBothDigests(t *testing.T) {
	good := []byte("good")
	want, got := sha256.Sum256(good), sha256.Sum256([]byte("evil"))
	s := serve(t, map[string]http.HandlerFunc{"/f": bytesOf([]byte("evil"))})
	f := fetch{source: s.URL + "/f", format: "bare", digest: "sha256:" + hex.EncodeToString(want[:])}
	f.do(t, platforms(t)[0]).want(t, 11,
		"expected sha256:"+hex.EncodeToString(want[:])+" got sha256:"+hex.EncodeToString(got[:]))
}

func TestFetchNeverOverwrites(t *testing.T) {
	body := gzipped(t, tarOf(t, member{name: "bin/a", content: "a"}, member{name: "b", content: "b"}))
	s := serve(t, map[string]http.HandlerFunc{"/f": bytesOf(body)})
	for _, p := range platforms(t) {
		f := fetch{source: s.URL + "/f", format: "tar.gz", body: body}
		env, argv := f.command(t, p)
		write(t, f.into+"/bin/other", "other", 0o644)
		run(t, env, "", argv...).want(t, 0)
		if got := f.tree(t); got != "644 b, 644 bin/a, 644 bin/other" {
			t.Errorf("%s: a directory is not merged: %s", p.name, got)
		}
		run(t, env, "", argv...).want(t, 14, "would overwrite")
	}
}
