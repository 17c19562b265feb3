package roster_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/roster"
)

// upstream is a roster with the shape of the published one.
func upstream(t *testing.T) *roster.Roster {
	t.Helper()
	files := map[string]string{
		"toad.yaml": links + "kind: runtime\ndepends_on: caddy", "claude-acp.yaml": links + "depends_on: [claude]",
		"coderabbit.yaml": links + "kind: tool\ndefault: false\nsidecar: {env_map: {CODERABBIT_API_KEY: key}}",
	}
	for _, name := range strings.Fields("caddy claude codex gh opencode") {
		files[name+".yaml"] = links
	}
	for _, name := range strings.Fields("blablador kisski") {
		files[name+".yaml"] = links + "kind: opencode\ndepends_on: [opencode]"
	}
	return mustLoad(t, files)
}

func TestSelect(t *testing.T) {
	r := upstream(t)
	all := "blablador caddy claude claude-acp codex gh kisski opencode toad"
	for sel, want := range map[string]string{
		"claude":                "claude",
		"toad":                  "caddy toad",
		" Claude , CODEX,codex": "claude codex",
		"blablador":             "blablador opencode",
		"kisski,toad":           "caddy kisski opencode toad",
		"all":                   all, "": all, " \t": all, ",": all, " , ,": all, "ALL": all,
		"all,coderabbit":          "blablador caddy claude claude-acp coderabbit codex gh kisski opencode toad",
		"coderabbit":              "coderabbit",
		"all,-codex":              strings.Replace(all, "codex ", "", 1),
		"-codex":                  strings.Replace(all, "codex ", "", 1),
		"all,-toad,-caddy, - gh ": "blablador claude claude-acp codex kisski opencode",
		"codex,-codex":            "",
		"-codex,codex,gh":         "gh",
	} {
		got, err := r.Select(sel)
		if err != nil || strings.Join(got, " ") != want || got == nil {
			t.Errorf("Select(%q) = %q, %v, want %q", sel, got, err, want)
		}
	}
}

func TestSelectUnknown(t *testing.T) {
	r := upstream(t)
	_, err := r.Select("claud,nonsense,-codx,claud")
	var e *roster.SelectionError
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a SelectionError", err)
	}
	if !reflect.DeepEqual(e.Wanted, []string{"claud", "nonsense", "codx"}) || !reflect.DeepEqual(e.Available, r.Names()) {
		t.Errorf("got %+v", e)
	}
	want := `unknown agent "claud" (did you mean "claude"?), "nonsense", "codx" (did you mean "codex"?)`
	if err.Error() != want || !strings.Contains(e.Hint(), "claude-acp, coderabbit") {
		t.Errorf("got %q, hint %q", err, e.Hint())
	}
}

func TestSelectExcluded(t *testing.T) {
	r := upstream(t)
	_, err := r.Select("all,-caddy")
	var e *roster.ExcludedError
	if !errors.As(err, &e) || e.Name != "caddy" || e.NeededBy != "toad" {
		t.Errorf("got %v, want caddy needed by toad", err)
	}
}

func TestExpandNothing(t *testing.T) {
	got, err := upstream(t).Expand(nil)
	if err != nil || got == nil || len(got) != 0 {
		t.Errorf("got %v, %v, want an empty list that is not nil", got, err)
	}
}

func TestPart(t *testing.T) {
	for kind, want := range map[roster.Kind]string{
		roster.Native: "agent", roster.Adapter: "agent", roster.OpenCode: "agent", roster.Bridge: "agent",
		roster.Tool: "tool", roster.Runtime: "tool",
	} {
		if got := (roster.Entry{Kind: kind}).Part(); got != want {
			t.Errorf("an entry of kind %s is a part %q", kind, got)
		}
	}
}
