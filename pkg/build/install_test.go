package build_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/build/buildtest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
	"github.com/terok-ai/terok-agent/pkg/layers/sources"
)

// fromRegistry are the entries that make test-long installs from the npm
// registry that this machine is configured for; what they depend on comes with
// them.
var fromRegistry = []string{"ast-grep", "blablador", "claude-acp", "codex-acp", "copilot", "gemini", "kisski", "openrouter", "pi", "qwen"}

// Entries are installed for real on a real Debian: programs and trees of npm's
// registry, the trees with a Node that is laid out as its vendor's, and a Python
// environment from an index on loopback.
func TestInstallFromRegistry(t *testing.T) {
	if os.Getenv("TEROK_LONG") == "" {
		return // a few gigabytes, a few minutes
	}
	if os.Getenv("TEROK_TEST_STORAGE") == "" {
		t.Setenv("TEROK_TEST_STORAGE", "/var/tmp") // too much for memory
	}
	p := newDebianProject(t)
	mirrors := p.nodeOnLoopback(t)
	mirrors = append(mirrors, p.pythonOnLoopback(t)...)
	p.Write(t, "agents/keys.yaml", "default: false\ninstall: [{apt: {packages: [libsecret-1-0]}}]\n")
	names := append([]string{"keys", "wheely"}, fromRegistry...)
	p.agents = strings.Join(names, ",")
	onHost := func(_ *build.Spec, o *build.Options) {
		o.Mirrors, o.Network = mirrors, "host"
	}
	p.apply(t, onHost)
	p.upToDate(t, onHost)
	made := p.plan(t, onHost)
	l1, _ := made.Step("l1")
	// The probes have compared the versions while the parts were made; here the
	// programs answer in the image that people run.
	got := p.run(t, l1.Tags[0], "bash", "-c", `for c in ast-grep claude claude-agent-acp codex codex-acp copilot gemini opencode pi qwen node wheely; do
		printf '%s: ' "$c"; timeout 120 "$c" --version 2>&1 < /dev/null | head -n 1 || echo failed; done; id -un
		for c in blablador kisski openrouter; do "$c" 2>&1; done
		dpkg-query -W libsecret-1-0`)
	t.Logf("in l1:\n%s", got)
	for _, want := range []string{
		"ast-grep: ast-grep 0.", "claude: 2.", "claude-agent-acp: 0.", "codex-acp: @agentclientprotocol/codex-acp 2.", "gemini: 0.", "node: v24.", "wheely: 1.2.3", "blablador: set BLABLADOR_API_KEY", "kisski: set KISSKI_API_KEY", "openrouter: set OPENROUTER_API_KEY", "libsecret-1-0:",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("in l1: no %q in\n%s", want, got)
		}
	}
	leaks := p.run(t, l1.Tags[0], "sh", "-c", `grep -rlE '127\.0\.0\.1:|_authToken' /usr/local/share/terok/parts /opt/terok/agents/wheely \
		/opt/terok/agents/gemini/package-lock.json /opt/terok/agents/gemini/node_modules/.package-lock.json || true`)
	if leaks != "" {
		t.Errorf("where things came from stays in %s", leaks)
	}
	for _, step := range made.Steps {
		if len(step.Tags) > 0 {
			t.Log(step.Tags[0], p.podman.Run(t, "image", "inspect", "--format", "{{.Size}}", step.Tags[0]))
		}
	}
}

// newDebianProject is the built-in resources on a real Debian.
func newDebianProject(t *testing.T) *project {
	t.Helper()
	p := &project{World: buildtest.NewBare(t), podman: podmantest.Storage(t)}
	podmantest.LoadDebian(t, p.podman)
	p.usePodman(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	return p
}

// nodeOnLoopback serves, in place of Node's vendor, an archive with the vendor's
// layout that is put together of packages of the npm registry.
func (p *project) nodeOnLoopback(t *testing.T) []sources.Mirror {
	t.Helper()
	const version = "24.21.0"
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	arch := strings.Replace(runtime.GOARCH, "amd64", "x64", 1) // as npm spells it
	top := "node-v" + version + "-linux-" + arch + "/"
	repack(t, w, packed(t, "node-linux-"+arch+"@"+version), top, "bin/", "LICENSE")
	repack(t, w, packed(t, "npm@11.19.1"), top+"lib/node_modules/npm/", "")
	for _, name := range []string{"npm", "npx"} {
		link := &tar.Header{Name: top + "bin/" + name, Typeflag: tar.TypeSymlink, Linkname: "../lib/node_modules/npm/bin/" + name + "-cli.js", Mode: 0o777}
		if err := w.WriteHeader(link); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return p.ServeLocked(t, "node", b.Bytes())
}

// packed has npm fetch and check a package.
func packed(t *testing.T, spec string) string {
	t.Helper()
	dir := t.TempDir()
	out, err := osexec.Command("npm", "pack", "--silent", "--pack-destination", dir, spec).CombinedOutput()
	if err != nil {
		t.Fatalf("fetching %s: %v\n%s", spec, err, out)
	}
	found, _ := filepath.Glob(dir + "/*.tgz")
	if len(found) != 1 {
		t.Fatalf("fetching %s: got %q", spec, found)
	}
	return found[0]
}

// repack copies the files of a package that begin with one of some prefixes.
func repack(t *testing.T, w *tar.Writer, archive, to string, keep ...string) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		_, name, _ := strings.Cut(path.Clean(h.Name), "/")
		wanted := false
		for _, k := range keep {
			wanted = wanted || strings.HasPrefix(name, k)
		}
		if !wanted {
			continue
		}
		h.Name = to + name
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, r); err != nil {
			t.Fatal(err)
		}
	}
}

// pythonOnLoopback adds an entry that is a Python package with a dependency, in
// an index on loopback. The interpreter is Debian's, linked to where one of ours
// would be.
func (p *project) pythonOnLoopback(t *testing.T) []sources.Mirror {
	t.Helper()
	p.fetchWithPip(t)
	p.Write(t, "agents/debianpython.yaml", `kind: runtime
default: false
install:
  - script: {run: "mkdir -p /out/opt/terok/agents/debianpython/bin && ln -s /usr/bin/python3 /out/opt/terok/agents/debianpython/bin/python3"}
`)
	app := buildtest.Wheel(t, "wheely", "1.2.3", "import helper\ndef main():\n    print(helper.VERSION)\n", "wheely = wheely:main", "helper")
	helper := buildtest.Wheel(t, "helper", "2.0", "VERSION = '1.2.3'\n", "")
	p.Registry.PutFile("/simple/wheely/", []byte(`<a href="../../files/wheely-1.2.3-py3-none-any.whl">wheely-1.2.3-py3-none-any.whl</a>`))
	p.Registry.PutFile("/simple/helper/", []byte(`<a href="../../files/helper-2.0-py3-none-any.whl">helper-2.0-py3-none-any.whl</a>`))
	p.Registry.PutFile("/files/wheely-1.2.3-py3-none-any.whl", app)
	p.Registry.PutFile("/files/helper-2.0-py3-none-any.whl", helper)
	p.Write(t, "agents/wheely.yaml", `depends_on: [debianpython]
install:
  - pypi: {package: wheely, python: debianpython}
commands: {wheely: bin/wheely}
probe: {run: [wheely, --version]}
`)
	p.Write(t, "agents/wheely.lock.json", `{"schema": 1, "entry": "wheely", "version": "1.2.3"}`)
	p.Write(t, "agents/wheely.requirements.txt", fmt.Sprintf("helper==2.0 --hash=sha256:%s\nwheely==1.2.3 --hash=sha256:%s\n",
		buildtest.Sha256(helper), buildtest.Sha256(app)))
	return []sources.Mirror{{From: "pypi", To: p.Registry.URL + "/simple/"}}
}

// fetchWithPip has the image that fetches hold Debian's Python, with pip.
func (p *project) fetchWithPip(t *testing.T) {
	t.Helper()
	p.Edit(t, "templates/fetch.Dockerfile.tmpl", "ca-certificates curl gzip tar unzip xz-utils", "ca-certificates curl gzip python3-pip python3-venv tar unzip xz-utils")
}
