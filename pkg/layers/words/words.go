// Package words finds, for a word that nothing is called, those that were
// perhaps meant.
package words

import (
	"fmt"
	"slices"
	"strings"
)

// Nearest returns the word that differs least from word, or "" when none is
// close. Of several the first is taken.
func Nearest(word string, among []string) string {
	best, at := "", max(1, min(3, len(word)/2))+1
	for _, w := range among {
		if longer := len(w) - len(word); longer >= at || -longer >= at {
			continue // so many letters must be inserted or removed
		}
		if d := Distance(word, w); d < at {
			best, at = w, d
		}
	}
	return best
}

// DidYouMean is a hint that names the nearest of the words, or "".
func DidYouMean(word string, among []string) string {
	if n := Nearest(word, among); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	return ""
}

// Sorted returns all the words, the nearest first, and those that are equally
// near by their letters.
func Sorted(word string, among []string) []string {
	type distant struct {
		word string
		at   int
	}
	all := make([]distant, len(among))
	for i, w := range among {
		all[i] = distant{w, Distance(word, w)}
	}
	slices.SortFunc(all, func(a, b distant) int {
		if a.at != b.at {
			return a.at - b.at
		}
		return strings.Compare(a.word, b.word)
	})
	out := make([]string, len(all))
	for i, d := range all {
		out[i] = d.word
	}
	return out
}

// Distance counts the letters to insert, remove, replace or swap with their
// neighbour to get from a to b. A letter is a byte.
func Distance(a, b string) int {
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
