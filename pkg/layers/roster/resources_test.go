package roster_test

import (
	"encoding/base64"
	"encoding/hex"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/roster"
)

func embedded(t *testing.T) *roster.Roster {
	t.Helper()
	r, err := roster.Load(os.DirFS("../../../resources"), "agents")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Every entry resolves on every platform, pinned in all it installs, and says
// its version.
func TestEmbeddedEntries(t *testing.T) {
	r := embedded(t)
	for _, name := range r.Names() {
		e, _ := r.Lookup(name)
		for _, platform := range roster.AllPlatforms() {
			got, err := e.Resolve(platform)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if len(got.Unpinned) > 0 {
				t.Errorf("%s on %s is not pinned: %v", name, platform, got.Unpinned)
			}
			if len(e.Install) == 0 {
				continue
			}
			if got.Version == "" || len(got.Artefacts) == 0 && got.Steps[0].Tree == nil {
				t.Errorf("%s on %s is not locked: %+v", name, platform, got)
			}
			if got.Probe == nil || got.Probe.Expect != got.Version {
				t.Errorf("%s: probe %+v, want it to expect %s", name, got.Probe, got.Version)
			}
		}
	}
}

// Help lines look alike; a long name moves its dash.
func TestEmbeddedHelp(t *testing.T) {
	r := embedded(t)
	for _, name := range r.Names() {
		e, _ := r.Lookup(name)
		line := e.Help.Line()
		if line == "" {
			continue
		}
		if !strings.HasPrefix(line, "  \x1b[36m"+name) {
			t.Errorf("%s: help line %q does not begin with the name in cyan", name, line)
		}
		bare := strings.NewReplacer("\x1b[36m", "", "\x1b[0m", "").Replace(line)
		at := strings.Index(bare, "– ")
		if word := len("  ") + len(strings.Fields(bare)[0]); at != max(13, word+1) {
			t.Errorf("%s: the dash of %q is in column %d", name, bare, at+1)
		}
	}
}

// What "all" means has been built from the bytes that its locks pin, together
// with all that it stands on.
func TestEmbeddedDefaultsAreSeen(t *testing.T) {
	r := embedded(t)
	names, err := r.Select("all")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		e, _ := r.Lookup(name)
		for _, n := range append([]string{name}, e.Needs...) {
			if e, _ := r.Lookup(n); e.Lock.Unseen() {
				t.Errorf("all holds %s, and the lock of %s is only a public record", name, n)
			}
		}
	}
}

func TestEmbeddedCodex(t *testing.T) {
	e, _ := embedded(t).Lookup("codex")
	got, err := e.Resolve("linux/arm64")
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := base64.StdEncoding.DecodeString("NZ/DaQUpcQmxmqee7Z9uC1rzw3GhSbooawcaTe1LN5Yk+WlinUKGdTXJgClRT/9ogQEEM9TWxYzvxPfj5G/xFg==")
	want := []roster.Artefact{{
		Source: "pkg:npm/%40openai/codex@0.169.0-linux-arm64", Digest: "sha512:" + hex.EncodeToString(raw),
		Format: "npm", Strip: 1, Keep: []string{"vendor/aarch64-unknown-linux-musl"}, Into: "/opt/terok/agents/codex",
	}}
	if !reflect.DeepEqual(got.Artefacts, want) {
		t.Errorf("got %+v, want %+v", got.Artefacts, want)
	}
	command := roster.Command{Name: "codex", Target: "/opt/terok/agents/codex/vendor/aarch64-unknown-linux-musl/bin/codex"}
	if len(got.Commands) != 1 || got.Commands[0] != command {
		t.Errorf("got commands %v", got.Commands)
	}
	f := got.Files[0]
	if f.Source != "scripts/agents/codex/config.toml" || f.To != "/etc/codex/config.toml" || f.Mode != 0o644 {
		t.Errorf("got file %+v", f)
	}
}

func TestEmbeddedSelection(t *testing.T) {
	got, err := embedded(t).Select("all")
	if err != nil || strings.Join(got, " ") != "blablador claude codex copilot kisski opencode openrouter" {
		t.Errorf("all is %v, %v", got, err)
	}
}
