package project

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxFile keeps the time for malicious input short: the parser's grows with
// the square of the nesting.
const maxFile = 256 << 10

// reader walks one document and collects all mistakes in it.
type reader struct {
	file string
	errs []error
	// at is where each value is written, by its path ("layers.dev.args.X").
	at map[string]Pos
}

// value is a node with its path.
type value struct {
	node ast.Node
	path string
	pos  Pos
}

func (r *reader) errorf(at Pos, hint, format string, args ...any) {
	r.errs = append(r.errs, &Error{File: r.file, Line: at.Line, Column: at.Column, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// document returns the only document of a file.
func (r *reader) document(text []byte) (doc value, ok bool) {
	defer func() {
		// The parser is not ours, and no file may bring the program down.
		if p := recover(); p != nil {
			r.errorf(Pos{}, "", "this is not YAML: %v", p)
			ok = false
		}
	}()
	if len(text) > maxFile {
		r.errorf(Pos{}, "", "the file is larger than %d bytes", maxFile)
		return value{}, false
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		r.syntaxError(err)
		return value{}, false
	}
	var bodies []ast.Node
	for _, d := range file.Docs {
		if d != nil && d.Body != nil && d.Body.Type() != ast.CommentType {
			bodies = append(bodies, d.Body)
		}
	}
	switch len(bodies) {
	case 0:
		r.errorf(Pos{1, 1}, "begin with: version: 1", "the file is empty")
		return value{}, false
	case 1:
		return value{node: bodies[0], pos: startOf(bodies[0], Pos{1, 1})}, true
	}
	r.errorf(startOf(bodies[1], Pos{1, 1}), "", "the file holds more than one document")
	return value{}, false
}

func (r *reader) syntaxError(err error) {
	at, message := Pos{1, 1}, err.Error()
	var y yaml.Error
	if errors.As(err, &y) {
		at, message = posOf(y.GetToken(), at), y.GetMessage()
	}
	r.errorf(at, "", "%s", strings.Join(strings.Fields(message), " "))
}

func posOf(t *token.Token, otherwise Pos) Pos {
	if t == nil || t.Position == nil || t.Position.Line < 1 {
		return otherwise
	}
	return Pos{t.Position.Line, max(1, t.Position.Column)}
}

// startOf is where a node begins; the own token of a block mapping is its
// colon.
func startOf(n ast.Node, otherwise Pos) Pos {
	switch n := n.(type) {
	case nil:
		return otherwise
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return startOf(n.Values[0], otherwise)
		}
	case *ast.MappingValueNode:
		return posOf(n.Key.GetToken(), otherwise)
	}
	return posOf(n.GetToken(), otherwise)
}

// pairs calls f for every pair of a mapping, in order.
func (r *reader) pairs(v value, f func(name string, v value)) {
	var list []*ast.MappingValueNode
	switch n := v.node.(type) {
	case *ast.MappingNode:
		list = n.Values
	case *ast.MappingValueNode:
		list = []*ast.MappingValueNode{n}
	default:
		r.wrongKind(v, "a mapping of names to values")
		return
	}
	for _, pair := range list {
		at := startOf(pair, v.pos)
		key, text := pair.Key.(*ast.StringNode)
		if !text {
			r.errorf(at, "", "a key must be plain text")
			continue
		}
		inner := value{node: pair.Value, path: join(v.path, key.Value), pos: at}
		r.at[inner.path] = at
		f(key.Value, inner)
	}
}

// keys reads a mapping with known keys.
func (r *reader) keys(v value, known map[string]func(value)) {
	r.pairs(v, func(name string, inner value) {
		read, ok := known[name]
		if !ok {
			r.errorf(inner.pos, didYouMean(name, slices.Sorted(maps.Keys(known))), "unknown key %q", name)
			return
		}
		read(inner)
	})
}

func (r *reader) list(v value, f func(value)) {
	n, ok := v.node.(*ast.SequenceNode)
	if !ok {
		r.wrongKind(v, "a list")
		return
	}
	for i, e := range n.Values {
		f(value{node: e, path: v.path + "[" + strconv.Itoa(i) + "]", pos: startOf(e, v.pos)})
	}
}

// text returns a string. Numbers and the like must be quoted: what they look
// like and what they are may differ ("1.10").
func (r *reader) text(v value) string {
	switch n := v.node.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		if n.Value != nil {
			return n.Value.Value
		}
		return ""
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		r.errorf(v.pos, "put it in quotes", "%s must be text", nameOf(v.path))
		return ""
	}
	r.wrongKind(v, "text")
	return ""
}

func (r *reader) texts(v value) []string {
	out := []string{}
	r.list(v, func(e value) { out = append(out, r.text(e)) })
	return out
}

// wrongKind says what a value should be.
func (r *reader) wrongKind(v value, want string) {
	switch v.node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode, *ast.DirectiveNode:
		r.errorf(v.pos, "", "anchors, aliases and tags are not allowed here")
	default:
		r.errorf(v.pos, "", "%s must be %s", nameOf(v.path), want)
	}
}

// nameOf is how messages call the value at a path.
func nameOf(path string) string {
	if path == "" {
		return "the file"
	}
	return strconv.Quote(path)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
