package schematest_test

import (
	"slices"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/yamlfile/schematest"
)

// A judge that takes everything would make all tests pass that ask it.
func TestJudge(t *testing.T) {
	for name, tc := range map[string]struct{ schema, good, bad string }{
		"type string":          {`{"type": "string"}`, "a", "1"},
		"type integer":         {`{"type": "integer"}`, "1", "1.5"},
		"type number":          {`{"type": "number"}`, "1", "a"},
		"type boolean":         {`{"type": "boolean"}`, "true", "'true'"},
		"type array":           {`{"type": "array"}`, "[]", "{}"},
		"type object":          {`{"type": "object"}`, "{}", "[]"},
		"const":                {`{"const": 1}`, "1", "'1'"},
		"enum":                 {`{"enum": ["a", "b"]}`, "b", "c"},
		"pattern":              {`{"pattern": "^a"}`, "ab", "ba"},
		"minimum":              {`{"minimum": 0}`, "0", "-1"},
		"minLength":            {`{"minLength": 2}`, "äb", "ä"},
		"minItems":             {`{"minItems": 1}`, "[a]", "[]"},
		"minProperties":        {`{"minProperties": 1}`, "{a: b}", "{}"},
		"maxProperties":        {`{"maxProperties": 1}`, "{a: b}", "{a: b, c: d}"},
		"required":             {`{"required": ["a"]}`, "{a: 1}", "{b: 1}"},
		"items":                {`{"items": {"type": "string"}}`, "[a]", "[a, 1]"},
		"propertyNames":        {`{"propertyNames": {"pattern": "^a"}}`, "{a: 1}", "{b: 1}"},
		"allOf":                {`{"allOf": [{"minLength": 2}, {"pattern": "^a"}]}`, "ab", "ba"},
		"anyOf":                {`{"anyOf": [{"minLength": 2}, {"pattern": "^a"}]}`, "a", "b"},
		"oneOf, none":          {`{"oneOf": [{"minLength": 2}, {"pattern": "^a"}]}`, "a", "b"},
		"oneOf, both":          {`{"oneOf": [{"minLength": 2}, {"pattern": "^a"}]}`, "ba", "ab"},
		"not":                  {`{"not": {"const": "a"}}`, "b", "a"},
		"properties":           {`{"properties": {"a": {"type": "string"}}}`, "{a: b, c: 1}", "{a: 1}"},
		"no more keys":         {`{"properties": {"a": {}}, "additionalProperties": false}`, "{a: b}", "{b: b}"},
		"more keys by a rule":  {`{"additionalProperties": {"type": "string"}}`, "{a: b}", "{a: 1}"},
		"a rule by its name":   {`{"$ref": "#/$defs/x", "$defs": {"x": {"type": "string"}}}`, "a", "1"},
		"a rule inside a rule": {`{"items": {"$ref": "#/$defs/x"}, "$defs": {"x": {"type": "string"}}}`, "[a]", "[1]"},
	} {
		t.Run(name, func(t *testing.T) {
			s := schematest.Parse(t, tc.schema)
			if err := s.Judge(t, tc.good); err != nil {
				t.Errorf("%s is refused: %v", tc.good, err)
			}
			if s.Judge(t, tc.bad) == nil {
				t.Errorf("%s is taken", tc.bad)
			}
			if words := s.UnknownWords(); len(words) > 0 {
				t.Errorf("words %v are not known", words)
			}
		})
	}
}

func TestUnknownWords(t *testing.T) {
	s := schematest.Parse(t, `{"properties": {"if": {"items": {"if": {}}}, "then": {"anyOf": [{"contains": {}}]}}, "enum": ["else"]}`)
	if got, want := s.UnknownWords(), []string{"contains", "if"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
