package roster

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/terok-ai/terok-agent/pkg/layers/words"
)

// maxFile keeps the time for malicious input short: the parser's grows with
// the square of the nesting.
const maxFile = 64 << 10

// reader turns the nodes of one file into values and collects all mistakes.
type reader struct {
	file string
	errs []error
	// at is where each value is written, by its path ("env.HOME").
	at map[string]Pos
}

// value is a node with its path in the file.
type value struct {
	node ast.Node
	path string
	pos  Pos
}

func (r *reader) errorf(pos Pos, hint, format string, args ...any) {
	r.errs = append(r.errs, &Error{
		File: r.file, Line: pos.Line, Column: pos.Column, Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// parse returns the file's only document. It returns false after reporting why
// there is none.
func (r *reader) parse(text []byte) (doc value, ok bool) {
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
		r.errorf(Pos{1, 1}, "", "the file is empty")
		return value{}, false
	case 1:
		return value{node: bodies[0], pos: startOf(bodies[0], Pos{1, 1})}, true
	}
	r.errorf(startOf(bodies[1], Pos{1, 1}), "", "the file holds more than one document")
	return value{}, false
}

func (r *reader) syntaxError(err error) {
	var y yaml.Error
	if errors.As(err, &y) {
		r.errorf(posOf(y.GetToken(), Pos{1, 1}), "", "%s", oneLine(y.GetMessage()))
		return
	}
	r.errorf(Pos{1, 1}, "", "%s", oneLine(err.Error()))
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func posOf(t *token.Token, otherwise Pos) Pos {
	if t == nil || t.Position == nil || t.Position.Line < 1 {
		return otherwise
	}
	return Pos{t.Position.Line, max(1, t.Position.Column)}
}

// startOf is where a node begins; a block mapping's own token is its colon.
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

// plain reports nodes that the format does not have.
func (r *reader) plain(v value) bool {
	switch v.node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode, *ast.DirectiveNode:
		r.errorf(v.pos, "", "anchors, aliases and tags are not allowed here")
		return false
	}
	return true
}

// pairs returns the pairs of a mapping in order. The parser has refused keys
// that are given twice.
func (r *reader) pairs(v value) (names []string, values map[string]value, ok bool) {
	var list []*ast.MappingValueNode
	switch n := v.node.(type) {
	case *ast.MappingNode:
		list = n.Values
	case *ast.MappingValueNode:
		list = []*ast.MappingValueNode{n}
	default:
		if r.plain(v) {
			r.errorf(v.pos, "", "%s must be a mapping of names to values", nameOf(v.path))
		}
		return nil, nil, false
	}
	values = make(map[string]value, len(list))
	for _, pair := range list {
		pos := startOf(pair, v.pos)
		key, text := pair.Key.(*ast.StringNode)
		if !text {
			r.errorf(pos, "", "a key must be plain text")
			continue
		}
		path := join(v.path, key.Value)
		names = append(names, key.Value)
		values[key.Value] = value{node: pair.Value, path: path, pos: pos}
		r.at[path] = pos
	}
	return names, values, true
}

// mapping returns the values of a mapping whose keys are known.
func (r *reader) mapping(v value, known ...string) map[string]value {
	names, values, _ := r.pairs(v)
	for _, name := range names {
		if !slices.Contains(known, name) {
			r.errorf(values[name].pos, words.DidYouMean(name, known), "unknown key %q", name)
			delete(values, name)
		}
	}
	return values
}

// list returns the elements of a sequence.
func (r *reader) list(v value) []value {
	n, ok := v.node.(*ast.SequenceNode)
	if !ok {
		if r.plain(v) {
			r.errorf(v.pos, "", "%s must be a list", nameOf(v.path))
		}
		return nil
	}
	out := make([]value, len(n.Values))
	for i, e := range n.Values {
		path := fmt.Sprintf("%s[%d]", v.path, i)
		out[i] = value{node: e, path: path, pos: startOf(e, v.pos)}
		r.at[path] = out[i].pos
	}
	return out
}

// text returns a string. Numbers and the like must be quoted, because what
// they look like and what they are may differ ("1.10").
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
	if r.plain(v) {
		r.errorf(v.pos, "", "%s must be text", nameOf(v.path))
	}
	return ""
}

// texts returns a list of strings.
func (r *reader) texts(v value) []string {
	list := r.list(v)
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = r.text(e)
	}
	return out
}

// textMap returns a mapping of free names to strings.
func (r *reader) textMap(v value) map[string]string {
	names, values, ok := r.pairs(v)
	if !ok {
		return nil
	}
	out := make(map[string]string, len(names))
	for _, name := range names {
		out[name] = r.text(values[name])
	}
	return out
}

func (r *reader) boolean(v value) bool {
	n, ok := v.node.(*ast.BoolNode)
	if !ok {
		r.errorf(v.pos, "", "%s must be true or false", nameOf(v.path))
		return false
	}
	return n.Value
}

func (r *reader) integer(v value) int {
	n, ok := v.node.(*ast.IntegerNode)
	if ok {
		if i, err := strconv.Atoi(fmt.Sprint(n.Value)); err == nil && i >= 0 && i <= math.MaxInt32 {
			return i
		}
	}
	r.errorf(v.pos, "", "%s must be a whole number", nameOf(v.path))
	return 0
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

// scalar returns a node's text if it is a string.
func scalar(v value) (string, bool) {
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
