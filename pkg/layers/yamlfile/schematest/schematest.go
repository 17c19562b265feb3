// Package schematest holds the published JSON Schemas against the readers of the
// files that they describe. It is test code.
package schematest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// Schema is a published schema, or a part of one.
type Schema struct{ root, part map[string]any }

// Read reads the schema of this name from docs/schema. Tests run where their
// package is, three directories down.
func Read(t testing.TB, name string) Schema {
	t.Helper()
	text, err := os.ReadFile("../../../docs/schema/" + name + ".schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return Parse(t, string(text))
}

// Parse reads the text of a schema.
func Parse(t testing.TB, text string) Schema {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal([]byte(text), &root); err != nil {
		t.Fatal(err)
	}
	return Schema{root, root}
}

// Part is the schema that these keys lead to, such as "$defs", "layer".
func (s Schema) Part(t testing.TB, keys ...string) Schema {
	t.Helper()
	part := s.part
	for _, key := range keys {
		inner, ok := part[key].(map[string]any)
		if !ok {
			t.Fatalf("the schema has no %s", strings.Join(keys, "."))
		}
		part = inner
	}
	return Schema{s.root, part}
}

// Keys are the keys that a mapping may have, sorted.
func (s Schema) Keys() []string {
	known, _ := s.part["properties"].(map[string]any)
	return slices.Sorted(maps.Keys(known))
}

// Enum are the words that a value may be.
func (s Schema) Enum() []string {
	var words []string
	list, _ := s.part["enum"].([]any)
	for _, word := range list {
		words = append(words, fmt.Sprint(word))
	}
	return words
}

// Judge is what the schema says of a YAML file: nil where it is valid.
func (s Schema) Judge(t testing.TB, text string) error {
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
	return s.valid(s.part, v)
}

// harmless are words that say nothing about what is valid, or that valid reads
// itself.
var harmless = []string{"$schema", "title", "description", "default", "$defs", "properties", "additionalProperties"}

// UnknownWords are the words of the schema that Judge does not understand, so
// that nothing is taken for valid because a word was passed over.
func (s Schema) UnknownWords() []string {
	unknown := map[string]bool{}
	visit(s.part, unknown)
	return slices.Sorted(maps.Keys(unknown))
}

func visit(v any, unknown map[string]bool) {
	if list, ok := v.([]any); ok {
		for _, e := range list {
			visit(e, unknown)
		}
	}
	part, _ := v.(map[string]any)
	for word, arg := range part {
		if checks()[word] == nil && !slices.Contains(harmless, word) {
			unknown[word] = true
		}
		switch word {
		case "$defs", "properties":
			for _, sub := range arg.(map[string]any) {
				visit(sub, unknown)
			}
		case "enum", "const", "default":
		default:
			visit(arg, unknown)
		}
	}
}
