package project

import (
	"fmt"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/layers/words"
)

// Pos is a place in a file, both counted from 1. The zero value is no place.
type Pos struct{ Line, Column int }

// Error is one mistake in a project file, or in a value that replaces one of
// it.
type Error struct {
	// File is the file as the user named it, or "--set".
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

// didYouMean names the nearest of the words; where none is near, all of them.
func didYouMean(word string, known []string) string {
	if hint := words.DidYouMean(word, known); hint != "" || len(known) == 0 {
		return hint
	}
	return "there are " + strings.Join(known, ", ")
}
