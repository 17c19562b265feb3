package resources_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	osexec "os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/testneeds"
)

// interpreter is the program behind python3, which may be a wrapper that needs
// a home.
func interpreter(t *testing.T) string {
	t.Helper()
	needs(t, "python3")
	out, err := osexec.Command("python3", "-c", "import sys, pip, venv; print(sys.executable)").Output()
	if err != nil {
		testneeds.NoError(t, fmt.Errorf("python3 has no pip or no venv: %w", err))
	}
	return strings.TrimSpace(string(out))
}

// wheel packs a package with one module and, if command is not "", a program.
func wheel(t *testing.T, name, version, module, command string, needs ...string) []byte {
	t.Helper()
	info := strings.ReplaceAll(name, "-", "_") + "-" + version + ".dist-info/"
	metadata := fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", name, version)
	for _, n := range needs {
		metadata += "Requires-Dist: " + n + "\n"
	}
	members := []member{
		{name: strings.ReplaceAll(name, "-", "_") + ".py", content: module},
		{name: info + "METADATA", content: metadata},
		{name: info + "WHEEL", content: "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
	}
	if command != "" {
		members = append(members, member{name: info + "entry_points.txt", content: "[console_scripts]\n" + command + "\n"})
	}
	record := ""
	for _, m := range members {
		record += m.name + ",,\n"
	}
	return zipOf(t, append(members, member{name: info + "RECORD", content: record + info + "RECORD,,\n"})...)
}

// pypiProject is an index on loopback with some files, and what pins them.
type pypiProject struct {
	python string
	files  map[string][]byte // by name
	serve  map[string]http.HandlerFunc
	lock   []string
	build  []string
	into   string
}

func newPypiProject(t *testing.T) *pypiProject {
	t.Helper()
	app := wheel(t, "some-app", "1.2.3", "import helper\ndef main():\n    print('app', helper.VERSION)\n", "some-app = some_app:main", "helper>=2")
	help := wheel(t, "helper", "2.0.1", "VERSION = '1.2.3'\n", "")
	p := &pypiProject{
		python: interpreter(t), serve: map[string]http.HandlerFunc{}, into: filepath.Join(t.TempDir(), "prefix"),
		files: map[string][]byte{"some_app-1.2.3-py3-none-any.whl": app, "helper-2.0.1-py3-none-any.whl": help},
	}
	p.lock = []string{pin("some-app", "1.2.3", app), pin("helper", "2.0.1", help)}
	return p
}

func pin(name, version string, file []byte) string {
	sum := sha256.Sum256(file)
	return fmt.Sprintf("%s==%s \\\n    --hash=sha256:%s\n", name, version, hex.EncodeToString(sum[:]))
}

func (p *pypiProject) handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, ok := strings.CutPrefix(r.URL.Path, "/simple/"); ok {
			name = strings.TrimSuffix(name, "/")
			var links []string
			for file := range p.files {
				project, _, _ := strings.Cut(file, "-")
				if strings.ReplaceAll(project, "_", "-") == name {
					links = append(links, fmt.Sprintf("<a href=\"../../files/%s\">%s</a>\n", file, file))
				}
			}
			sort.Strings(links)
			if len(links) == 0 {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprint(w, strings.Join(links, ""))
			return
		}
		file := strings.TrimPrefix(r.URL.Path, "/files/")
		switch body, ok := p.files[file]; {
		case p.serve[file] != nil:
			p.serve[file](w, r)
		case !ok:
			http.NotFound(w, r)
		default:
			bytesOf(body)(w, r)
		}
	})
}

func (p *pypiProject) install(t *testing.T) outcome {
	t.Helper()
	s := serve(t, nil)
	s.Config.Handler = p.handler()
	tmp, dir := t.TempDir(), t.TempDir()
	write(t, dir+"/conf", "npm http://127.0.0.1:9/\npypi "+s.URL+"/simple/\n", 0o600)
	write(t, dir+"/lock", "# a comment\n"+strings.Join(p.lock, ""), 0o644)
	argv := []string{
		"sh", script(t, "fetch/terok-pypi"), "--name", "app", "--package", "Some_App", "--python", p.python, "--lock", dir + "/lock", "--into", p.into,
	}
	if p.build != nil {
		write(t, dir+"/build", strings.Join(p.build, ""), 0o644)
		argv = append(argv, "--build", dir+"/build")
	}
	o := run(t, []string{
		"PATH=" + os.Getenv("PATH"), "TMPDIR=" + tmp, "TEROK_FETCH_CONF=" + dir + "/conf", "TEROK_FETCH_CA=/nonexistent",
		"TEROK_FETCH_STALL=1", "TEROK_FETCH_RETRIES=0", "PIP_INDEX_URL=http://127.0.0.1:9/", "PIP_NO_INDEX=1", "PYTHONPATH=/nonexistent",
	}, "", argv...)
	if left, _ := filepath.Glob(tmp + "/*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	return o
}

func TestPypi(t *testing.T) {
	p := newPypiProject(t)
	p.install(t).want(t, 0, "app: 2 packages, checksums good")
	run(t, os.Environ(), "", p.into+"/bin/some-app").want(t, 0, "app 1.2.3")
	if _, err := os.Stat(p.into + "/bin/pip"); err == nil {
		t.Error("pip is in the environment")
	}
	if o := run(t, os.Environ(), "", "grep", "-rlE", "127\\.0\\.0\\.1", p.into); o.stdout != "" {
		t.Errorf("the address stays in %s", o.stdout)
	}
	compiled, _ := filepath.Glob(p.into + "/lib/python*/site-packages/__pycache__/helper.*.pyc")
	if len(compiled) != 1 {
		t.Errorf("compiled: %q", compiled)
	}
}

// In a build the prefix is a link to where the part's files are gathered.
func TestPypiBehindALink(t *testing.T) {
	p := newPypiProject(t)
	gathered := t.TempDir()
	write(t, gathered+"/other", "x", 0o644)
	if err := os.Symlink(gathered, p.into); err != nil {
		t.Fatal(err)
	}
	p.install(t).want(t, 0, "app: 2 packages")
	if target, err := os.Readlink(p.into); err != nil || target != gathered {
		t.Errorf("the link leads to %s, %v", target, err)
	}
	for _, bin := range []string{p.into + "/bin/", gathered + "/bin/"} {
		run(t, os.Environ(), "", bin+"some-app").want(t, 0, "app 1.2.3")
	}
	if got := strings.SplitN(read(t, gathered+"/bin/some-app"), "\n", 2)[0]; got != "#!"+p.into+"/bin/python" {
		t.Errorf("the command starts with %s", got)
	}
	if read(t, gathered+"/other") != "x" {
		t.Error("what was there is gone")
	}
}

// A package that is only there as a source archive is made by what a second
// lock pins, and that does not stay.
func TestPypiFromSource(t *testing.T) {
	p := newPypiProject(t)
	archive := gzipped(t, tarOf(t,
		member{name: "some_app-1.2.3/pyproject.toml", content: "[build-system]\nrequires = [\"maker\"]\nbuild-backend = \"maker\"\n"},
		member{name: "some_app-1.2.3/some_app.py", content: "import helper\nprint('app', helper.VERSION)\n"},
		member{name: "some_app-1.2.3/PKG-INFO", content: "Metadata-Version: 2.1\nName: some-app\nVersion: 1.2.3\n"},
	))
	maker := wheel(t, "maker", "0.1", backend, "")
	delete(p.files, "some_app-1.2.3-py3-none-any.whl")
	p.files["some_app-1.2.3.tar.gz"], p.files["maker-0.1-py3-none-any.whl"] = archive, maker
	p.lock[0], p.build = pin("some-app", "1.2.3", archive), []string{pin("maker", "0.1", maker)}
	p.install(t).want(t, 0, "app: 2 packages, checksums good")
	run(t, nil, "", p.into+"/bin/python", "-m", "some_app").want(t, 0, "app 1.2.3")
	run(t, nil, "", p.into+"/bin/python", "-c", "import maker").want(t, 1, "No module named 'maker'")

	p.into += "2"
	p.build = []string{pin("maker", "0.1", []byte("another"))}
	p.install(t).want(t, 11, "app: checksum mismatch", "maker")
}

// backend makes a wheel of the module it finds.
const backend = `import os, zipfile
def build_wheel(directory, settings=None, metadata=None):
    name, info = 'some_app-1.2.3-py3-none-any.whl', 'some_app-1.2.3.dist-info/'
    with zipfile.ZipFile(os.path.join(directory, name), 'w') as z:
        z.writestr('some_app.py', open('some_app.py').read())
        z.writestr(info + 'METADATA', open('PKG-INFO').read())
        z.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\nGenerator: maker\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
        z.writestr(info + 'RECORD', 'some_app.py,,\n' + info + 'METADATA,,\n' + info + 'WHEEL,,\n' + info + 'RECORD,,\n')
    return name
`

func TestPypiRefuses(t *testing.T) {
	const file = "helper-2.0.1-py3-none-any.whl"
	evil := wheel(t, "helper", "2.0.1", "VERSION = 'evil'\n", "")
	elsewhere := serve(t, map[string]http.HandlerFunc{"/evil/" + file: bytesOf(evil)})
	for _, c := range []struct {
		name  string
		serve http.HandlerFunc
		lock  func(p *pypiProject)
		code  int
		want  []string
	}{
		{"another file", bytesOf(evil), nil, 11, []string{"app: checksum mismatch", "helper", "Expected sha256", "Got"}},
		{"not there", http.NotFound, nil, 10, []string{"app: not found", "404"}},
		{"a version that is not there", nil, func(p *pypiProject) { p.lock[1] = pin("helper", "3.0", evil) }, 10, []string{"not found", "helper"}},
		{"down", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, nil, 12, []string{"network problem"}},
		{"slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, nil, 12, []string{"network problem"}},
		{"truncated", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write(evil)
		}, nil, -1, nil},
		{"redirected to another host", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)+"/evil/"+file, http.StatusFound)
		}, nil, 11, []string{"checksum mismatch"}},
		{"a dependency without pin", nil, func(p *pypiProject) { p.lock = p.lock[:1] }, 14, []string{"pip refuses", "hashes"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPypiProject(t)
			p.serve[file] = c.serve
			if c.lock != nil {
				c.lock(p)
			}
			o := p.install(t)
			if c.code < 0 && o.code == 0 {
				t.Errorf("it was installed: %s", o.stdout)
			} else if c.code >= 0 {
				o.want(t, c.code, c.want...)
			}
			if _, err := os.Stat(p.into); err == nil {
				t.Error("a refused environment stays")
			}
		})
	}
}
