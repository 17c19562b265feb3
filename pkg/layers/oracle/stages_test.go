package oracle_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// stageEdits are edits of what stages stand on, of the target, and of settings
// that only the image has.
var stageEdits = []kind{
	{"base moved", func(p *project) bool { return p.moveBase(baseRef) }},
	{"other base moved", func(p *project) bool { return p.moveBase(otherRef) }},
	{"ARG before FROM", func(p *project) bool {
		at := len(p.Head) - 1
		if at < 0 || !strings.HasPrefix(p.Head[at], "ARG BASE=") || p.Args["BASE"] != "" {
			return false
		}
		p.Head[at] = "ARG BASE=" + p.swapBase(strings.TrimPrefix(p.Head[at], "ARG BASE="))
		return true
	}},
	{"argument of FROM passed", func(p *project) bool {
		at := len(p.Head) - 1
		if at < 0 || !strings.HasPrefix(p.Head[at], "ARG BASE=") {
			return false
		}
		was := p.Args["BASE"]
		if was == "" {
			was = strings.TrimPrefix(p.Head[at], "ARG BASE=")
		}
		p.Args["BASE"] = p.swapBase(was)
		return true
	}},
	{"FROM leads elsewhere", (*project).moveFrom},
	{"target", func(p *project) bool {
		to := p.Stages[p.rand.IntN(len(p.Stages))].Name
		if to == p.last().Name {
			return false
		}
		p.Target, p.wide = to, true
		return true
	}},
	replaced("CMD", "[\"cmd", "[\"other", "CMD"),
	replaced("LABEL", "=one", "=two", "LABEL"),
	{"CMD added", func(p *project) bool {
		s := &p.Stages[p.rand.IntN(len(p.Stages))]
		for _, l := range s.Lines {
			if keyword(l) == "CMD" {
				return false
			}
		}
		p.insert(s, len(s.Lines), fmt.Sprintf("CMD [\"added%d\"]", p.rand.IntN(1000)))
		return true
	}},
	{"EXPOSE added", func(p *project) bool {
		s := &p.Stages[p.rand.IntN(len(p.Stages))]
		p.insert(s, len(s.Lines), fmt.Sprint("EXPOSE ", 1+p.rand.IntN(60000)))
		return true
	}},
}

// quietEdits are edits that no builder minds.
var quietEdits = []kind{
	{"argument nobody declares", func(p *project) bool { p.Args["NOBODY"] = "x"; return true }},
	{"comment", func(p *project) bool {
		s := &p.Stages[p.rand.IntN(len(p.Stages))]
		s.Lines = append([]string{"# a comment", ""}, s.Lines...)
		return true
	}},
	{"case of a keyword", func(p *project) bool { return p.quiet("RUN ", "run ", "RUN") }},
	{"outer spaces", func(p *project) bool { return p.quiet("COPY ", "  COPY   ", "COPY") }},
	{"spelling of a path", func(p *project) bool { return p.quiet(" src/", " ./src/", "COPY src") }},
	{"name of a stage", func(p *project) bool {
		old := p.Stages[0].Name
		for i := range p.Stages {
			s := &p.Stages[i]
			if s.From == old {
				s.From = "renamed"
			}
			for j := range s.Lines {
				s.Lines[j] = strings.ReplaceAll(s.Lines[j], "from="+old+" ", "from=renamed ")
				s.Lines[j] = strings.ReplaceAll(s.Lines[j], "from="+old+",", "from=renamed,")
			}
		}
		p.Stages[0].Name = "renamed"
		if p.Target == old {
			p.Target = "renamed"
		}
		return true
	}},
	{"stage that nobody reads", func(p *project) bool {
		reached := p.reached()
		for i := range p.Stages {
			if s := &p.Stages[i]; !reached[s.Name] {
				s.Lines = append(s.Lines, fmt.Sprint("RUN echo nobody ", p.rand.IntN(1000)))
				return true
			}
		}
		return false
	}},
}

// edits are all kinds of edit.
var edits = func() (all []kind) {
	for _, list := range [][]kind{fileEdits, lineEdits, stageEdits, quietEdits} {
		all = append(all, list...)
	}
	return all
}()

// moveBase puts another image behind the same reference.
func (p *project) moveBase(ref string) bool {
	was := p.image(ref, p.Bases[ref])
	p.Bases[ref]++
	p.say(plan.BaseMoved, ref, was, p.image(ref, p.Bases[ref]))
	return true
}

// moveFrom lets a stage stand on an earlier one or on a base instead of what it
// stands on.
func (p *project) moveFrom() bool {
	at := p.rand.IntN(len(p.Stages))
	s := &p.Stages[at]
	to := []string{baseRef, otherRef}[p.rand.IntN(2)]
	if at > 0 && !p.chance(3) {
		to = p.Stages[p.rand.IntN(at)].Name
	}
	was := p.resolved(s.From)
	if to == was {
		return false
	}
	known := p.reached()
	before := p.inherited(s)
	s.From = to
	if p.stage(was) == nil && p.stage(to) == nil {
		p.say(plan.BaseMoved, to, was+"@"+p.image(was, p.Bases[was]), to+"@"+p.image(to, p.Bases[to]))
	} else {
		p.say(plan.InstructionChanged, "FROM", "FROM "+p.nodeOf(was), "FROM "+p.nodeOf(to))
	}
	// A stage that nothing read before is new as a whole, and what a stage
	// inherits is a part of its own steps.
	p.wide = (p.stage(to) != nil && !known[to]) || before || p.inherited(s)
	return true
}

// nodeOf is how a plan names what a FROM leads to.
func (p *project) nodeOf(from string) string {
	if p.stage(from) != nil {
		return "app/" + from
	}
	return from
}

// resolved is what a FROM leads to, without variables.
func (p *project) resolved(from string) string {
	if from != "${BASE}" {
		return from
	}
	if ref := p.Args["BASE"]; ref != "" {
		return ref
	}
	return strings.TrimPrefix(p.Head[len(p.Head)-1], "ARG BASE=")
}

// inherited says whether a stage gets more than files from those below it.
func (p *project) inherited(s *stage) bool {
	for s = p.stage(s.From); s != nil; s = p.stage(s.From) {
		for _, l := range s.Lines {
			if slices.Contains([]string{"ARG", "ONBUILD", "SHELL", "ENV", "WORKDIR", "USER"}, keyword(l)) {
				return true
			}
		}
	}
	return false
}

// swapBase gives the other of the two bases and says what that means.
func (p *project) swapBase(was string) string {
	is := otherRef
	if was == otherRef {
		is = baseRef
	}
	p.say(plan.BaseMoved, is, was+"@"+p.image(was, p.Bases[was]), is+"@"+p.image(is, p.Bases[is]))
	return is
}
