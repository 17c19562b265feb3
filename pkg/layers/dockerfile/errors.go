package dockerfile

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/command"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/util/suggest"
)

// ParseError says what is wrong with a Dockerfile and where.
type ParseError struct {
	// File is the name given to Parse, Line the first line concerned; 0 means
	// the file as a whole.
	File string
	Line int
	// Message is what is wrong, Hint what may help ("did you mean RUN?") or "".
	Message, Hint string
	// Err is the cause, where there is one.
	Err error
}

// Error returns "FILE:LINE: MESSAGE (HINT)".
func (e *ParseError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	b.WriteString(": ")
	b.WriteString(e.Message)
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *ParseError) Unwrap() error { return e.Err }

// errorf returns a *ParseError for line.
func (f *File) errorf(line int, format string, args ...any) *ParseError {
	err := fmt.Errorf(format, args...)
	return &ParseError{File: f.Name, Line: line, Message: err.Error(), Err: errors.Unwrap(err)}
}

// wrap turns an error of the parser into a *ParseError. The parser's own
// location is better than line where it has one.
func (f *File) wrap(line int, err error) *ParseError {
	var own *ParseError
	if errors.As(err, &own) {
		return own
	}
	var loc *parser.LocationError
	if errors.As(err, &loc) && len(loc.Locations) > 0 && len(loc.Locations[0]) > 0 {
		if l := loc.Locations[0][0].Start.Line; l > line {
			line = l
		}
	}
	var unknown *instructions.UnknownInstructionError
	if errors.As(err, &unknown) {
		e := f.errorf(line, "unknown instruction %s", unknown.Instruction)
		e.Hint = nearest(unknown.Instruction, keywords(), false)
		e.Err = err
		return e
	}
	return &ParseError{File: f.Name, Line: line, Message: err.Error(), Err: err}
}

// nearest returns the hint that names what of options is closest to name.
func nearest(name string, options []string, caseSensitive bool) string {
	if match, ok := suggest.Search(name, options, caseSensitive); ok {
		return "did you mean " + match + "?"
	}
	return ""
}

func keywords() []string {
	var out []string
	for k := range command.Commands {
		out = append(out, strings.ToUpper(k))
	}
	sort.Strings(out) // of two equally near ones always the same
	return out
}
