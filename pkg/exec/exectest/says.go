package exectest

import (
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// Says is a plan in short, for tests to compare: a text for every base and
// layer that is not up to date, in the plan's order, with its action where that
// is not build, and its reasons.
func Says(p *plan.Plan) []string {
	var out []string
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Action == plan.UpToDate || s.Kind == graph.KindStage {
			continue
		}
		line := string(s.Node)
		if s.Action != plan.Build {
			line += " " + string(s.Action)
		}
		for _, r := range s.Reasons {
			line += " " + reason(r)
		}
		out = append(out, line)
	}
	return out
}

// reason names both values where they are short and the same in every run.
func reason(r plan.Reason) string {
	text := string(r.Code) + "(" + r.Subject
	if r.Code == plan.VersionChanged || r.Code == plan.ModeChanged || r.Code == plan.InstructionChanged {
		text += " " + r.From + "→" + r.To
	}
	return text + ")"
}
