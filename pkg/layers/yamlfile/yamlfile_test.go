package yamlfile_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/yamlfile"
)

var format = yamlfile.Format{MaxSize: 150, Begin: "write a: b"}

// open returns the document of a text that has one.
func open(t *testing.T, text string) (*yamlfile.Reader, yamlfile.Value) {
	t.Helper()
	r := yamlfile.New("f.yaml", format)
	doc, ok := r.Document([]byte(text))
	if !ok {
		t.Fatal(r.Errs)
	}
	return r, doc
}

func TestDocumentRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"empty":         {"# nothing\n", "f.yaml:1:1: the file is empty (write a: b)"},
		"two documents": {"a: b\n---\nc: d\n", "f.yaml:3:1: the file holds more than one document"},
		"too large":     {"a: " + strings.Repeat("b", 150), "f.yaml: the file is larger than 150 bytes"},
		"no YAML":       {"a:\n  b: [\n", "f.yaml:2:"},
		"a key twice":   {"a: b\na: c\n", "f.yaml:2:1:"},
	} {
		t.Run(name, func(t *testing.T) {
			r := yamlfile.New("f.yaml", format)
			_, ok := r.Document([]byte(tc.text))
			if err := errors.Join(r.Errs...); ok || err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("%t, %v\nwant %s", ok, err, tc.want)
			}
			var e *yamlfile.Error
			if !errors.As(errors.Join(r.Errs...), &e) {
				t.Errorf("%v is no Error", r.Errs)
			}
		})
	}
}

const sample = `# first a comment
text: a
block: |
  two
  lines
yes: true
number: 7
list:
  - x
  - y
map: {k: v, l: w}
`

func TestValues(t *testing.T) {
	r, doc := open(t, sample)
	m := r.Mapping(doc, "text", "block", "yes", "number", "list", "map")
	for name, pair := range map[string][2]any{
		"text":   {r.Text(m["text"]), "a"},
		"block":  {r.Text(m["block"]), "two\nlines\n"},
		"yes":    {r.Bool(m["yes"]), true},
		"number": {r.Integer(m["number"]), 7},
		"list":   {r.Texts(m["list"]), []string{"x", "y"}},
		"map":    {r.TextMap(m["map"]), map[string]string{"k": "v", "l": "w"}},
		"source": {m["number"].Source(), "7"},
		"none":   {m["nothing"].IsSet(), false},
		"some":   {m["text"].IsSet(), true},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: got %#v, want %#v", name, pair[0], pair[1])
		}
	}
	if len(r.Errs) > 0 {
		t.Error(r.Errs)
	}
	want := map[string]yamlfile.Pos{
		"": {Line: 1, Column: 1}, "text": {Line: 2, Column: 1}, "block": {Line: 3, Column: 1}, "yes": {Line: 6, Column: 1},
		"number": {Line: 7, Column: 1}, "list": {Line: 8, Column: 1}, "list[0]": {Line: 9, Column: 5}, "list[1]": {Line: 10, Column: 5},
		"map": {Line: 11, Column: 1}, "map.k": {Line: 11, Column: 7}, "map.l": {Line: 11, Column: 13},
	}
	if !reflect.DeepEqual(r.At, want) {
		t.Errorf("places\n got %v\nwant %v", r.At, want)
	}
}

func TestWrongValues(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		read func(*yamlfile.Reader, yamlfile.Value)
		want string
	}{
		"a number for text":    {"a: 1.10\n", func(r *yamlfile.Reader, v yamlfile.Value) { r.Text(v) }, `f.yaml:1:1: "a" must be text (put it in quotes)`},
		"a list for text":      {"a: [b]\n", func(r *yamlfile.Reader, v yamlfile.Value) { r.Text(v) }, `f.yaml:1:1: "a" must be text`},
		"text for a list":      {"a: b\n", func(r *yamlfile.Reader, v yamlfile.Value) { r.Elements(v) }, `f.yaml:1:1: "a" must be a list`},
		"a number in a list":   {"a: [b, 1]\n", func(r *yamlfile.Reader, v yamlfile.Value) { r.Texts(v) }, `f.yaml:1:8: "a[1]" must be text (put it in quotes)`},
		"text for a mapping":   {"a: b\n", func(r *yamlfile.Reader, v yamlfile.Value) { r.TextMap(v) }, `f.yaml:1:1: "a" must be a mapping of names to values`},
		"text for a truth":     {"a: b\n", func(r *yamlfile.Reader, v yamlfile.Value) { r.Bool(v) }, `f.yaml:1:1: "a" must be true or false`},
		"text for a number":    {"a: b\n", func(r *yamlfile.Reader, v yamlfile.Value) { r.Integer(v) }, `f.yaml:1:1: "a" must be a whole number`},
		"a number below zero":  {"a: -1\n", func(r *yamlfile.Reader, v yamlfile.Value) { r.Integer(v) }, `f.yaml:1:1: "a" must be a whole number`},
		"a number without end": {"a: 99999999999999999999\n", func(r *yamlfile.Reader, v yamlfile.Value) { r.Integer(v) }, `f.yaml:1:1: "a" must be a whole number`},
		"an alias":             {"a: *b\n", func(r *yamlfile.Reader, v yamlfile.Value) { r.Text(v) }, `f.yaml:1:1: anchors, aliases and tags are not allowed here`},
		"a tag":                {"a: !!str b\n", func(r *yamlfile.Reader, v yamlfile.Value) { r.Text(v) }, `f.yaml:1:1: anchors, aliases and tags are not allowed here`},
		"a key that is no text": {
			"a: {1: b}\n", func(r *yamlfile.Reader, v yamlfile.Value) { r.TextMap(v) },
			`f.yaml:1:5: a key must be plain text`,
		},
		"a key that is not known": {
			"a: {bsae: b}\n", func(r *yamlfile.Reader, v yamlfile.Value) { r.Mapping(v, "base") },
			`f.yaml:1:5: unknown key "bsae" (did you mean "base"?)`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, doc := open(t, tc.text)
			tc.read(r, r.Mapping(doc, "a")["a"])
			if len(r.Errs) != 1 || r.Errs[0].Error() != tc.want {
				t.Errorf("got %v\nwant %s", r.Errs, tc.want)
			}
		})
	}
}

func TestUnknown(t *testing.T) {
	few, all := yamlfile.New("f", yamlfile.Format{}), yamlfile.New("f", yamlfile.Format{ListAll: true})
	for name, pair := range map[string][2]string{
		"near":             {few.Unknown("bsae", []string{"base"}), `did you mean "base"?`},
		"far":              {few.Unknown("nonsense", []string{"base", "name"}), ""},
		"far, listing all": {all.Unknown("nonsense", []string{"base", "name"}), "there are base, name"},
		"of none":          {all.Unknown("nonsense", nil), ""},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %q, want %q", name, pair[0], pair[1])
		}
	}
}

// All mistakes are told, in the order in which they stand.
func TestPairsGoOn(t *testing.T) {
	r, doc := open(t, "1: a\nb: [c]\nd: 2\n")
	for p := range r.Pairs(doc) {
		r.Text(p.Value)
	}
	got := strings.Split(errors.Join(r.Errs...).Error(), "\n")
	want := []string{
		"f.yaml:1:1: a key must be plain text", `f.yaml:2:1: "b" must be text`, `f.yaml:3:1: "d" must be text (put it in quotes)`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// What a flag gives is read as if it stood in the file.
func TestMadeValues(t *testing.T) {
	r := yamlfile.New("--set", format)
	if got := r.Text(yamlfile.Text("a", "1.10")); got != "1.10" {
		t.Errorf("text: %q", got)
	}
	if got := r.Texts(yamlfile.List("b", []string{"x", "1"})); !reflect.DeepEqual(got, []string{"x", "1"}) {
		t.Errorf("list: %q", got)
	}
	if len(r.Errs) > 0 {
		t.Error(r.Errs)
	}
	r.Elements(yamlfile.Text("a", "x"))
	if err := errors.Join(r.Errs...); err == nil || err.Error() != `--set: "a" must be a list` {
		t.Errorf("got %v", err)
	}
}
