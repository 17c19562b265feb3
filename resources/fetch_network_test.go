package resources_test

import (
	"encoding/pem"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

func TestFetchTroubles(t *testing.T) {
	body := []byte(strings.Repeat("x", 5000))
	half := func(end func(*http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "5000")
			_, _ = w.Write(body[:2000])
			w.(http.Flusher).Flush()
			end(r)
		}
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	for _, p := range platforms(t) {
		var busy atomic.Int32
		s := serve(t, map[string]http.HandlerFunc{
			"/broken":  half(func(*http.Request) { panic(http.ErrAbortHandler) }),
			"/stalled": half(func(r *http.Request) { <-r.Context().Done() }),
			"/gone":    status(410),
			"/secret":  status(403),
			"/down":    status(500),
			"/busy": func(w http.ResponseWriter, r *http.Request) {
				if busy.Add(1) < 3 {
					w.WriteHeader(503)
					return
				}
				bytesOf(body)(w, r)
			},
			"/from": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/busy", http.StatusFound) },
			"/loop": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) },
		})
		closed := httptest.NewServer(http.NotFoundHandler())
		closed.Close()
		cases := []struct {
			name, source string
			code         int
			want         []string
		}{
			{"not there", s.URL + "/nope?token=geheim", 10, []string{"HTTP 404 for ", "(at " + s.URL + "/nope)"}},
			{"gone", s.URL + "/gone", 10, []string{"HTTP 410"}},
			{"forbidden", s.URL + "/secret", 12, []string{"HTTP 403"}},
			{"down", s.URL + "/down", 12, []string{"HTTP 500"}},
			{"busy, behind a redirect", s.URL + "/from", 0, nil},
			{"broken off", s.URL + "/broken", 13, []string{"broken off: ", " of 5000 bytes"}},
			{"stalled", s.URL + "/stalled", 12, []string{"stalled", " of 5000 bytes"}},
			{"redirected in a circle", s.URL + "/loop", 12, nil},
			{"nobody there", closed.URL + "/x", 12, []string{"network problem with " + closed.URL}},
		}
		for _, c := range cases[:p.share(len(cases))] {
			t.Run(p.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				f := fetch{source: c.source, format: "bare", body: body, args: []string{"--as", "x"}}
				f.do(t, p).want(t, c.code, c.want...)
			})
		}
		t.Cleanup(func() {
			if n := busy.Load(); n != 3 && !p.brief {
				t.Errorf("%s: %d requests until it worked, want 3", p.name, n)
			}
		})
	}
}

func TestFetchStopsAtOnce(t *testing.T) {
	hold, reached := make(chan struct{}), make(chan struct{}, 10)
	s := serve(t, map[string]http.HandlerFunc{"/f": func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		reached <- struct{}{}
		<-hold
	}})
	defer close(hold)
	for _, p := range platforms(t) {
		f := fetch{source: s.URL + "/f", format: "bare"}
		env, argv := f.command(t, p)
		cmd := osexec.Command(argv[0], argv[1:]...)
		cmd.Env = slices.Concat(env, []string{"TEROK_FETCH_STALL=600"})
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			_ = cmd.Wait()
			close(ended)
		}()
		select {
		case <-reached:
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
		case <-ended:
			t.Errorf("%s: ended before it was told to", p.name)
		}
		<-ended
		if code := cmd.ProcessState.ExitCode(); code != 143 {
			t.Errorf("%s: exit status %d after SIGTERM, want 143", p.name, code)
		}
		f.checkClean(t, env)
	}
}

func pemOf(t *testing.T, s *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}
	write(t, path, string(pem.EncodeToMemory(&block)), 0o644)
	return path
}

func TestFetchTrust(t *testing.T) {
	body := []byte("bytes")
	plain := serve(t, map[string]http.HandlerFunc{"/f": bytesOf(body)})
	s := httptest.NewUnstartedServer(mux(map[string]http.HandlerFunc{
		"/f": bytesOf(body),
		"/down": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, plain.URL+"/f", http.StatusFound)
		},
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	dash := platforms(t)[0]
	cases := []struct {
		name, path, ca string
		code           int
		want           string
	}{
		{"unknown authority", "/f", "", 12, "--ca-bundle"},
		{"known authority", "/f", pemOf(t, s), 0, "checksum good"},
		{"redirect to plain http", "/down", pemOf(t, s), 12, "refusing to follow"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := fetch{source: s.URL + c.path, format: "bare", body: body, ca: c.ca}
			f.do(t, dash).want(t, c.code, c.want)
		})
	}
}

func TestFetchConfiguration(t *testing.T) {
	body := gzipped(t, tarOf(t, goodTree()...))
	s := serve(t, map[string]http.HandlerFunc{
		"/npm/@scope/pkg/-/pkg-1.2.3-linux.tgz": bytesOf(body),
		"/npm/plain/-/plain-4.0.0+x.tgz":        bytesOf(body),
		"/near/x.tgz":                           bytesOf(body),
	})
	mirrors := "# mirrors\n\nmirror https://example.invalid/ http://127.0.0.1:1/\n" +
		"mirror https://example.invalid/far/ " + s.URL + "/near/\n"
	npm := "npm " + s.URL + "/npm/"
	cases := []struct {
		name, source, conf string
		code               int
		want               string
	}{
		{"scoped package", "pkg:npm/%40scope/pkg@1.2.3-linux", npm, 0, "checksum good"},
		{"plain package, no slash at the registry", "pkg:npm/plain@4.0.0%2Bx", strings.TrimSuffix(npm, "/"), 0, ""},
		{"no registry", "pkg:npm/plain@4.0.0", "", 2, "no npm registry configured"},
		{"no version", "pkg:npm/%40scope/pkg", npm, 2, "pkg:npm/name@version"},
		{"path in a name", "pkg:npm/..%2F..%2Fx@1.0.0", npm, 2, "pkg:npm/name@version"},
		{"longest mirror", "https://example.invalid/far/x.tgz", mirrors, 0, "https://example.invalid/far/x.tgz"},
		{"bad line", "pkg:npm/plain@4.0.0", "npm " + s.URL + " geheim", 2, "bad 'npm' line"},
		{"unknown scheme", "ftp://example.invalid/x", "", 2, "ftp://example.invalid/x"},
	}
	for _, p := range platforms(t) {
		for _, c := range cases[:p.share(len(cases))] {
			t.Run(p.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				f := fetch{source: c.source, format: "npm", body: body, conf: c.conf}
				o := f.do(t, p)
				o.want(t, c.code, c.want)
				if strings.Contains(o.stdout+o.stderr, "geheim") {
					t.Error("the configuration's values are shown")
				}
			})
		}
	}
}

func TestFetchSendsHeadersToTheirPrefixOnly(t *testing.T) {
	const secret = `Bearer ge"heim\`
	body := []byte("bytes")
	var mu sync.Mutex
	seen := map[string]string{}
	note := func(who string, next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			seen[who+r.URL.Path] = r.Header.Get("Authorization")
			mu.Unlock()
			next(w, r)
		}
	}
	other := serve(t, map[string]http.HandlerFunc{"/f": note("other", bytesOf(body))})
	s := serve(t, map[string]http.HandlerFunc{
		"/private/f":  note("own", http.RedirectHandler(other.URL+"/f", http.StatusFound).ServeHTTP),
		"/privater/f": note("own", bytesOf(body)),
	})
	conf := "header " + s.URL + "/private Authorization: " + secret + "\n"
	p := platforms(t)[0]
	for _, path := range []string{"/private/f", "/privater/f"} {
		f := fetch{source: s.URL + path, format: "bare", body: body, conf: conf}
		o := f.do(t, p)
		o.want(t, 0)
		if strings.Contains(o.stdout+o.stderr, "heim") {
			t.Error("a header's value is shown")
		}
	}
	want := map[string]string{"own/private/f": secret, "own/privater/f": "", "other/f": ""}
	if !maps.Equal(seen, want) {
		t.Errorf("headers seen: %q, want %q", seen, want)
	}
}

func TestFetchWrongUse(t *testing.T) {
	p := platforms(t)[0]
	good := fetch{source: "http://127.0.0.1:1/f", format: "npm"}
	cases := map[string]fetch{
		"unknown format":   {source: good.source, format: "rar"},
		"short digest":     {source: good.source, format: "npm", digest: "sha512:00"},
		"other algorithm":  {source: good.source, format: "npm", digest: "md5:00"},
		"unknown argument": {source: good.source, format: "npm", args: []string{"--fast", "1"}},
		"no value":         {source: good.source, format: "npm", args: []string{"--keep"}},
		"keep outside":     {source: good.source, format: "npm", args: []string{"--keep", "../x"}},
		"as an archive":    {source: good.source, format: "npm", args: []string{"--as", "x"}},
		"as a path":        {source: good.source, format: "bare", args: []string{"--as", "a/b"}},
		"strip a word":     {source: good.source, format: "tar", args: []string{"--strip", "one"}},
	}
	for name, f := range cases {
		t.Run(name, func(t *testing.T) { f.do(t, p).want(t, 2) })
	}
}
