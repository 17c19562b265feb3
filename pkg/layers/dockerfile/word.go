package dockerfile

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// value is a word after expansion. Where it names a variable whose value
// cannot be known here, or on which builders disagree, it is symbolic: text is
// then a description made of the raw word and the values that are known.
type value struct {
	text     string
	symbolic bool
}

func plain(s string) value { return value{text: s} }

// String returns v so that no two different values look alike: symbolic ones
// begin with a dollar sign, which a plain one only has inside quotes.
func (v value) String() string {
	if v.symbolic || bare(v.text) {
		return v.text
	}
	return strconv.Quote(v.text)
}

// bare reports whether s can stand without quotes.
func bare(s string) bool {
	if s == "" {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("_-+./:,@%~^!?*[]{}=", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// pair returns "KEY=VALUE" unambiguously.
func pair(key, val value) string {
	k := key.String()
	if !key.symbolic && strings.Contains(key.text, "=") {
		k = strconv.Quote(key.text)
	}
	return k + "=" + val.String()
}

// lookup is a shell.EnvGetter that notes what a word names.
type lookup struct {
	scope *scope
	named map[string]value
	// open is true when a value could not be told.
	open bool
}

// Get implements shell.EnvGetter. A variable that cannot be told gets a value,
// so that only an error in the word itself is reported.
func (l *lookup) Get(name string) (string, bool) {
	v, state := l.scope.get(name)
	switch {
	case state == unset:
		return "", false
	case state == known && !v.symbolic:
		l.note(name, v)
		return v.text, true
	}
	if state == known {
		l.note(name, v)
	}
	l.open = true
	return "x", true
}

func (l *lookup) note(name string, v value) {
	if l.named == nil {
		l.named = map[string]value{}
	}
	l.named[name] = v
}

// Keys implements shell.EnvGetter.
func (l *lookup) Keys() []string { return nil }

// expander expands words in a scope.
type expander struct {
	lex    *shell.Lex
	escape rune
}

func newExpander(escape rune) *expander {
	return &expander{lex: shell.NewLex(escape), escape: escape}
}

// word returns raw with quotes and variables processed.
func (x *expander) word(raw string, sc *scope) (value, error) {
	if !strings.ContainsAny(raw, "$'\"<"+string(x.escape)) {
		return plain(raw), nil
	}
	return process(x.lex, raw, sc)
}

// content returns raw with variables processed and quotes kept, as in
// here-documents.
func (x *expander) content(raw string, sc *scope) (value, error) {
	lex := shell.NewLex('\\')
	lex.SkipProcessQuotes = true
	return process(lex, raw, sc)
}

func process(lex *shell.Lex, raw string, sc *scope) (value, error) {
	if !utf8.ValidString(raw) || strings.ContainsRune(raw, 0) {
		return value{}, fmt.Errorf("%q is not text in UTF-8", raw)
	}
	l := &lookup{scope: sc}
	res, _, err := lex.ProcessWord(raw, l)
	if err != nil {
		return value{}, err
	}
	if !l.open {
		return plain(res), nil
	}
	return value{text: describe(raw, l.named), symbolic: true}, nil
}

// describe returns the text of a word that cannot be expanded, with the values
// of the variables in it that are known.
func describe(raw string, named map[string]value) string {
	var b strings.Builder
	b.WriteString("$" + strconv.Quote(raw))
	names := make([]string, 0, len(named))
	for n := range named {
		names = append(names, n)
	}
	sort.Strings(names)
	for i, n := range names {
		sep := ","
		if i == 0 {
			sep = "{"
		}
		b.WriteString(sep + n + "=")
		if v := named[n]; v.symbolic {
			b.WriteString(v.text)
		} else {
			b.WriteString(strconv.Quote(v.text))
		}
	}
	if len(names) > 0 {
		b.WriteString("}")
	}
	return b.String()
}
