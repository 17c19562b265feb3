package yamlfile

import (
	"fmt"
	"strings"
)

// Pos is a place in a file, both counted from 1. The zero value is no place.
type Pos struct{ Line, Column int }

// Error is one mistake in one file, or in a value that stands in for one.
type Error struct {
	// File is the file as the caller named it.
	File string
	// Line and Column are counted from 1; 0 when the mistake has no place.
	Line, Column int
	// Message says what is wrong, Hint what may help, or "".
	Message, Hint string
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	b.WriteString(": " + e.Message)
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}
