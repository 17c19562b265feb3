package project_test

import (
	"slices"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/project"
	"github.com/terok-ai/terok-agent/pkg/layers/yamlfile/schematest"
)

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
	s := schematest.Read(t, "project")
	for _, text := range files {
		_, err := project.Parse("f.yaml", []byte(text))
		said := s.Judge(t, text)
		if (err == nil) != (said == nil) {
			t.Errorf("%s\nthe reader says %v\nthe schema says %v", text, err, said)
		}
	}
}

// Every key of the schema has samples, and every sample is a key of it but the
// nonsense, so that a key that only one of the two knows is found above.
func TestSamplesAreComplete(t *testing.T) {
	s := schematest.Read(t, "project")
	for _, c := range []struct {
		name    string
		keys    []string
		samples map[string][]string
	}{{"project", s.Keys(), samples}, {"layer", s.Part(t, "$defs", "layer").Keys(), layerSamples}} {
		for _, key := range c.keys {
			if c.samples[key] == nil && key != "name" {
				t.Errorf("%s: no samples for %q", c.name, key)
			}
		}
		for key := range c.samples {
			if !slices.Contains(c.keys, key) && key != "nonsense" {
				t.Errorf("%s: the schema does not know %q", c.name, key)
			}
		}
	}
}

// The judge understands every word of the schema.
func TestSchemaWords(t *testing.T) {
	if unknown := schematest.Read(t, "project").UnknownWords(); len(unknown) > 0 {
		t.Errorf("the judge does not know %v", unknown)
	}
}
