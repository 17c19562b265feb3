package dockerfile

import (
	"regexp"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// labelWidth is after how many bytes a long value is continued on the next
// line.
const labelWidth = 990

var labelName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]*$`)

// labelInstruction returns one LABEL instruction for labels, "" when there are
// none. It is one, because each instruction costs a builder a commit.
func (f *File) labelInstruction(labels map[string]string) (string, error) {
	if len(labels) == 0 {
		return "", nil
	}
	names := make([]string, 0, len(labels))
	for n := range labels {
		names = append(names, n)
	}
	sort.Strings(names)
	w := labelWriter{escape: f.escape}
	w.b.WriteString("LABEL")
	for _, n := range names {
		if !labelName.MatchString(n) {
			return "", f.errorf(0, "label name %q is not made of letters, digits, dots, dashes and slashes", n)
		}
		if err := f.checkLabel(n, labels[n]); err != nil {
			return "", err
		}
		w.b.WriteString(" " + string(f.escape) + "\n  ")
		w.line = 2
		w.add(n + "=")
		w.value(labels[n])
	}
	w.b.WriteString("\n")
	if w.longest+len("\\\n") >= maxLine {
		return "", f.errorf(0, "a label has %d bytes in a row where no line can be broken, more than builders read (%d)", w.longest, maxLine)
	}
	return w.b.String(), nil
}

// checkLabel refuses what cannot be written in a Dockerfile: it has no way to
// write a line feed, or bytes that are not text.
func (f *File) checkLabel(name, val string) error {
	switch {
	case strings.ContainsAny(val, "\n\x00"):
		return f.errorf(0, "the value of label %q has a line break or a NUL, which cannot be written in a Dockerfile", name)
	case !utf8.ValidString(val):
		return f.errorf(0, "the value of label %q is not UTF-8", name)
	}
	return nil
}

// labelWriter writes words and breaks their lines. Values are in single quotes,
// where nothing is special but the quote itself: what a backslash means in
// double quotes depends on the builder as soon as the file has an escape
// directive.
type labelWriter struct {
	b             strings.Builder
	escape        rune
	line, longest int
	last          rune
}

func (w *labelWriter) value(val string) {
	w.add("'")
	for _, r := range val {
		if w.line >= labelWidth && w.breakable(r) {
			w.b.WriteString(string(w.escape) + "\n")
			w.line = 0
		}
		if r == '\'' {
			w.add(`'"'"'`)
			continue
		}
		w.add(string(r))
	}
	w.add("'")
}

// breakable reports whether a line may be broken before r. A line that begins
// with a number sign is a comment, one of white space is left out, and an
// escape character at the end must stand alone.
func (w *labelWriter) breakable(r rune) bool {
	return !unicode.IsSpace(r) && r != '#' && !isEscape(r) && !isEscape(w.last)
}

// isEscape is about both escape characters: builders that overlook the
// directive still read the lines alike.
func isEscape(r rune) bool { return r == '\\' || r == '`' }

func (w *labelWriter) add(s string) {
	w.b.WriteString(s)
	w.line += len(s)
	if w.line > w.longest {
		w.longest = w.line
	}
	w.last, _ = utf8.DecodeLastRuneInString(s)
}
