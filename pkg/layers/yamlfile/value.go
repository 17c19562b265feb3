package yamlfile

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// Value is one value of a file. The zero Value is none.
type Value struct {
	// Path leads to it from the top, such as "layers[0].args.X"; "" is the top.
	Path string
	// Pos is where it, or its key, begins.
	Pos Pos

	node ast.Node
}

// Pair is a key of a mapping with its value.
type Pair struct {
	Name string
	Value
}

// Text makes a value of a text that stands in no file.
func Text(path, text string) Value {
	return Value{node: ast.String(token.String(text, text, nil)), Path: path}
}

// List makes a value of texts that stand in no file.
func List(path string, texts []string) Value {
	n := ast.Sequence(token.New("[", "[", nil), true)
	for _, t := range texts {
		n.Values = append(n.Values, ast.String(token.String(t, t, nil)))
	}
	return Value{node: n, Path: path}
}

// IsSet tells whether there is a value at all.
func (v Value) IsSet() bool { return v.node != nil }

// Source is the value as YAML writes it.
func (v Value) Source() string { return v.node.String() }

// Scalar returns a value's text if it is a string; it notes nothing.
func (v Value) Scalar() (string, bool) {
	switch n := v.node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		if n.Value != nil {
			return n.Value.Value, true
		}
	}
	return "", false
}

// Name is how messages call the value: its quoted path.
func (v Value) Name() string {
	if v.Path == "" {
		return "the file"
	}
	return strconv.Quote(v.Path)
}

// Join is the path of a key below a path.
func Join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// Pairs yields the pairs of a mapping in order; what is wrong with one is noted
// when its turn comes. The parser has refused keys that are given twice.
func (r *Reader) Pairs(v Value) iter.Seq[Pair] {
	return func(yield func(Pair) bool) {
		list, ok := listed(v)
		if !ok {
			r.wrongKind(v, "a mapping of names to values")
		}
		for _, pair := range list {
			at := startOf(pair, v.Pos)
			key, text := pair.Key.(*ast.StringNode)
			if !text {
				r.Errorf(at, "", "a key must be plain text")
				continue
			}
			inner := Value{node: pair.Value, Path: Join(v.Path, key.Value), Pos: at}
			r.At[inner.Path] = at
			if !yield(Pair{key.Value, inner}) {
				return
			}
		}
	}
}

// listed returns the pairs of a mapping; one pair alone has a node of its own.
func listed(v Value) ([]*ast.MappingValueNode, bool) {
	switch n := v.node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// UnknownKey notes that a mapping has no such key.
func (r *Reader) UnknownKey(p Pair, known []string) {
	r.Errorf(p.Pos, r.Unknown(p.Name, known), "unknown key %q", p.Name)
}

// Mapping returns the values of a mapping whose keys are known.
func (r *Reader) Mapping(v Value, known ...string) map[string]Value {
	pairs := slices.Collect(r.Pairs(v))
	values := make(map[string]Value, len(pairs))
	for _, p := range pairs {
		if !slices.Contains(known, p.Name) {
			r.UnknownKey(p, known)
			continue
		}
		values[p.Name] = p.Value
	}
	return values
}

// Elements returns the elements of a list.
func (r *Reader) Elements(v Value) []Value {
	n, ok := v.node.(*ast.SequenceNode)
	if !ok {
		r.wrongKind(v, "a list")
		return nil
	}
	out := make([]Value, len(n.Values))
	for i, e := range n.Values {
		out[i] = Value{node: e, Path: v.Path + "[" + strconv.Itoa(i) + "]", Pos: startOf(e, v.Pos)}
		r.At[out[i].Path] = out[i].Pos
	}
	return out
}

// Text returns a string. Numbers and the like must be quoted: what they look
// like and what they are may differ ("1.10").
func (r *Reader) Text(v Value) string {
	if text, ok := v.Scalar(); ok {
		return text
	}
	switch v.node.(type) {
	case *ast.LiteralNode: // an empty one
		return ""
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		r.Errorf(v.Pos, "put it in quotes", "%s must be text", v.Name())
		return ""
	}
	r.wrongKind(v, "text")
	return ""
}

// Texts returns a list of strings, never nil.
func (r *Reader) Texts(v Value) []string {
	list := r.Elements(v)
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = r.Text(e)
	}
	return out
}

// TextMap returns a mapping of free names to strings, nil where it is none.
func (r *Reader) TextMap(v Value) map[string]string { return r.MapOf(v, r.Text) }

// MapOf returns a mapping of free names to what read makes of their values,
// nil where it is none.
func (r *Reader) MapOf(v Value, read func(Value) string) map[string]string {
	pairs := slices.Collect(r.Pairs(v))
	if _, ok := listed(v); !ok {
		return nil
	}
	out := make(map[string]string, len(pairs))
	for _, p := range pairs {
		out[p.Name] = read(p.Value)
	}
	return out
}

// Bool returns a truth value.
func (r *Reader) Bool(v Value) bool {
	n, ok := v.node.(*ast.BoolNode)
	if !ok {
		r.Errorf(v.Pos, "", "%s must be true or false", v.Name())
		return false
	}
	return n.Value
}

// Integer returns a whole number from 0 up.
func (r *Reader) Integer(v Value) int {
	if n, ok := v.node.(*ast.IntegerNode); ok {
		if i, err := strconv.Atoi(fmt.Sprint(n.Value)); err == nil && i >= 0 && i <= math.MaxInt32 {
			return i
		}
	}
	r.Errorf(v.Pos, "", "%s must be a whole number", v.Name())
	return 0
}

// wrongKind notes what a value should be.
func (r *Reader) wrongKind(v Value, want string) {
	switch v.node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode, *ast.DirectiveNode:
		r.Errorf(v.Pos, "", "anchors, aliases and tags are not allowed here")
	default:
		r.Errorf(v.Pos, "", "%s must be %s", v.Name(), want)
	}
}

// OneLine is a message without its line breaks.
func OneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
