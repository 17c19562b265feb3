package render

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// marks stand before an ingredient.
var marks = map[plan.Status]string{plan.Same: " ", plan.Changed: "~", plan.Added: "+", plan.Removed: "-", plan.Recorded: " "}

// Explain writes every ingredient of a layer, recorded against current: a mark
// (~ changed, + added, - removed), its kind and name, and its value, or both
// when they differ.
func Explain(w io.Writer, e plan.Explanation, st Style) error {
	var b strings.Builder
	s := e.Step
	fmt.Fprintf(&b, "%s  %s  %s\n", s.Node, subject(&s), s.Action)
	for _, p := range Phrases(&s) {
		fmt.Fprintf(&b, "  because %s\n", p)
	}
	if s.Kind == graph.KindBase {
		_, err := io.WriteString(w, b.String())
		return err
	}
	fmt.Fprintf(&b, "  key       %s\n", s.Key)
	if e.Image != "" {
		fmt.Fprintf(&b, "  image     %s\n", e.Image)
		if e.RecordedKey != s.Key {
			fmt.Fprintf(&b, "  recorded  %s\n", e.RecordedKey)
		}
	}
	writeFacts(&b, e.Facts, st)
	_, err := io.WriteString(w, b.String())
	return err
}

// ExplainImage writes what an image remembers: what it is, the images it was
// built on, and every ingredient.
func ExplainImage(w io.Writer, img graph.Image, rec graph.Record, facts []plan.Fact, st Style) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", rec.Node, strings.Join(img.Names, ", "))
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-8s  %s\n", name, value)
		}
	}
	line("image", img.ID)
	line("key", string(rec.Keys.Image))
	line("version", rec.Version)
	line("platform", rec.Platform)
	line("created", img.Created.UTC().Format(time.RFC3339))
	line("salt", rec.Salt)
	for _, in := range rec.Inputs {
		line("on", strings.TrimSpace(fmt.Sprintf("%s  %s", in.Node, short(in.Image))))
	}
	switch u := rec.Unnamed; {
	case u.All != "":
		line("on", "images too many to be recorded one by one")
	case !u.None():
		line("on", fmt.Sprintf("%d images too many to be recorded by name", len(u.Images)))
	}
	writeFacts(&b, facts, st)
	_, err := io.WriteString(w, b.String())
	return err
}

func writeFacts(b *strings.Builder, facts []plan.Fact, st Style) {
	node, part := graph.ID(""), ""
	for _, f := range facts {
		if f.Node != node || f.Part != part {
			node, part = f.Node, f.Part
			fmt.Fprintf(b, "\n%s, %s key:\n", node, part)
		}
		b.WriteString(factLine(f, st) + "\n")
	}
}

func factLine(f plan.Fact, st Style) string {
	value := oneLine(f.Current)
	switch f.Status {
	case plan.Removed, plan.Recorded:
		value = oneLine(f.Recorded)
	case plan.Changed:
		a, b := trimCommon(oneLine(f.Recorded), oneLine(f.Current))
		value = a + " → " + b
	case plan.Same, plan.Added:
	}
	line := fmt.Sprintf("%s %-11s %s", marks[f.Status], f.Kind, f.Name)
	if f.Kind == graph.Instruction {
		line = fmt.Sprintf("%s %-11s", marks[f.Status], f.Kind)
	}
	line = strings.TrimRight(line, " ") + "  " + value
	if st.Width > 20 && utf8.RuneCountInString(line) > st.Width {
		line = string([]rune(line)[:st.Width-1]) + "…"
	}
	if st.Color && marks[f.Status] != " " {
		line = "\x1b[33m" + line + "\x1b[0m"
	}
	return line
}
