package docs_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/roster"
	"github.com/terok-ai/terok-agent/resources"
)

var updateDocs = flag.Bool("update", false, "rewrite the table of docs/agents.md")

// sizes are those of parts that were built, with the version that was.
var sizes = map[string]struct{ version, size string }{
	"ast-grep":   {"0.51.1", "57 MB"},
	"claude":     {"2.1.330", "381 MB"},
	"claude-acp": {"0.101.0", "83 MB"},
	"codex":      {"0.169.0", "423 MB"},
	"codex-acp":  {"2.6.0", "23 MB"},
	"copilot":    {"1.0.102", "442 MB"},
	"gemini":     {"0.61.0", "101 MB"},
	"opencode":   {"1.18.18", "184 MB"},
	"pi":         {"0.87.1", "155 MB"},
	"qwen":       {"0.24.4", "129 MB"},
}

// TestAgentsTable holds that the table of agents.md is what the entries, their
// locks and the tests say.
func TestAgentsTable(t *testing.T) {
	const begin, end = "<!-- table -->\n", "<!-- end -->"
	doc := read(t, "agents.md")
	before, rest, _ := strings.Cut(doc, begin)
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		t.Fatal("agents.md has no place for the table")
	}
	want := before + begin + table(t) + end + after
	if *updateDocs && want != doc {
		if err := os.WriteFile("agents.md", []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != doc {
		t.Error("the table of agents.md is not up to date: go test ./docs -run Agents -update")
	}
}

func table(t *testing.T) string {
	t.Helper()
	r, err := layers.LoadRoster(resources.FS)
	if err != nil {
		t.Fatal(err)
	}
	seen := installed(t, r)
	var b strings.Builder
	b.WriteString("| entry | is | installed by | version | pinned by | depends on | in `all` | tested by | size |\n|---|---|---|---|---|---|---|---|--:|\n")
	for _, name := range r.Names() {
		e, _ := r.Lookup(name)
		version, pinned := "", ""
		if e.Lock != nil {
			version, pinned = e.Lock.Version, strings.ReplaceAll(e.Lock.From, "public-record", "public record")
		}
		if seen[name] == "" {
			t.Errorf("no test installs %s", name)
		}
		in := ""
		if e.Default {
			in = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s | %s | %s |\n", name, e.Label, how(e), version, pinned, strings.Join(e.DependsOn, ", "), in, seen[name], size(e))
	}
	return b.String()
}

func how(e roster.Entry) string {
	var out []string
	for _, s := range e.Install {
		switch {
		case s.Npm != nil:
			out = append(out, "npm tree")
		case s.Pypi != nil:
			out = append(out, "Python environment")
		case s.Download != nil:
			kind := string(s.Download.Source)
			if format := s.Download.Unpack.Format; format != kind {
				kind += ", " + format
			}
			out = append(out, "program ("+kind+")")
		default:
			out = append(out, s.Kind())
		}
	}
	if len(out) == 0 {
		return "links"
	}
	return strings.Join(out, " + ")
}

func size(e roster.Entry) string {
	s, ok := sizes[e.Name]
	if ok && e.Lock != nil && s.version != e.Lock.Version {
		return s.size + " (" + s.version + ")"
	}
	return s.size
}

// installed reads, out of the tests that install entries, which ones those are.
func installed(t *testing.T, r *roster.Roster) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range names(t, "../pkg/build/vendors_test.go", `names = (\[\]string\{.*\})`) {
		out[name] = "loopback"
	}
	for _, name := range names(t, "../pkg/build/vendors_test.go", `append\(names, (".*?")\)`) {
		out[name] = "loopback"
	}
	for _, name := range names(t, "../pkg/build/python_test.go", `fromIndex = (\[\]string\{.*\})`) {
		out[name] = "loopback"
	}
	fetched, err := r.Expand(names(t, "../pkg/build/install_test.go", `fromRegistry = (\[\]string\{.*\})`))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range fetched {
		if e, _ := r.Lookup(name); !e.Lock.Unseen() {
			out[name] = "real"
		}
	}
	return out
}

var quoted = regexp.MustCompile(`"([a-z0-9-]+)"`)

func names(t *testing.T, file, pattern string) []string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(read(t, file))
	if m == nil {
		t.Fatalf("%s has no %s", file, pattern)
	}
	var out []string
	for _, q := range quoted.FindAllStringSubmatch(m[1], -1) {
		out = append(out, q[1])
	}
	if len(out) == 0 {
		t.Fatalf("%s: nothing in %s", file, m[0])
	}
	slices.Sort(out)
	return out
}
