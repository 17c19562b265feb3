package roster_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/roster"
)

// schema is as much of JSON Schema as the published one needs here.
type schema struct {
	Properties map[string]schema `json:"properties"`
	Items      *schema           `json:"items"`
	Ref        string            `json:"$ref"`
	Defs       map[string]schema `json:"$defs"`
	Enum       []string          `json:"enum"`
}

func published(t *testing.T) schema {
	t.Helper()
	text, err := os.ReadFile("../../../docs/schema/agent.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSchemaKeys holds that Load knows every key of the published schema, by
// asking it about each; the numbers make an added key an added line here.
func TestSchemaKeys(t *testing.T) {
	s := published(t)
	inStep := func(kind string) func(string) string {
		return func(key string) string { return fmt.Sprintf("install: [{%s: {%s: []}}]", kind, key) }
	}
	in := func(outer string) func(string) string {
		return func(key string) string { return fmt.Sprintf("%s: {%s: []}", outer, key) }
	}
	step := s.Defs["step"]
	for _, c := range []struct {
		name string
		keys schema
		file func(key string) string
		want int
	}{
		{"entry", s, func(key string) string { return key + ": []" }, 17},
		{"step", step, func(key string) string { return fmt.Sprintf("install: [{%s: []}]", key) }, 6},
		{"download", s.Defs["download"], inStep("download"), 11},
		{"unpack", s.Defs["unpack"], func(key string) string { return fmt.Sprintf("install: [{download: {unpack: {%s: []}}}]", key) }, 5},
		{"npm", step.Properties["npm"], inStep("npm"), 4},
		{"pypi", step.Properties["pypi"], inStep("pypi"), 4},
		{"packages", s.Defs["packages"], inStep("apt"), 1},
		{"script", step.Properties["script"], inStep("script"), 2},
		{"files", *s.Properties["files"].Items, func(key string) string { return fmt.Sprintf("files: [{%s: []}]", key) }, 3},
		{"prepare", s.Properties["prepare"], in("prepare"), 2},
		{"probe", s.Properties["probe"], in("probe"), 2},
		{"help", s.Properties["help"], in("help"), 2},
		{"sidecar", s.Properties["sidecar"], in("sidecar"), 1},
		{"state", s.Properties["state"], in("state"), 2},
	} {
		if len(c.keys.Properties) != c.want {
			t.Errorf("%s has %d keys, want %d", c.name, len(c.keys.Properties), c.want)
		}
		for key := range c.keys.Properties {
			if _, err := load(t, map[string]string{"a.yaml": c.file(key)}); err != nil && strings.Contains(err.Error(), "unknown key") {
				t.Errorf("%s: Load does not know %q", c.name, key)
			}
		}
		_, err := load(t, map[string]string{"a.yaml": c.file("nonsense")})
		var e *roster.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), `unknown key "nonsense"`) {
			t.Errorf("%s: the check does not reach its keys: %v", c.name, err)
		}
	}
}

func TestSchemaWords(t *testing.T) {
	s := published(t)
	for _, kind := range s.Properties["kind"].Enum {
		mustLoad(t, map[string]string{"a.yaml": links + "kind: " + kind})
	}
	for _, format := range s.Defs["unpack"].Properties["format"].Enum {
		as := ""
		if format == "bare" {
			as = ", as: a"
		}
		mustLoad(t, map[string]string{"a.yaml": "install: [{download: {source: url, url: \"https://a.example/\", unpack: {format: " + format + as + "}}}]"})
	}
}
