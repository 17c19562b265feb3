package roster_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/roster"
	"github.com/terok-ai/terok-agent/pkg/layers/yamlfile/schematest"
)

// TestSchemaKeys holds that Load knows every key of the published schema, by
// asking it about each; the numbers make an added key an added line here.
func TestSchemaKeys(t *testing.T) {
	s := schematest.Read(t, "agent")
	inStep := func(kind string) func(string) string {
		return func(key string) string { return fmt.Sprintf("install: [{%s: {%s: []}}]", kind, key) }
	}
	in := func(outer string) func(string) string {
		return func(key string) string { return fmt.Sprintf("%s: {%s: []}", outer, key) }
	}
	for _, c := range []struct {
		name string
		keys []string // that lead to the part of the schema
		file func(key string) string
		want int
	}{
		{"entry", nil, func(key string) string { return key + ": []" }, 17},
		{"step", []string{"$defs", "step"}, func(key string) string { return fmt.Sprintf("install: [{%s: []}]", key) }, 6},
		{"download", []string{"$defs", "download"}, inStep("download"), 11},
		{"unpack", []string{"$defs", "unpack"}, func(key string) string { return fmt.Sprintf("install: [{download: {unpack: {%s: []}}}]", key) }, 5},
		{"npm", []string{"$defs", "step", "properties", "npm"}, inStep("npm"), 4},
		{"pypi", []string{"$defs", "step", "properties", "pypi"}, inStep("pypi"), 4},
		{"packages", []string{"$defs", "packages"}, inStep("apt"), 1},
		{"script", []string{"$defs", "step", "properties", "script"}, inStep("script"), 2},
		{"files", []string{"properties", "files", "items"}, func(key string) string { return fmt.Sprintf("files: [{%s: []}]", key) }, 3},
		{"prepare", []string{"properties", "prepare"}, in("prepare"), 2},
		{"probe", []string{"properties", "probe"}, in("probe"), 2},
		{"help", []string{"properties", "help"}, in("help"), 2},
		{"sidecar", []string{"properties", "sidecar"}, in("sidecar"), 1},
		{"state", []string{"properties", "state"}, in("state"), 2},
	} {
		keys := s.Part(t, c.keys...).Keys()
		if len(keys) != c.want {
			t.Errorf("%s has %d keys, want %d", c.name, len(keys), c.want)
		}
		for _, key := range keys {
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
	s := schematest.Read(t, "agent")
	for _, kind := range s.Part(t, "properties", "kind").Enum() {
		mustLoad(t, map[string]string{"a.yaml": links + "kind: " + kind})
	}
	for _, format := range s.Part(t, "$defs", "unpack", "properties", "format").Enum() {
		as := ""
		if format == "bare" {
			as = ", as: a"
		}
		mustLoad(t, map[string]string{"a.yaml": "install: [{download: {source: url, url: \"https://a.example/\", unpack: {format: " + format + as + "}}}]"})
	}
}

// Load takes every built-in entry and lock, as other tests hold; so do the
// schemas.
func TestSchemaTakesEmbedded(t *testing.T) {
	for schema, pattern := range map[string]string{"agent": "*.yaml", "lock": "*.lock.json"} {
		s := schematest.Read(t, schema)
		if unknown := s.UnknownWords(); len(unknown) > 0 {
			t.Errorf("%s: the judge does not know %v", schema, unknown)
		}
		files, err := filepath.Glob("../../../resources/agents/" + pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files (%v)", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Judge(t, string(text)); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}
