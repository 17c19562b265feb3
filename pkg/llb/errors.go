package llb

import (
	"errors"
	"fmt"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/util/apicaps"

	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

// These say which case an error is.
var (
	// ErrUndeclared is about a reference that is no parent of the recipe.
	ErrUndeclared = errors.New("not declared as a parent")
	// ErrOldDaemon is about something that the daemon's capabilities lack.
	ErrOldDaemon = errors.New("the BuildKit daemon is too old for this")
	// ErrMode is about a file of a generated context that no operation can
	// make: neither file, directory nor link, or with special mode bits.
	ErrMode = errors.New("cannot be in a generated context")
)

// Error says what of a recipe cannot be lowered, and where.
type Error struct {
	// File is the Dockerfile's name, Line the first line concerned; 0 means
	// the file as a whole.
	File string
	Line int
	// Message is what is wrong, Hint what may help, or "".
	Message, Hint string
	// Err is the cause, or nil.
	Err error
}

// Error says it as the reader of Dockerfiles does: "FILE:LINE: MESSAGE (HINT)".
func (e *Error) Error() string { return (*dockerfile.ParseError)(e).Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// parseError makes an *Error of what reading the Dockerfile says.
func parseError(file string, err error) error {
	var parse *dockerfile.ParseError
	if errors.As(err, &parse) {
		return &Error{File: file, Line: parse.Line, Message: parse.Message, Hint: parse.Hint, Err: err}
	}
	return &Error{File: file, Message: err.Error(), Err: err}
}

// located makes an *Error, with the line in the original text, of what
// conversion says.
func (t *text) located(err error) error {
	var own *Error
	if errors.As(err, &own) && own.Line > 0 {
		return own
	}
	e := &Error{File: t.file.Name, Message: err.Error(), Err: err}
	var loc *parser.LocationError
	if errors.As(err, &loc) && len(loc.Locations) > 0 && len(loc.Locations[0]) > 0 {
		if p, ok := t.place(loc.Locations[0][0].Start.Line); ok {
			e.Line = p.Line
		}
	}
	if own != nil { // found without a line, which conversion knows
		e.Message, e.Hint, e.Err = own.Message, own.Hint, own.Err
	}
	var lack *apicaps.CapError
	if errors.As(err, &lack) {
		e.Err = fmt.Errorf("%w: %w", ErrOldDaemon, err)
		e.Hint = "update buildkitd, or use another executor"
	}
	return e
}
