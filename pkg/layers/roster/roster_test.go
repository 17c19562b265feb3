package roster_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/terok-ai/terok-agent/pkg/layers/roster"
)

// load reads a roster made of these files; names without a directory lie in
// agents.
func load(t *testing.T, files map[string]string) (*roster.Roster, error) {
	t.Helper()
	fsys := fstest.MapFS{"agents/README.md": &fstest.MapFile{Data: []byte("not an entry")}}
	for name, text := range files {
		if !strings.Contains(name, "/") {
			name = "agents/" + name
		}
		fsys[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return roster.Load(fsys, "agents")
}

func mustLoad(t *testing.T, files map[string]string) *roster.Roster {
	t.Helper()
	r, err := load(t, files)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const links = "commands: {x: /usr/bin/x}\n"

func TestLoadErrors(t *testing.T) {
	npm := "install:\n  - download: {source: npm, track: a, "
	url := "install:\n  - download: {source: url, url: \"https://a.example/x\", "
	for _, c := range []struct{ name, text, want string }{
		{"unknown key", "commands: {x: y}\n\ninstal: []", `a.yaml:3:1: unknown key "instal" (did you mean "install"?)`},
		{"unknown key inside", npm + "trakc: b}", `a.yaml:2:39: unknown key "trakc" (did you mean "track"?)`},
		{"key twice", links + "env: {}\nenv: {}", "a.yaml:3:1: "},
		{"key twice, once in quotes", links + "env: {A: b, \"A\": c}", "a.yaml:2:"},
		{"syntax", "commands: {x", "a.yaml:1:"},
		{"tab", "commands:\n\tx: y", "a.yaml:2:"},
		{"empty", "# nothing\n", "a.yaml:1:1: the file is empty"},
		{"two documents", links + "---\n" + links, "a.yaml:3:1: the file holds more than one document"},
		{"a list", "- a", "a.yaml:1:1: the file must be a mapping"},
		{"text", "hello", "a.yaml:1:1: the file must be a mapping"},
		{"nothing to install", "label: x", `entry "a" puts nothing into an image`},
		{"kind", links + "kind: tol", `a.yaml:2:1: "kind" cannot be "tol" (did you mean "tool"?)`},
		{"number", links + "env: {A: 1}", `a.yaml:2:7: "env.A" must be text (put it in quotes)`},
		{"null", links + "env: {A: }", `a.yaml:2:7: "env.A" must be text`},
		{"boolean", links + "default: yes", `a.yaml:2:1: "default" must be true or false`},
		{"anchor", "commands: &a {x: y}", "a.yaml:1:1: anchors"},
		{"alias", "label: &a b\nenv: {A: *a}", "a.yaml:1:1: anchors"},
		{"tag", "label: !!str b", "a.yaml:1:1: anchors"},
		{"variable", links + "env: {A-B: c}", `"A-B" is not the name of a variable`},
		{"a second line in a variable", links + "env: {A: \"b\\nRUN c\"}", `"env.A" must be one line`},
		{"command", "commands: {\"x y\": z}", `"x y" is not the name of a command`},
		{"command that leaves", "commands: {x: ../y}", `a.yaml:1:12: command "x"`},
		{"command with a shell's letters", "commands: {x: \"y;z\"}", `a.yaml:1:12: command "x"`},
		{"link", "links: {a: b}", `a.yaml:1:9: link "a"`},
		{"path twice", links + "links: {/usr/local/bin/x: /y}", `a.yaml:2:9: "/usr/local/bin/x" is written twice`},
		{"mode", "files: [{put: f, to: /f, mode: \"999\"}]", "is not a file's mode"},
		{"missing file", "files:\n  - {put: f, to: /f}", `a.yaml:2:5: there is no file "scripts/agents/a/f"`},
		{"file that leaves", "files: [{put: ../f, to: /f}]", "is not a clean relative path"},
		{"relative target", "files: [{put: g, to: f}]", "must be an absolute path"},
		{"family", links + "families: [debian]", `"families" cannot be "debian" (did you mean "deb"?)`},
		{"no family", links + "families: []", `"families" is empty`},
		{"platform", links + "platforms: [linux/arm]", `did you mean "linux/arm64"?`},
		{"section", links + "help: {section: tools}", `"help.section" cannot be "tools"`},
		{"probe", links + "probe: {run: []}", `"probe.run" needs a command`},
		{"dependency", links + "depends_on: [c]", `a.yaml:2:1: depends on "c", which is not an entry`},
		{"two kinds of step", "install:\n  - {npm: {package: x}, apt: {packages: [y]}}", "a step has exactly one kind"},
		{"source", "install: [{download: {source: git}}]", `unknown source "git"`},
		{"no source", "install:\n  - download: {track: x}", `"install[0].download" needs "source"`},
		{"npm with URL", npm + "url: \"https://a.example/\"}", "does not belong here"},
		{"npm package", npm + "package: \"a b\"}", "is not the name of an npm package"},
		{"npm version", npm + "version: \"1;2\"}", "is not a version"},
		{"URL", "install: [{download: {source: url, url: \"ftp://a.example/x\", unpack: {format: tar}}}]", "is not an http or https URL"},
		{"URL with a shell's letters", "install: [{download: {source: url, url: \"https://a.example/$(x)\", unpack: {format: tar}}}]", "is not an http or https URL"},
		{"unpinned http", "install: [{download: {source: url, unpinned: true, url: \"http://a.example/x\", unpack: {format: tar}}}]", "must be https"},
		{"format", url + "unpack: {format: rar}}", "needs a known unpack.format"},
		{"bare without name", url + "unpack: {format: bare}}", "needs unpack.as"},
		{"keep", url + "unpack: {format: tar, keep: [/x]}}", `"install[0].download.unpack.keep": "/x" is not a clean`},
		{"keep nothing", url + "unpack: {format: tar, keep: []}}", "is empty"},
		{"strip", url + "unpack: {format: tar, strip: -1}}", "must be a whole number"},
		{"architecture", url + "arch: {x64: y}, unpack: {format: tar}}", `unknown architecture "x64"`},
		{"package", "install: [{apt: {packages: [\"a;b\"]}}]", "is not the name of a package"},
		{"unknown variable", links + "env: {A: \"{{.Arhc}}\"}", `unknown variable "Arhc"`},
		{"template logic", links + "env: {A: \"{{range .X}}{{end}}\"}", "is not a variable"},
		{"template function", links + "env: {A: \"{{printf .Arch}}\"}", "is not a variable"},
		{"template syntax", links + "env: {A: \"{{\"}", "a.yaml:2:7: template"},
		{"too large", strings.Repeat("# x\n", 20000) + links, "the file is larger"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, map[string]string{"a.yaml": c.text})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q in it", err, c.want)
			}
			var e *roster.Error
			if !errors.As(err, &e) || e.File != "agents/a.yaml" {
				t.Errorf("got %#v, want an Error of agents/a.yaml", err)
			}
		})
	}
}

func TestLoadReportsEverything(t *testing.T) {
	_, err := load(t, map[string]string{
		"a.yaml": "kindd: tool\nlabel: 1\n", "b.yaml": "commands: [", "Bad.yaml": links, "c.yml": links,
		"d.yaml": links + "depends_on: e", "e.yaml": links + "depends_on: [f, d]", "f.yaml": links,
		"g.lock.json": "{}", "h.yaml": links, "h.lock.json": "[",
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"agents/a.yaml:1:1: unknown key", "agents/a.yaml:2:1: \"label\" must be text", "agents/b.yaml:1:", "agents/Bad.yaml: ",
		"agents/c.yml: ", "agents/d.yaml:2:1: entries depend on each other in a circle: d → e → d",
		"agents/g.lock.json: there is no entry \"g\"", "agents/h.lock.json:1:1: this is not JSON",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "circle"); n != 1 {
		t.Errorf("the circle is reported %d times", n)
	}
}

func TestLoadNoDirectory(t *testing.T) {
	if _, err := roster.Load(fstest.MapFS{}, "agents"); err == nil {
		t.Error("a missing directory is accepted")
	}
}

func TestFileModes(t *testing.T) {
	r := mustLoad(t, map[string]string{
		"a.yaml":             "files: [{put: s, to: /s}, {put: p, to: /p}, {put: s, to: /t, mode: \"0600\"}]",
		"scripts/agents/a/s": "#!/bin/sh\n", "scripts/agents/a/p": "text",
	})
	e, _ := r.Lookup("a")
	for i, want := range []int{0o755, 0o644, 0o600} {
		if int(e.Files[i].Mode) != want {
			t.Errorf("file %d has mode %o, want %o", i, e.Files[i].Mode, want)
		}
	}
}

func TestErrorf(t *testing.T) {
	e, _ := mustLoad(t, map[string]string{"a.yaml": links + "env:\n  A: b\n"}).Lookup("a")
	if got := e.Errorf("env.A", "no").Error(); got != "agents/a.yaml:3:3: no" {
		t.Errorf("got %q", got)
	}
}

func TestHelpLine(t *testing.T) {
	for label, want := range map[string]string{
		`\033[36mx\x1b[0m – é`: "\x1b[36mx\x1b[0m – é", `\1234`: "S4", `\7\08`: "\a\x008", `a\nb\\n\'\"`: "a\nb\\n'\"",
		`\u00e9\u20ac`: "é€", `\e \q \`: `\e \q \`, `\x1`: `\x1`, `\xzz`: `\xzz`, `\u12`: `\u12`, `\377`: "ÿ", ``: "",
	} {
		if got := (roster.Help{Label: label}).Line(); got != want {
			t.Errorf("%q is %q, want %q", label, got, want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("kind: tool\ninstall:\n  - download: {source: npm, track: a, unpack: {keep: [b]}}\n", `{"schema": 1}`)
	f.Add("commands: {x: &a [*a, !!t {? b : c}]}\n<<: *x", `{"schema": 1, "entry": "a", "version": "1", "artefacts": [{}]}`)
	f.Add("depends_on: a\nfiles: [{put: a, to: /b}]\nenv: {A: \"{{.Version}}\"}", "")
	f.Fuzz(func(t *testing.T, entry, lock string) {
		if len(entry)+len(lock) > 4096 {
			return
		}
		r, err := load(t, map[string]string{"a.yaml": entry, "a.lock.json": lock})
		if err != nil {
			if strings.Contains(err.Error(), "this is not YAML") {
				t.Logf("the parser stumbles over %q", entry)
			}
			return
		}
		e, _ := r.Lookup("a")
		for _, p := range e.Platforms {
			if res, err := e.Resolve(p); err == nil && len(res.Steps) != len(e.Install) {
				t.Errorf("%d of %d steps are left", len(res.Steps), len(e.Install))
			}
		}
		e.Help.Line()
	})
}
