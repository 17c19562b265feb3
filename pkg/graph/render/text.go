// Package render turns plans and graphs into text for people.
package render

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// Style says how text looks.
type Style struct {
	// Color switches ANSI colours on.
	Color bool
	// Stages shows the stages inside layers too.
	Stages bool
	// Width bounds lines when not 0.
	Width int
}

// Plan writes the plan as a table, one line per node, reasons beside the
// action, and a summary line.
func Plan(w io.Writer, p *plan.Plan, st Style) error {
	t := table{style: st}
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Kind == graph.KindStage && !st.Stages {
			continue
		}
		t.add(s)
	}
	if _, err := io.WriteString(w, t.String()); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, SummaryLine(p))
	return err
}

// SummaryLine says in one line how much there is to do.
func SummaryLine(p *plan.Plan) string {
	s := p.Summary()
	var parts []string
	add := func(n int, one, many string) {
		if n == 1 {
			parts = append(parts, "1 "+one)
		} else if n > 1 {
			parts = append(parts, fmt.Sprintf("%d %s", n, many))
		}
	}
	add(s.Build, "image to build", "images to build")
	add(s.Pull, "to pull", "to pull")
	add(s.Retag, "to retag", "to retag")
	add(s.UpToDate, "up to date", "up to date")
	add(s.NotNeeded, "not needed", "not needed")
	line := strings.Join(parts, ", ")
	if !p.Changes() {
		return "nothing to do: " + line
	}
	return line
}

type table struct {
	style Style
	rows  [][4]string
	more  [][]string
	acts  []plan.Action
}

func (t *table) add(s *plan.Step) {
	phrases := Phrases(s)
	first := ""
	if len(phrases) > 0 {
		first = phrases[0]
	}
	node := string(s.Node)
	if s.Kind == graph.KindStage {
		node = "  " + node
	}
	t.rows = append(t.rows, [4]string{node, subject(s), string(s.Action), first})
	t.acts = append(t.acts, s.Action)
	if len(phrases) > 1 {
		t.more = append(t.more, phrases[1:])
	} else {
		t.more = append(t.more, nil)
	}
}

func subject(s *plan.Step) string {
	if s.Kind == graph.KindBase {
		return s.Ref
	}
	if len(s.Tags) > 0 {
		return s.Tags[0]
	}
	return ""
}

func (t *table) String() string {
	var width [3]int
	for _, r := range t.rows {
		for c := range width {
			width[c] = max(width[c], utf8.RuneCountInString(r[c]))
		}
	}
	var b strings.Builder
	for i, r := range t.rows {
		line := pad(r[0], width[0]) + "  " + pad(r[1], width[1]) + "  " + t.paint(t.acts[i], pad(r[2], width[2]))
		if r[3] != "" {
			line += "  " + t.fit(r[3], width[0]+width[1]+width[2]+6)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
		indent := strings.Repeat(" ", width[0]+width[1]+width[2]+6)
		for _, m := range t.more[i] {
			b.WriteString(indent + t.fit(m, len(indent)) + "\n")
		}
	}
	return b.String()
}

// fit cuts a phrase to what is left of the line.
func (t *table) fit(s string, used int) string {
	room := t.style.Width - used
	if t.style.Width == 0 || room < 20 || utf8.RuneCountInString(s) <= room {
		return s
	}
	return string([]rune(s)[:room-1]) + "…"
}

func (t *table) paint(a plan.Action, s string) string {
	if !t.style.Color {
		return s
	}
	code := ""
	switch a {
	case plan.Build:
		code = "33"
	case plan.Retag, plan.Pull:
		code = "36"
	case plan.UpToDate:
		code = "32"
	case plan.NotNeeded:
		code = "2"
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-utf8.RuneCountInString(s)))
}
