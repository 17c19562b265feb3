package roster_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/roster"
)

var (
	hex256 = strings.Repeat("ab", 32)
	hex512 = strings.Repeat("cd", 64)
)

// lockOf is a lock of entry a with these artefacts.
func lockOf(version string, artefacts ...string) string {
	return `{"schema": 1, "entry": "a", "version": "` + version + `", "artefacts": [` + "\n" + strings.Join(artefacts, ",\n") + "]}"
}

func pin(platform, source string) string {
	return `{"platform": "` + platform + `", "source": "` + source + `", "sha512": "` + hex512 + `"}`
}

const steps = `
kind: tool
install:
  - download:
      source: github
      track: o/r
      url: "https://git.example/{{.Track}}/v{{.Version}}/a_{{.Arch}}_{{.GnuArch}}.tar.gz"
      arch: {arm64: arm}
      unpack: {format: tar.gz, strip: 2, keep: ["bin/{{.NodeArch}}"], into: lib}
  - download: {source: npm, track: "@s/p", version: "{{.Version}}-{{.NodeArch}}"}
commands: {z: bin/z, b: "lib/{{.Arch}}/b"}
links: {/etc/a: "{{.Prefix}}/etc"}
env: {HOME_OF_A: "{{.Prefix}}", PLAIN: x}
prepare: {run: [b, "--v={{.Version}}"], env: {P: "{{.Prefix}}/p"}}
probe: {run: [b]}
`

func resolve(t *testing.T, entry, lock, platform string) (roster.Resolved, error) {
	t.Helper()
	files := map[string]string{"a.yaml": entry}
	if lock != "" {
		files["a.lock.json"] = lock
	}
	e, _ := mustLoad(t, files).Lookup("a")
	return e.Resolve(platform)
}

func TestResolve(t *testing.T) {
	lock := lockOf("1.2", pin("linux/amd64", "https://git.example/o/r/v1.2/a_amd64_x86_64.tar.gz"),
		pin("linux/arm64", "https://git.example/o/r/v1.2/a_arm_aarch64.tar.gz"),
		pin("linux/amd64", "pkg:npm/%40s/p@1.2-x64"), pin("linux/arm64", "pkg:npm/%40s/p@1.2-arm64"))
	got, err := resolve(t, steps, lock, "linux/arm64")
	if err != nil {
		t.Fatal(err)
	}
	artefacts := []roster.Artefact{
		{
			Source: "https://git.example/o/r/v1.2/a_arm_aarch64.tar.gz", Digest: "sha512:" + hex512,
			Format: "tar.gz", Strip: 2, Keep: []string{"bin/arm64"}, Into: "/opt/terok/agents/a/lib",
		},
		{Source: "pkg:npm/%40s/p@1.2-arm64", Digest: "sha512:" + hex512, Format: "npm", Strip: 1, Into: "/opt/terok/agents/a"},
	}
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"artefacts", got.Artefacts, artefacts},
		{"version", got.Version, "1.2"},
		{"commands", got.Commands, []roster.Command{{Name: "b", Target: "/opt/terok/agents/a/lib/arm64/b"}, {Name: "z", Target: "/opt/terok/agents/a/bin/z"}}},
		{"links", got.Links, []roster.Link{{Path: "/etc/a", Target: "/opt/terok/agents/a/etc"}}},
		{"env", got.Env, map[string]string{"HOME_OF_A": "/opt/terok/agents/a", "PLAIN": "x"}},
		{"prepare", got.Prepare.Run, []string{"b", "--v=1.2"}},
		{"prepare env", got.Prepare.Env, map[string]string{"P": "/opt/terok/agents/a/p"}},
		{"probe", got.Probe.Expect, "1.2"},
		{"unpinned", got.Unpinned, []string(nil)},
		{"steps", len(got.Steps), 2},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: got %+v, want %+v", c.what, c.got, c.want)
		}
	}
}

const npmOnly = "platforms: [linux/amd64]\ninstall: [{download: {source: npm, track: p}}]\n"

func TestResolveWithoutLock(t *testing.T) {
	_, err := resolve(t, npmOnly, "", "linux/amd64")
	var e *roster.LockError
	if !errors.As(err, &e) || !errors.Is(err, roster.ErrNoLock) {
		t.Fatalf("got %v, want a LockError", err)
	}
	if e.File != "agents/a.lock.json" || !strings.Contains(e.Hint(), "agents update a") {
		t.Errorf("got %v, hint %q", e, e.Hint())
	}
}

func TestResolveForeignPlatform(t *testing.T) {
	_, err := resolve(t, npmOnly, "", "linux/arm64")
	if err == nil || !strings.HasPrefix(err.Error(), "agents/a.yaml:1:1: ") || !strings.Contains(err.Error(), "linux/amd64") {
		t.Errorf("got %v", err)
	}
}

func TestUnpinned(t *testing.T) {
	entry := `
install:
  - download: {source: url, url: "https://a.example/{{.Arch}}", unpinned: true, unpack: {format: bare, as: a}}
  - script: {run: "make"}
  - apt: {packages: [b, c]}
`
	got, err := resolve(t, entry, "", "linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"download https://a.example/amd64", "script", "apt b c"}
	if !reflect.DeepEqual(got.Unpinned, want) {
		t.Errorf("got %q, want %q", got.Unpinned, want)
	}
	if got.Steps[1].Step.Script.Shell != "/bin/sh" || got.Steps[1].Artefact != nil || got.Artefacts[0].Digest != "" {
		t.Errorf("got %+v", got.Steps)
	}
}

func TestUnpinnedVersionNeedsLock(t *testing.T) {
	entry := "install:\n  - download:\n      source: url\n      unpinned: true\n      url: \"https://a.example/{{.Version}}\"\n      unpack: {format: tar}\n"
	_, err := resolve(t, entry, "", "linux/amd64")
	if err == nil || err.Error() != `agents/a.yaml:5:7: template "https://a.example/{{.Version}}": there is no Version here` {
		t.Errorf("got %v", err)
	}
}

func TestLockErrors(t *testing.T) {
	good := pin("linux/amd64", "pkg:npm/p@1")
	for _, c := range []struct{ name, lock, want string }{
		{"syntax", "{\n  \"schema\": 1,}", "agents/a.lock.json:2:"},
		{"YAML", "schema: 1", "is not JSON"},
		{"unknown schema", `{"schema": 2}`, "schema 2 is not known"},
		{"unknown key", strings.Replace(lockOf("1", good), `"version"`, `"verson": "1", "version"`, 1), `unknown key "verson" (did you mean "version"?)`},
		{"foreign", strings.Replace(lockOf("1", good), `"a"`, `"b"`, 1), `the lock is for "b"`},
		{"version", lockOf("1 2", good), "is not a version"},
		{"missing version", `{"schema": 1, "entry": "a", "artefacts": []}`, `the file needs "version"`},
		{"no digest", lockOf("1", `{"platform": "linux/amd64", "source": "pkg:npm/p@1"}`), `agents/a.lock.json:2:1: "artefacts[0]" needs "sha512" or "sha256"`},
		{"short digest", lockOf("1", strings.Replace(good, hex512, hex512[2:], 1)), "is not a sha512"},
		{"long digest", lockOf("1", strings.Replace(good, hex512, strings.Repeat("QUJD", 32), 1)), "is not a sha512"},
		{"platform", lockOf("1", pin("linux/x64", "pkg:npm/p@1")), `cannot be "linux/x64"`},
		{"nothing for the platform", lockOf("1"), "a 1 is not locked for linux/amd64"},
		{"another version", lockOf("2", good), "a needs pkg:npm/p@2 for linux/amd64, but the lock has pkg:npm/p@1"},
		{"unused", lockOf("1", good, pin("linux/amd64", "pkg:npm/q@1")), "agents/a.lock.json:3:1: no step of a downloads pkg:npm/q@1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, map[string]string{"a.yaml": npmOnly, "a.lock.json": c.lock})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestLockDigests(t *testing.T) {
	lock := lockOf("1", `{"platform": "linux/amd64", "source": "pkg:npm/p@1", "sha256": "`+hex256+`", "size": 12, "tofu": true}`)
	files := map[string]string{"a.yaml": npmOnly, "a.lock.json": lock}
	e, _ := mustLoad(t, files).Lookup("a")
	a := e.Lock.Artefacts[0]
	if a.Digest != "sha256:"+hex256 || a.Size != 12 || !a.OnTrust {
		t.Errorf("got %+v", a)
	}
}

func TestSameSourceOfTwoPlatforms(t *testing.T) {
	entry := "install: [{download: {source: npm, track: p}}]\n"
	_, err := load(t, map[string]string{"a.yaml": entry, "a.lock.json": lockOf("1", pin("linux/amd64", "pkg:npm/p@1"))})
	if err == nil || !strings.Contains(err.Error(), "a 1 is not locked for linux/arm64") {
		t.Errorf("got %v, want arm64 to be missing", err)
	}
}
