package project_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/goccy/go-yaml"

	"github.com/terok-ai/terok-agent/pkg/layers/project"
)

// schema is as much of JSON Schema as the published one uses; TestSchemaWords
// makes sure that it uses no more.
type schema map[string]any

func published(t *testing.T) schema {
	t.Helper()
	text, err := os.ReadFile("../../../docs/schema/project.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

type check func(root schema, arg, v any) error

// checks are the words that say what is valid.
func checks() map[string]check {
	return map[string]check{
		"$ref": func(root schema, arg, v any) error {
			name := strings.TrimPrefix(arg.(string), "#/$defs/")
			return valid(root, root["$defs"].(map[string]any)[name].(map[string]any), v)
		},
		"type": func(_ schema, arg, v any) error {
			if got := typeOf(v); got != arg {
				return fmt.Errorf("%s is no %s", got, arg)
			}
			return nil
		},
		"const": func(_ schema, arg, v any) error {
			if fmt.Sprintf("%T %v", arg, arg) != fmt.Sprintf("%T %v", v, v) {
				return fmt.Errorf("%v is not %v", v, arg)
			}
			return nil
		},
		"enum": func(_ schema, arg, v any) error {
			if !slices.Contains(arg.([]any), v) {
				return fmt.Errorf("%v is none of %v", v, arg)
			}
			return nil
		},
		"minLength": func(_ schema, arg, v any) error {
			if s, ok := v.(string); ok && utf8.RuneCountInString(s) < int(arg.(float64)) {
				return fmt.Errorf("%q is too short", s)
			}
			return nil
		},
		"pattern": func(_ schema, arg, v any) error {
			if s, ok := v.(string); ok && !regexp.MustCompile(arg.(string)).MatchString(s) {
				return fmt.Errorf("%q does not match %s", s, arg)
			}
			return nil
		},
		"required": func(_ schema, arg, v any) error {
			for _, name := range arg.([]any) {
				if m, ok := v.(map[string]any); ok && m[name.(string)] == nil {
					return fmt.Errorf("%s is missing", name)
				}
			}
			return nil
		},
		"items": func(root schema, arg, v any) error {
			list, _ := v.([]any)
			for _, e := range list {
				if err := valid(root, arg.(map[string]any), e); err != nil {
					return err
				}
			}
			return nil
		},
		"propertyNames": func(root schema, arg, v any) error {
			m, _ := v.(map[string]any)
			for name := range m {
				if err := valid(root, arg.(map[string]any), name); err != nil {
					return err
				}
			}
			return nil
		},
		"allOf": func(root schema, arg, v any) error {
			for _, s := range arg.([]any) {
				if err := valid(root, s.(map[string]any), v); err != nil {
					return err
				}
			}
			return nil
		},
		"not": func(root schema, arg, v any) error {
			if valid(root, arg.(map[string]any), v) == nil {
				return fmt.Errorf("%v is not allowed", v)
			}
			return nil
		},
	}
}

func typeOf(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return fmt.Sprintf("%T", v)
}

func valid(root, s schema, v any) error {
	for word, arg := range s {
		if check, ok := checks()[word]; ok {
			if err := check(root, arg, v); err != nil {
				return err
			}
		}
	}
	m, isMap := v.(map[string]any)
	known, _ := s["properties"].(map[string]any)
	for name, inner := range m {
		if sub, ok := known[name]; ok {
			if err := valid(root, sub.(map[string]any), inner); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			continue
		}
		switch more := s["additionalProperties"].(type) {
		case bool:
			if isMap && !more {
				return fmt.Errorf("%s is not known", name)
			}
		case map[string]any:
			if err := valid(root, more, inner); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

// judge is what the schema says of a file.
func judge(t *testing.T, text string) error {
	t.Helper()
	var raw any
	if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatal(err)
	}
	// Through JSON, so that there is one kind of number.
	plain, err := json.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(plain, &v); err != nil {
		t.Fatal(err)
	}
	s := published(t)
	return valid(s, s, v)
}

// samples has, for every key, values; the schema and the reader must agree on
// each of them.
var samples = map[string][]string{
	"version":   {"1", "2", "'1'", "[]"},
	"name":      {"a", "a-b.c_d", "A", "''", "-a", "1", "'1'"},
	"base":      {"debian:12", "''", "1", "[a]"},
	"family":    {"deb", "rpm", "arch", "''", "[deb]"},
	"platform":  {"linux/amd64", "''", "1"},
	"agents":    {"[]", "[a, b]", "a", "[1]", "{}"},
	"sidecars":  {"[]", "[a]", "a", "[[a]]"},
	"images":    {"[]", "[golang:1.26]", "[Golang]", "['']", "a", "[1]"},
	"resources": {"[]", "[a]", "a", "[1]"},
	"layers":    {"[]", "{}", "[a]", "[{}]", "[{target: a}]", "a"},
	"nonsense":  {"a"},
}

var layerSamples = map[string][]string{
	"dockerfile": {"a", "''", "1", "[]"},
	"context":    {".", "''", "1", "[]"},
	"target":     {"a", "''", "1"},
	"args":       {"{}", "{A: b}", "{A: ''}", "{A: 1}", "{1a: b}", "[a]", "a"},
	"tags":       {"[]", "[a, 'b:1']", "[A]", "[1]", "['']", "a"},
	"max_age":    {"14d", "2w", "36h", "soon", "''", "1", "d"},
	"nonsense":   {"a"},
}

func TestSchemaAndReaderAgree(t *testing.T) {
	files := []string{"base: x\n", full}
	for key, values := range samples {
		for _, v := range values {
			head := "version: 1\n"
			if key == "version" {
				head = ""
			}
			files = append(files, head+key+": "+v+"\n")
		}
	}
	for _, name := range []string{"a", "l1", "l0", "base", "fetch", "scratch", "context", "A", "'1'", "1", "''", "[a]"} {
		files = append(files, "version: 1\nlayers: [{name: "+name+"}]\n")
	}
	for key, values := range layerSamples {
		for _, v := range values {
			files = append(files, "version: 1\nlayers: [{name: a, "+key+": "+v+"}]\n")
		}
	}
	for _, text := range files {
		_, err := project.Parse("f.yaml", []byte(text))
		said := judge(t, text)
		if (err == nil) != (said == nil) {
			t.Errorf("%s\nthe reader says %v\nthe schema says %v", text, err, said)
		}
	}
}

// Every key of the schema has samples, and every sample is a key of it but the
// nonsense, so that a key that only one of the two knows is found above.
func TestSamplesAreComplete(t *testing.T) {
	s := published(t)
	layer := s["$defs"].(map[string]any)["layer"].(map[string]any)
	for _, c := range []struct {
		name    string
		keys    any
		samples map[string][]string
	}{{"project", s["properties"], samples}, {"layer", layer["properties"], layerSamples}} {
		known := c.keys.(map[string]any)
		for key := range known {
			if c.samples[key] == nil && key != "name" {
				t.Errorf("%s: no samples for %q", c.name, key)
			}
		}
		for key := range c.samples {
			if known[key] == nil && key != "nonsense" {
				t.Errorf("%s: the schema does not know %q", c.name, key)
			}
		}
	}
}

// The words of the schema are those that this test understands.
func TestSchemaWords(t *testing.T) {
	harmless := []string{"$schema", "title", "description", "$defs", "properties", "additionalProperties"}
	var visit func(s map[string]any)
	visit = func(s map[string]any) {
		for word, arg := range s {
			if checks()[word] == nil && !slices.Contains(harmless, word) {
				t.Errorf("the test does not know the word %q", word)
			}
			switch word {
			case "$defs", "properties":
				for _, sub := range arg.(map[string]any) {
					visit(sub.(map[string]any))
				}
			case "items", "not", "propertyNames":
				visit(arg.(map[string]any))
			case "allOf":
				for _, sub := range arg.([]any) {
					visit(sub.(map[string]any))
				}
			}
		}
	}
	visit(published(t))
}
