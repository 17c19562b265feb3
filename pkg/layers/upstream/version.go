package upstream

import (
	"regexp"
	"strings"
)

var (
	number      = regexp.MustCompile(`[0-9]+|[A-Za-z]+`)
	firstNumber = regexp.MustCompile(`[0-9]+\.[0-9]+(?:\.[0-9]+)*(?:[-+][0-9A-Za-z.-]+)?`)
	preRelease  = regexp.MustCompile(`(?i)[0-9][-._]?(a|b|c|rc|alpha|beta|pre|preview|dev|canary|nightly|next)[-._]?[0-9]*`)
)

// Compare orders versions: negative when a is older than b. Numbers count as
// numbers, and a word, as in "1.0-rc", stands before nothing.
func Compare(a, b string) int {
	x, y := number.FindAllString(a, -1), number.FindAllString(b, -1)
	for i := range max(len(x), len(y)) {
		switch {
		case i >= len(x):
			return -rank(y[i])
		case i >= len(y):
			return rank(x[i])
		}
		if d := comparePart(x[i], y[i]); d != 0 {
			return d
		}
	}
	return 0
}

// rank is how a version that goes on with a part compares with one that ends.
func rank(part string) int {
	if isNumber(part) {
		return 1
	}
	return -1
}

func comparePart(a, b string) int {
	switch {
	case isNumber(a) != isNumber(b):
		return rank(a)
	case !isNumber(a):
		return strings.Compare(a, b)
	}
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func isNumber(s string) bool { return s[0] >= '0' && s[0] <= '9' }

// stable tells whether a version is meant for everybody.
func stable(version string) bool { return !preRelease.MatchString(version) }

// inSeries tells whether a version belongs to a series: "3.14.1" to "3.14" and
// to "3", not to "3.1".
func inSeries(version, series string) bool {
	if series == "" {
		return true
	}
	rest, ok := strings.CutPrefix(version, series)
	return ok && (rest == "" || !isNumber(rest))
}
