package words_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/words"
)

func TestDistance(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"base", "base", 0},
		{"base", "bases", 1},
		{"base", "bse", 1},
		{"base", "bass", 1},
		{"base", "bsae", 1}, // neighbours swapped are one mistake
		{"base", "abes", 2},
		{"kitten", "sitting", 3},
	} {
		if got := words.Distance(tc.a, tc.b); got != tc.want {
			t.Errorf("%q to %q: %d, want %d", tc.a, tc.b, got, tc.want)
		}
		if got := words.Distance(tc.b, tc.a); got != tc.want {
			t.Errorf("%q to %q: %d, want %d", tc.b, tc.a, got, tc.want)
		}
	}
}

func TestNearest(t *testing.T) {
	for name, tc := range map[string]struct {
		word  string
		among string
		want  string
	}{
		"nothing to choose from":           {"base", "", ""},
		"the word itself":                  {"base", "bases base", "base"},
		"of two equally near the first":    {"base", "bases basex", "bases"},
		"a short word may differ by one":   {"ab", "abc", "abc"},
		"a short word by two is another":   {"ab", "abcd", ""},
		"a long word may differ by three":  {"dockerfile", "dockerfilexxx", "dockerfilexxx"},
		"a long word by four is another":   {"dockerfile", "dockerfilexxxx", ""},
		"a nearer one that comes later":    {"codx", "codec codex", "codex"},
		"nothing is near the empty word":   {"", "ab", ""},
		"a word of one letter may be lost": {"", "a", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := words.Nearest(tc.word, strings.Fields(tc.among)); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestDidYouMean(t *testing.T) {
	if got := words.DidYouMean("bsae", []string{"base"}); got != `did you mean "base"?` {
		t.Errorf("got %q", got)
	}
	if got := words.DidYouMean("nonsense", []string{"base"}); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestSorted(t *testing.T) {
	among := []string{"zzzz", "bases", "base", "bast"}
	if got, want := words.Sorted("base", among), []string{"base", "bases", "bast", "zzzz"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if among[0] != "zzzz" {
		t.Error("the words of the caller were moved")
	}
}
