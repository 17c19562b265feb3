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
			if len(got.Unpinned) > 0 || got.Version == "" || len(got.Artefacts) == 0 {
				t.Errorf("%s on %s is not locked: %+v", name, platform, got)
			}
			if got.Probe == nil || got.Probe.Expect != got.Version {
				t.Errorf("%s: probe %+v, want it to expect %s", name, got.Probe, got.Version)
			}
		}
		line := e.Help.Line()
		if !strings.HasPrefix(line, "  \x1b[36m"+name+"\x1b[0m ") {
			t.Errorf("%s: help line %q does not begin with the name in cyan", name, line)
		}
		bare := strings.NewReplacer("\x1b[36m", "", "\x1b[0m", "").Replace(line)
		if at := strings.Index(bare, "– "); at != 13 {
			t.Errorf("%s: the dash of %q is in column %d, not 14", name, bare, at+1)
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
	if err != nil || strings.Join(got, " ") != "claude codex copilot opencode" {
		t.Errorf("all is %v, %v", got, err)
	}
}
