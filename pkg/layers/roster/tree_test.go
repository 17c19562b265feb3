package roster_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/roster"
)

const (
	toolX    = "kind: tool\ncommands: {node: bin/node}\n"
	npmTree  = "depends_on: [node]\ninstall:\n  - npm: {package: \"@s/p\", require: [node_modules/.bin/p]}\ncommands: {p: node_modules/.bin/p}\n"
	pypiTree = "depends_on: [py]\ninstall:\n  - pypi: {package: Some_Package, python: py}\ncommands: {p: bin/p}\n"
)

var sha512text = "sha512-" + base64.StdEncoding.EncodeToString(make([]byte, 64))

// npmLockOf is a lock of @s/p with one dependency.
func npmLockOf(version string) string {
	return fmt.Sprintf(`{"lockfileVersion": 3, "packages": {
  "": {"name": "a", "dependencies": {"@s/p": %q}},
  "node_modules/@s/p": {"version": %q, "integrity": %q},
  "node_modules/q": {"version": "2.0.0", "integrity": %q}}}`, version, version, sha512text, sha512text)
}

var requirements = "# made by hand\nsome-package==1.0 \\\n    --hash=sha256:" + hex256 + " \\\n    --hash=sha256:" + hex256 + "\nother[x]==2.0 ; python_version < \"4\" \\\n    --hash=sha256:" + hex256 + "\n"

func TestTrees(t *testing.T) {
	r := mustLoad(t, map[string]string{
		"node.yaml": toolX, "py.yaml": toolX,
		"a.yaml": npmTree, "a.lock.json": `{"schema": 1, "entry": "a", "version": "1.0.0"}`, "a.package-lock.json": npmLockOf("1.0.0"),
		"b.yaml": pypiTree, "b.lock.json": `{"schema": 1, "entry": "b", "version": "1.0"}`, "b.requirements.txt": requirements,
	})
	for name, want := range map[string]struct{ file, needs, require string }{
		"a": {"agents/a.package-lock.json", "node", "node_modules/.bin/p"},
		"b": {"agents/b.requirements.txt", "py", ""},
	} {
		e, _ := r.Lookup(name)
		got, err := e.Resolve("linux/arm64")
		if err != nil {
			t.Fatal(err)
		}
		tree := got.Steps[0].Tree
		if tree == nil || tree.File != want.file || tree.Packages != 2 || len(got.Unpinned) > 0 || got.Version == "" {
			t.Errorf("%s: tree %+v, unpinned %v", name, tree, got.Unpinned)
		}
		if strings.Join(e.Needs, " ") != want.needs || strings.Join(got.Steps[0].Require, " ") != want.require {
			t.Errorf("%s: needs %v, requires %v", name, e.Needs, got.Steps[0].Require)
		}
	}
}

func TestTreeErrors(t *testing.T) {
	good := npmLockOf("1.0.0")
	edit := func(text, from, to string) string {
		t.Helper()
		if !strings.Contains(text, from) {
			t.Fatalf("%q is not in %s", from, text)
		}
		return strings.Replace(text, from, to, 1)
	}
	for _, c := range []struct{ name, file, text, want string }{
		{"no lock of npm", "", "", "a.package-lock.json: a is not locked"},
		{"no JSON", "a.package-lock.json", "{", "is not npm's lock"},
		{"old", "a.package-lock.json", edit(good, ": 3", ": 1"), "lockfileVersion 1"},
		{"another version", "a.package-lock.json", npmLockOf("1.0.1"), "the root must depend on @s/p 1.0.0"},
		{"another package there", "a.package-lock.json", edit(good, `{"version": "1.0.0"`, `{"version": "0.9.0"`), `it installs @s/p "0.9.0"`},
		{"a package without digest", "a.package-lock.json", edit(good, `"2.0.0", "integrity"`, `"2.0.0", "was"`), `"node_modules/q" has no sha512`},
		{"a short digest", "a.package-lock.json", edit(good, "sha512-AAAA", "sha512-"), "is not a sha512"},
		{"a weak digest", "a.package-lock.json", edit(good, "sha512-", "sha1-"), "has no sha512"},
		{"an address", "a.package-lock.json", edit(good, `{"version": "2.0.0"`, `{"resolved": "https://evil.example/q.tgz", "version": "2.0.0"`), "omit-lockfile-registry-resolved"},
		{"a link", "a.package-lock.json", edit(good, `{"version": "2.0.0"`, `{"link": true, "version": "2.0.0"`), "no package of a registry"},
		{"a way out", "a.package-lock.json", edit(good, `"node_modules/q"`, `"node_modules/../../q"`), "no package of a registry"},
		{"no requirements", "b.requirements.txt", "", "pins nothing"},
		{"requirements of another version", "b.requirements.txt", edit(requirements, "==1.0", "==1.1"), `it pins Some_Package to "1.1"`},
		{"no hash", "b.requirements.txt", "a==1\n" + requirements, "b.requirements.txt:1:1: a line must be"},
		{"no version", "b.requirements.txt", requirements + "a>=1 --hash=sha256:" + hex256, "b.requirements.txt:7:1: a line must be"},
		{"an option", "b.requirements.txt", requirements + "--index-url https://evil.example/\n", "b.requirements.txt:7:1: a line must be"},
		{"an address", "b.requirements.txt", requirements + "a @ https://evil.example/a.whl --hash=sha256:" + hex256, "a line must be"},
		{"two versions", "b.requirements.txt", requirements + "Other==3 --hash=sha256:" + hex256, "other is pinned to 2.0 and to 3"},
		{"stray", "c.package-lock.json", good, `there is no entry "c" with a step that needs it`},
		{"not its kind", "b.package-lock.json", good, `there is no entry "b" with a step that needs it`},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{
				"node.yaml": toolX, "py.yaml": toolX,
				"a.yaml": npmTree, "a.lock.json": `{"schema": 1, "entry": "a", "version": "1.0.0"}`, "a.package-lock.json": good,
				"b.yaml": pypiTree, "b.lock.json": `{"schema": 1, "entry": "b", "version": "1.0"}`, "b.requirements.txt": requirements,
			}
			if c.file == "" {
				delete(files, "a.package-lock.json")
			} else {
				files[c.file] = c.text
			}
			_, err := load(t, files)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestStepErrors(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"npm without required file", "install: [{npm: {package: p}}]", `needs "require"`},
		{"npm that requires nothing", "install: [{npm: {package: p, require: []}}]", "npm succeeds without the program"},
		{"npm package", "install: [{npm: {package: \"p q\", require: [x]}}]", `"p q" is not the name of an npm package`},
		{"two trees", "install: [{npm: {package: p, require: [x]}}, {npm: {package: q, require: [x]}}]", "an entry has one npm step"},
		{"pypi package", "depends_on: [a]\ninstall: [{pypi: {package: \"p;q\", python: a}}]", `"p;q" is not the name of a Python package`},
		{"an interpreter that does not stay", "install: [{pypi: {package: p, python: x}}]", "add depends_on: [x]"},
		{"no Node", "install: [{npm: {package: p, require: [x]}}]", `needs "node", which is not an entry`},
		{"packages with a probe", "install: [{apt: {packages: [p]}}]\nprobe: {run: [p]}", "a.yaml:2:1: packages go into l0"},
		{"a circle of needs", "needs: [b]\n" + links, "in a circle: a → b → a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, map[string]string{"a.yaml": c.text, "b.yaml": "depends_on: [a]\ncommands: {y: /usr/bin/y}\n"})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestTreeFilesNeedNoLockYet(t *testing.T) {
	r := mustLoad(t, map[string]string{"node.yaml": toolX, "a.yaml": npmTree})
	e, _ := r.Lookup("a")
	if got := strings.Join(e.TreeFiles(), " "); got != "agents/a.package-lock.json" {
		t.Errorf("got %s", got)
	}
	if _, err := e.Resolve("linux/amd64"); err == nil || !strings.Contains(err.Error(), "a is not locked") {
		t.Errorf("got %v", err)
	}
}

func TestVersionWithBuild(t *testing.T) {
	entry := "install: [{download: {source: url, url: \"https://a.example/{{.Build}}/{{.Core}}%2B{{.Build}}\", unpack: {format: tar}}}]\nplatforms: [linux/amd64]\n"
	lock := lockOf("3.14.8+2026", `{"platform": "linux/amd64", "source": "https://a.example/2026/3.14.8%2B2026", "sha256": "`+hex256+`"}`)
	e, _ := mustLoad(t, map[string]string{"a.yaml": entry, "a.lock.json": lock}).Lookup("a")
	if got, err := e.Resolve("linux/amd64"); err != nil || len(got.Artefacts) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	if e.Lock.Unseen() {
		t.Error("a lock without a word is taken for unseen")
	}
	unseen := roster.Lock{From: roster.FromRecord}
	if !unseen.Unseen() {
		t.Error("a public record is taken for seen")
	}
}
