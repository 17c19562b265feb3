package roster

import (
	"fmt"
	"strings"
)

// Pos is a place in a file, both counted from 1. The zero value is no place.
type Pos struct{ Line, Column int }

// Error is one mistake in one file.
type Error struct {
	// File is the path in the file system that Load was given.
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

// didYouMean is a hint that names the nearest of the words, or "".
func didYouMean(word string, words []string) string {
	if n := nearest(word, words); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	return ""
}

// nearest returns the word that differs least, or "" when none is close.
func nearest(word string, words []string) string {
	best, at := "", max(1, min(3, len(word)/2))+1
	for _, w := range words {
		if d := distance(word, w, at); d < at {
			best, at = w, d
		}
	}
	return best
}

// distance counts the letters to insert, remove, replace or swap to get from a
// to b; it gives up at limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
