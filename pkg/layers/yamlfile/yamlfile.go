// Package yamlfile reads a file that people write: it walks the one document of
// a YAML file, knows where every value stands, and collects all mistakes
// instead of stopping at the first. What the keys are, its callers say.
package yamlfile

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/terok-ai/terok-agent/pkg/layers/words"
)

// Format is what the kinds of file differ in.
type Format struct {
	// MaxSize is in bytes. It keeps the time for malicious input short: the
	// parser's grows with the square of the nesting.
	MaxSize int
	// Begin is the hint for somebody whose file is empty, or "".
	Begin string
	// ListAll makes the hint for an unknown word name all that are known where
	// none is near.
	ListAll bool
}

// Reader turns the nodes of one file into values and collects all mistakes.
type Reader struct {
	// File is how messages call the file.
	File string
	// Errs are the mistakes so far, each an *Error.
	Errs []error
	// At is where each value that was met is written, by its path ("env.HOME");
	// "" is the file.
	At map[string]Pos

	format Format
}

// New returns a reader of a file; the name is for messages.
func New(file string, format Format) *Reader {
	return &Reader{File: file, At: map[string]Pos{"": {1, 1}}, format: format}
}

// Errorf notes a mistake; the hint may be "".
func (r *Reader) Errorf(at Pos, hint, format string, args ...any) {
	r.Errs = append(r.Errs, &Error{File: r.File, Line: at.Line, Column: at.Column, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// Unknown is the hint for a word that is none of the known ones.
func (r *Reader) Unknown(word string, known []string) string {
	if hint := words.DidYouMean(word, known); hint != "" || !r.format.ListAll || len(known) == 0 {
		return hint
	}
	return "there are " + strings.Join(known, ", ")
}

// Document returns the only document of a file. It returns false after noting
// why there is none.
func (r *Reader) Document(text []byte) (doc Value, ok bool) {
	defer func() {
		// The parser is not ours, and no file may bring the program down.
		if p := recover(); p != nil {
			r.Errorf(Pos{}, "", "this is not YAML: %v", p)
			ok = false
		}
	}()
	if len(text) > r.format.MaxSize {
		r.Errorf(Pos{}, "", "the file is larger than %d bytes", r.format.MaxSize)
		return Value{}, false
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		r.syntaxError(err)
		return Value{}, false
	}
	top := Pos{1, 1}
	bodies := bodiesOf(file)
	switch len(bodies) {
	case 0:
		r.Errorf(top, r.format.Begin, "the file is empty")
		return Value{}, false
	case 1:
		return Value{node: bodies[0], Pos: startOf(bodies[0], top)}, true
	}
	r.Errorf(startOf(bodies[1], top), "", "the file holds more than one document")
	return Value{}, false
}

func bodiesOf(file *ast.File) []ast.Node {
	var bodies []ast.Node
	for _, d := range file.Docs {
		if d != nil && d.Body != nil && d.Body.Type() != ast.CommentType {
			bodies = append(bodies, d.Body)
		}
	}
	return bodies
}

func (r *Reader) syntaxError(err error) {
	at, message := Pos{1, 1}, err.Error()
	var y yaml.Error
	if errors.As(err, &y) {
		at, message = posOf(y.GetToken(), at), y.GetMessage()
	}
	r.Errorf(at, "", "%s", OneLine(message))
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
