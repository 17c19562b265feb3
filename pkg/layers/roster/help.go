package roster

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// The sections of the help text inside an image.
const (
	SectionAgent   = "agent"
	SectionDevTool = "dev_tool"
)

// Help is an entry's line in the help text of an image.
type Help struct {
	// Label is the line as written, "" for none; Section where it stands.
	Label, Section string
}

// Line is the label with its backslash escapes expanded: octal with one to
// three digits, \xHH, \uHHHH and the letters of C. What is none of these stays
// as it is. A help text is printed inside the image without being read again.
func (h Help) Line() string {
	var b strings.Builder
	s := h.Label
	for {
		before, rest, found := strings.Cut(s, `\`)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		text, n := escape(rest)
		if n == 0 {
			text = `\`
		}
		b.WriteString(text)
		s = rest[n:]
	}
}

var letters = map[byte]string{
	'n': "\n", 'r': "\r", 't': "\t", 'b': "\b", 'a': "\a", 'f': "\f", 'v': "\v", '\\': `\`, '\'': "'", '"': `"`,
}

// escape expands what follows a backslash and says how long it was, 0 if it is
// no escape.
func escape(s string) (text string, n int) {
	if s == "" {
		return "", 0
	}
	if t, ok := letters[s[0]]; ok {
		return t, 1
	}
	octal := len(s) - len(strings.TrimLeft(s[:min(3, len(s))], "01234567")+s[min(3, len(s)):])
	digits, base, skip := s[:octal], 8, 0
	switch {
	case octal > 0:
	case s[0] == 'x' && len(s) >= 3:
		digits, base, skip = s[1:3], 16, 1
	case s[0] == 'u' && len(s) >= 5:
		digits, base, skip = s[1:5], 16, 1
	default:
		return "", 0
	}
	code, err := strconv.ParseUint(digits, base, 16)
	if err != nil {
		return "", 0
	}
	return string(utf8.AppendRune(nil, rune(code))), skip + len(digits)
}
