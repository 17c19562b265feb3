package dockerfile_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

var update = flag.Bool("update", false, "write the golden files")

// tricky are label values that a writer of Dockerfiles gets wrong first.
func tricky() map[string]string {
	return map[string]string{
		"empty":           "",
		"json":            `{"a":"b \"c\"","d":"\\"}`,
		"quotes":          `a'b"c'`,
		"only.quotes":     `''''`,
		"escapes":         "\\ ` \\\\ `` \\n $A ${A} ${A:-b} \\$",
		"ends.escape":     "a\\",
		"ends.backtick":   "a`",
		"spaces":          "  a  b  ",
		"tabs":            "\ta\tb\t",
		"comment":         "# a # b",
		"heredoc":         "<<EOF cat <<-'E'",
		"unicode":         "grüße \u00a0\u2003 日本語 \ufeff \u202e",
		"control":         "a\x01\x1b[31m\x7fb\v\f",
		"equals":          "a=b c=d",
		"return":          "a\rb\r",
		"long.return":     strings.Repeat("a\r\r", 2000),
		"long":            strings.Repeat("0123456789", 7000),
		"long.spaces":     strings.Repeat("a     ", 2000),
		"long.comments":   strings.Repeat("a # b ", 2000),
		"long.escapes":    strings.Repeat("a\\\\`\\b", 2000),
		"long.quotes":     strings.Repeat("a''\"", 2000),
		"long.unicode":    strings.Repeat("äö日😀", 2000),
		"long.wide.blank": strings.Repeat("a\u2003\u0085", 2000),
		"org.example/x-y": "z",
	}
}

// readLabels returns the labels of the last stage as BuildKit reads them.
func readLabels(t testing.TB, src []byte) map[string]string {
	t.Helper()
	res, err := parser.Parse(bytes.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	stages, _, err := instructions.Parse(res.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	lex, out := shell.NewLex(res.EscapeToken), map[string]string{}
	for _, c := range stages[len(stages)-1].Commands {
		l, ok := c.(*instructions.LabelCommand)
		if !ok {
			continue
		}
		err := l.Expand(func(w string) (string, error) {
			v, _, err := lex.ProcessWord(w, shell.EnvsFromSlice([]string{"A=expanded"}))
			return v, err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, kv := range l.Labels {
			out[kv.Key] = kv.Value
		}
	}
	return out
}

func mustParse(t testing.TB, src string) *dockerfile.File {
	t.Helper()
	f, err := dockerfile.Parse("Dockerfile", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func instrument(t testing.TB, src string, o dockerfile.InstrumentOptions) dockerfile.Instrumented {
	t.Helper()
	out, err := dockerfile.Instrument(mustParse(t, src), o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestLabelsReadBackByBuildKit(t *testing.T) {
	for name, src := range map[string]string{
		"plain": "FROM scratch\n", "backtick": "# escape=`\nFROM scratch\n", "no line feed": "FROM scratch\nENV A=1",
	} {
		t.Run(name, func(t *testing.T) {
			out := instrument(t, src, dockerfile.InstrumentOptions{Labels: tricky()})
			compareLabels(t, readLabels(t, out.Dockerfile), tricky())
			for n, l := range bytes.Split(out.Dockerfile, []byte("\n")) {
				if len(l) > 1000 {
					t.Errorf("line %d has %d bytes", n+1, len(l))
				}
			}
		})
	}
}

func compareLabels(t *testing.T, got, want map[string]string) {
	t.Helper()
	for k, want := range want {
		if v, ok := got[k]; !ok {
			t.Errorf("label %q is missing", k)
		} else if v != want {
			t.Errorf("label %q = %.80q, want %.80q", k, v, want)
		}
	}
}

func TestInstrumentGolden(t *testing.T) {
	labels := map[string]string{"ai.terok.node": "l1", "ai.terok.key": `it's "a" $key`}
	for _, c := range []struct{ golden, file, target, salt string }{
		{"last stage", "stages", "", "s1"},
		{"middle stage", "stages", "result", "s1"},
		{"alias as target", "stages", "alias", "s1"},
		{"no salt", "stages", "result", ""},
		{"backtick", "backtick", "", "s1"},
		{"no line feed", "noeol", "", "s1"},
	} {
		t.Run(c.golden, func(t *testing.T) {
			src, err := os.ReadFile(filepath.Join("testdata", "instrument", c.file+".Dockerfile"))
			if err != nil {
				t.Fatal(err)
			}
			out := instrument(t, string(src), dockerfile.InstrumentOptions{Target: c.target, Salt: c.salt, Labels: labels})
			golden := filepath.Join("testdata", "instrument", strings.ReplaceAll(c.golden, " ", "-")+".golden")
			if *update {
				if err := os.WriteFile(golden, out.Dockerfile, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out.Dockerfile, want) {
				t.Errorf("got\n%s\nwant\n%s", out.Dockerfile, want)
			}
		})
	}
}

func TestNothingToInstrument(t *testing.T) {
	src := "FROM scratch\nCOPY a /\n# end"
	if out := instrument(t, src, dockerfile.InstrumentOptions{}); string(out.Dockerfile) != src {
		t.Errorf("got %q, want the source", out.Dockerfile)
	}
}

func TestInstrumentedLine(t *testing.T) {
	src := "ARG B=x\nFROM $B AS a\n# c\nRUN a \\\n  b\nFROM a\nCOPY f /\nUSER u\n"
	out := instrument(t, src, dockerfile.InstrumentOptions{Salt: "s", Labels: map[string]string{"k": "v"}})
	for _, c := range []struct {
		stage, step, line int
		text              string
	}{
		{1, 1, 2, "FROM $B AS a"},
		{1, 2, 0, ""}, // the salt
		{1, 3, 4, "RUN a b"},
		{1, 4, 0, ""},
		{2, 1, 6, "FROM a"},
		{2, 3, 7, "COPY f /"},
		{2, 4, 8, "USER u"},
		{2, 5, 0, ""}, // the labels
		{0, 1, 0, ""},
		{3, 1, 0, ""},
		{1, 0, 0, ""},
	} {
		if line, text := out.Line(c.stage, c.step); line != c.line || text != c.text {
			t.Errorf("Line(%d, %d) = %d, %q, want %d, %q", c.stage, c.step, line, text, c.line, c.text)
		}
	}
}

func TestSaltFollowsArguments(t *testing.T) {
	src := "ARG B=one\nFROM scratch AS one\nWORKDIR /1\nFROM scratch AS two\nWORKDIR /2\nFROM $B\nWORKDIR /3\n"
	out := instrument(t, src, dockerfile.InstrumentOptions{Salt: "s", Args: map[string]string{"B": "two"}})
	want := strings.ReplaceAll(src, "FROM scratch AS two\n", "FROM scratch AS two\nARG TEROK_SALT=s\n")
	want = strings.ReplaceAll(want, "FROM $B\n", "FROM $B\nARG TEROK_SALT=s\n")
	if string(out.Dockerfile) != want {
		t.Errorf("got\n%s\nwant\n%s", out.Dockerfile, want)
	}
}

func TestInstrumentErrors(t *testing.T) {
	label := func(k, v string) dockerfile.InstrumentOptions {
		return dockerfile.InstrumentOptions{Labels: map[string]string{k: v}}
	}
	for name, c := range map[string]struct {
		src  string
		o    dockerfile.InstrumentOptions
		want string
	}{
		"line feed in a value": {"FROM x\n", label("a", "b\nc"), `the value of label "a" has a line break`},
		"not UTF-8":            {"FROM x\n", label("a", "b\xff"), `the value of label "a" is not UTF-8`},
		"name":                 {"FROM x\n", label("a b", "c"), `label name "a b"`},
		"empty name":           {"FROM x\n", label("", "c"), `label name ""`},
		"no place to break":    {"FROM x\n", label("a", strings.Repeat(" ", 60000)), "no line can be broken"},
		"salt":                 {"FROM x\n", dockerfile.InstrumentOptions{Salt: "a b"}, `salt "a b"`},
		"unknown target":       {"FROM x AS result\n", dockerfile.InstrumentOptions{Target: "resutl"}, "did you mean result?"},
		"long line":            {"FROM x\nRUN echo " + strings.Repeat("a", 60000) + "\n", dockerfile.InstrumentOptions{}, "Dockerfile:2: the line has 60010 bytes"},
		"open end":             {"FROM x\nRUN a \\\n", label("a", "b"), "Dockerfile:2: the file ends within an instruction (remove the \\ at its end)"},
		"open end, comment":    {"FROM x\nRUN a \\\n# c\n", label("a", "b"), "ends within an instruction"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dockerfile.Instrument(mustParse(t, c.src), c.o)
			var pe *dockerfile.ParseError
			if !errors.As(err, &pe) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want a ParseError with %q", err, c.want)
			}
		})
	}
}
