package build_test

import (
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/build/buildtest"
)

// fromIndex are the entries that make test-long installs from an index on
// loopback.
var fromIndex = []string{"toad", "vibe"}

// Entries that are Python packages are built as they are, with stand-ins for all
// that their requirements pin, on a real Debian: its interpreter runs them, from
// where the vendor's would be.
func TestPythonOnLoopback(t *testing.T) {
	if os.Getenv("TEROK_LONG") == "" {
		return // installs Debian packages
	}
	p := newDebianProject(t)
	p.fetchWithPip(t)
	mirrors := slices.Concat(p.Vendor(t, "caddy"), p.PythonOfBase(t), p.Index(t, map[string]buildtest.App{
		"toad": {Module: "toad", Commands: []string{"toad"}, Files: map[string]string{
			"toad/data/agents/claude.com.toml": "run_command.\"*\" = \"claude-code-acp\"\n",
		}},
		"vibe": {Module: "vibe", Commands: []string{"vibe", "vibe-acp"}},
	}))
	p.agents = strings.Join(fromIndex, ",")
	onLoopback := func(_ *build.Spec, o *build.Options) { o.Mirrors, o.Network = mirrors, "host" }

	anyio := regexp.MustCompile(`(?m)^anyio==(\S+)`).FindStringSubmatch(p.Read(t, "agents/vibe.requirements.txt"))
	wheel := "/files/anyio-" + anyio[1] + "-py3-none-any.whl"
	p.Registry.Flip(t, wheel)
	_, err := p.tryApply(onLoopback, targets("agent/vibe"))
	if err == nil {
		t.Fatal("it was built with another wheel")
	}
	tail := strings.Join(asError(t, err).Tail, "\n")
	for _, want := range []string{"vibe: checksum mismatch: ", anyio[0] + " from http", "Expected sha256"} {
		if !strings.Contains(tail, want) {
			t.Errorf("a flipped byte: the log does not say %q:\n%s", want, tail)
		}
	}
	p.Registry.Flip(t, wheel)

	p.apply(t, onLoopback)
	p.upToDate(t, onLoopback)
	made := p.plan(t, onLoopback)
	l1, _ := made.Step("l1")
	for _, name := range fromIndex {
		want := pinnedIn(p.Read(t, "agents/"+name+".requirements.txt"))
		got := p.run(t, l1.Tags[0], "/opt/terok/agents/"+name+"/bin/python", "-c",
			"import importlib.metadata as m\nfor d in m.distributions(): print(d.name + '==' + d.version)")
		have := strings.Fields(got)
		slices.Sort(have)
		if !slices.Equal(have, want) {
			t.Errorf("%s: installed\n%v\npinned\n%v", name, have, want)
		}
	}
	version := func(name string) string {
		return regexp.MustCompile(`"version": "(.*?)"`).FindStringSubmatch(p.Read(t, "agents/"+name+".lock.json"))[1]
	}
	got := p.run(t, l1.Tags[0], "bash", "-euc", `id -un; toad --version; vibe --version; vibe-acp --version; python3.14 --version
		grep -h run_command /opt/terok/agents/toad/lib/python*/site-packages/toad/data/agents/claude.com.toml
		/opt/terok/agents/toad/bin/python -c 'import hatchling' 2>&1 || :
		readlink -f /opt/terok/agents/vibe/bin/python; ls ~/.config/toad`)
	for _, want := range []string{
		"dev\ntoad " + version("toad") + "\nvibe " + version("vibe") + "\nvibe-acp " + version("vibe") + "\nPython 3.14.",
		`run_command."*" = "terok-claude-acp"`, "No module named 'hatchling'", "/opt/terok/agents/python314/bin/python3.14\ntoad.json",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("in l1: no %q in\n%s", want, got)
		}
	}
}

// pinnedIn are the packages that requirements pin for this platform, sorted.
func pinnedIn(text string) []string {
	var out []string
	for _, line := range strings.Split(text, "\n") {
		pin, rest, _ := strings.Cut(line, " ")
		if strings.Contains(pin, "==") && (runtime.GOARCH != "arm64" || !strings.Contains(rest, "!= 'aarch64'")) {
			out = append(out, pin)
		}
	}
	slices.Sort(out)
	return out
}
