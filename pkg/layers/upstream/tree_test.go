package upstream_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/upstream"
	"github.com/terok-ai/terok-agent/pkg/testneeds"
)

// needs skips a test when this machine lacks what it runs; make test sees to it
// that it does not.
func needs(t *testing.T, command ...string) {
	t.Helper()
	if err := osexec.Command(command[0], command[1:]...).Run(); err != nil {
		testneeds.NoError(t, fmt.Errorf("%v: %w", command, err))
	}
}

// packument is what a registry says about all versions of a package.
func packument(url, name, version, more string) string {
	return fmt.Sprintf(`{"name": %q, "dist-tags": {"latest": %q}, "versions": {%q: {"name": %q, "version": %q%s,
		"dist": {"tarball": "%s/npm/%s/-/x-%s.tgz", "integrity": "sha512-%s"}}}}`, name, version, version, name, version, more, url, name, version, integrity(name))
}

const npmTree = "install: [{npm: {package: app, require: [node_modules/.bin/app]%s}}]\n"

func treeWorld(t *testing.T) *world {
	t.Helper()
	needs(t, "npm", "--version")
	t.Setenv("npm_config_userconfig", "/dev/null")
	t.Setenv("npm_config_cache", t.TempDir())
	w := newWorld(t, map[string]string{})
	w.answers["npm/app/latest"] = manifest("1.2.3", "app")
	w.answers["npm/app"] = packument(w.URL, "app", "1.2.3", `, "dependencies": {"dep": "^2.0.0"}, "optionalDependencies": {"app-linux-x64": "1.2.3", "app-linux-arm64": "1.2.3", "app-darwin-arm64": "1.2.3"}`)
	w.answers["npm/dep"] = packument(w.URL, "dep", "2.5.0", "")
	w.answers["npm/app-linux-x64"] = packument(w.URL, "app-linux-x64", "1.2.3", `, "os": ["linux"], "cpu": ["x64"]`)
	w.answers["npm/app-linux-arm64"] = packument(w.URL, "app-linux-arm64", "1.2.3", `, "os": ["linux"], "cpu": ["arm64"]`)
	return w
}

// npm resolves a tree; packages for systems that no image runs on may be
// missing, those for Linux may not.
func TestUpdateNpmTree(t *testing.T) {
	w := treeWorld(t)
	u, err := w.client(t, nil).Update(t.Context(), entry(t, fmt.Sprintf(npmTree, "")), "", false)
	if err != nil {
		t.Fatal(err)
	}
	lock := string(u.Files["agents/a.package-lock.json"])
	for _, want := range []string{`"node_modules/dep"`, `"2.5.0"`, `"node_modules/app-linux-arm64"`, "sha512-" + integrity("app-linux-x64")} {
		if !strings.Contains(lock, want) {
			t.Errorf("no %s in %s", want, lock)
		}
	}
	if strings.Contains(lock, "darwin") || strings.Contains(lock, w.URL) {
		t.Errorf("the lock names what is not there, or where things come from: %s", lock)
	}
	e := entry(t, fmt.Sprintf(npmTree, ""), "a.lock.json", string(u.Files["agents/a.lock.json"]), "a.package-lock.json", lock)
	if got, err := e.Resolve("linux/arm64"); err != nil || got.Version != "1.2.3" || got.Steps[0].Tree.Packages != 4 {
		t.Errorf("read back: %+v, %v", got, err)
	}
	if u, err := w.client(t, nil).Update(t.Context(), e, "", false); err != nil || len(u.Files) > 0 {
		t.Errorf("again: %v, %v", u, err)
	}

	delete(w.answers, "npm/app-linux-arm64")
	t.Setenv("npm_config_cache", t.TempDir())
	if _, err := w.client(t, nil).Update(t.Context(), e, "", false); err == nil || !strings.Contains(err.Error(), "the registry lacks app-linux-arm64, which app needs") {
		t.Errorf("a platform is missing: %v", err)
	}
	without := entry(t, fmt.Sprintf(npmTree, ", omit: [optional]"))
	if _, err := w.client(t, nil).Update(t.Context(), without, "", false); err != nil {
		t.Errorf("a platform is missing that is left out: %v", err)
	}
	delete(w.answers, "npm/dep")
	t.Setenv("npm_config_cache", t.TempDir())
	if _, err := w.client(t, nil).Update(t.Context(), without, "", false); err == nil || !strings.Contains(err.Error(), "code E404") {
		t.Errorf("a dependency is missing: %v", err)
	}
}

func TestUpdateWithoutNpm(t *testing.T) {
	w := newWorld(t, map[string]string{"npm/app/latest": manifest("1.2.3", "app")})
	c := w.client(t, nil)
	c.Npm = []string{"npm-that-is-not-there"}
	_, err := c.Update(t.Context(), entry(t, fmt.Sprintf(npmTree, "")), "", false)
	var missing *upstream.MissingToolError
	if !errors.As(err, &missing) || !strings.Contains(missing.Hint(), "npm-that-is-not-there") {
		t.Errorf("got %v", err)
	}
}

// wheel is the smallest there is.
func wheel(t *testing.T, name, version string, needs ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	info := name + "-" + version + ".dist-info/"
	metadata := fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", name, version)
	for _, n := range needs {
		metadata += "Requires-Dist: " + n + "\n"
	}
	for file, text := range map[string]string{
		info + "METADATA": metadata, info + "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n", info + "RECORD": "",
	} {
		f, err := z.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = f.Write([]byte(text))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// pip resolves for every platform: what only one of them has is pinned for that
// one.
func TestUpdatePypi(t *testing.T) {
	needs(t, "python3", "-m", "pip", "--version")
	t.Setenv("PIP_CONFIG_FILE", "/dev/null")
	w := newWorld(t, map[string]string{"pypi/some-app/": `{"versions": ["1.0", "1.1"]}`})
	c := w.client(t, nil)
	// pip is not asked over HTTP here but reads links in a directory: which
	// files there are is what counts.
	dir := t.TempDir()
	files := map[string]string{
		"some_app-1.1-py3-none-any.whl": wheel(t, "some_app", "1.1", "fast>=2", "plain"),
		"plain-3.0-py3-none-any.whl":    wheel(t, "plain", "3.0"),
	}
	for _, machine := range []string{"x86_64", "aarch64"} {
		// Each has a content, and so a digest, of its own.
		files["fast-2.0-cp311-cp311-manylinux_2_17_"+machine+".whl"] = wheel(t, "fast", "2.0", "helper-"+machine+"; platform_machine=='none'")
	}
	for name, body := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PIP_FIND_LINKS", dir)
	t.Setenv("PIP_NO_INDEX", "1")
	e := entry(t, "depends_on: [python311]\ninstall: [{pypi: {package: some-app, python: python311}}]\n")
	u, err := c.Update(t.Context(), e, "", false)
	if err != nil {
		t.Fatal(err)
	}
	lock := string(u.Files["agents/a.requirements.txt"])
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(files["plain-3.0-py3-none-any.whl"])))
	if !strings.Contains(lock, "plain==3.0 \\\n    --hash=sha256:"+sum+"\n") || strings.Count(lock, "--hash") != 4 {
		t.Errorf("got %s", lock)
	}
	read := entry(t, "depends_on: [python311]\ninstall: [{pypi: {package: some-app, python: python311}}]\n",
		"a.lock.json", string(u.Files["agents/a.lock.json"]), "a.requirements.txt", lock)
	if got, err := read.Resolve("linux/arm64"); err != nil || got.Version != "1.1" {
		t.Errorf("read back: %+v, %v", got, err)
	}
	if _, err := c.Update(t.Context(), e, "1.0", false); err == nil || !strings.Contains(err.Error(), "some-app==1.0") {
		t.Errorf("a version that is not there: %v", err)
	}
}

func TestUpdateSdistIsByHand(t *testing.T) {
	w := newWorld(t, nil)
	e := entry(t, "depends_on: [python311]\ninstall: [{pypi: {package: some-app, python: python311, sdist: true}}]\n")
	if _, err := w.client(t, nil).Update(t.Context(), e, "1.0", false); err == nil || !strings.Contains(err.Error(), "by hand") {
		t.Errorf("got %v", err)
	}
	if _, err := w.client(t, nil).Update(t.Context(), entry(t, "commands: {a: /usr/bin/a}\n"), "", false); !errors.Is(err, upstream.ErrNothingToLock) {
		t.Errorf("got %v", err)
	}
}
