package oracle_test

import (
	"fmt"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// kind is a kind of edit; apply is false when the project has nothing that can
// be edited so.
type kind struct {
	name  string
	apply func(*project) bool
}

// replaced is an edit of a part of an instruction that begins with a word.
func replaced(name, old, replacement, word string) kind {
	return kind{name, func(p *project) bool { return p.line(old, replacement, word) }}
}

// lineEdits are edits of instructions that make files.
var lineEdits = []kind{
	replaced("text of a RUN", "echo one", "echo two", "RUN"),
	replaced("last RUN", "echo last", "echo  last", "RUN"),
	replaced("last RUN again", "echo  last", "echo last", "RUN"),
	replaced("here-document", "echo step", "echo Step", "RUN <<"),
	replaced("inline file", "inline one", "inline two", "COPY <<"),
	replaced("name of an inline file", "heredoc\n", "heredoc2\n", "COPY <<"),
	replaced("mount", "target=/m ", "target=/m,readwrite ", "RUN --mount"),
	replaced("cache mount", "target=/c ", "target=/cc ", "RUN --mount=type=cache"),
	replaced("secret mount", "id=one", "id=two", "RUN --mount=type=secret"),
	replaced("network", "--network=none ", "", "RUN --network"),
	replaced("value of ENV", "=one", "=three", "ENV"),
	replaced("WORKDIR", "/w", "/x", "WORKDIR"),
	replaced("SHELL", `"-ec"`, `"-exc"`, "SHELL"),
	replaced("USER", "USER 0", "USER 0:0", "USER"),
	replaced("owner", "1000:1000", "1000:1001", "COPY --chown"),
	replaced("destination", " /in", " /out", "COPY"),
	replaced("destination of ADD", " /in", " /out", "ADD"),
	{"mode given to COPY", func(p *project) bool { return p.flag("--chmod=755") }},
	{"link given to COPY", func(p *project) bool { return p.flag("--link") }},
	{"excluded", func(p *project) bool {
		ok := p.line("--exclude=*.md ", "--exclude=*.md --exclude=sub ", "COPY --exclude")
		for d := range 3 {
			p.followsFiles(fmt.Sprintf("src/d%d/sub", d))
		}
		return ok
	}},
	{"parents", func(p *project) bool {
		ok := p.line("COPY --parents ", "COPY ", "COPY --parents")
		p.followsFiles("src")
		return ok
	}},
	{"wildcard", func(p *project) bool {
		ok := p.line("src/d? ", "src/d[12] ", "COPY")
		p.followsFiles("src/d0")
		return ok
	}},
	{"order of ENV", (*project).swapEnv},
	{"trigger", func(p *project) bool {
		s, l, ok := p.pick("ONBUILD")
		if !ok {
			return false
		}
		was := s.Lines[l]
		s.Lines[l] = strings.Replace(was, "trigger", "another trigger", 1)
		p.lineChanged(was, s.Lines[l])
		was, is := strings.TrimPrefix(was, "ONBUILD "), strings.TrimPrefix(s.Lines[l], "ONBUILD ")
		p.lineChanged(was, is)
		return true
	}},
	{"RUN added", func(p *project) bool {
		s, l, ok := p.pick("RUN")
		if ok {
			p.insert(s, l, fmt.Sprint("RUN echo added ", p.rand.IntN(1000)))
		}
		return ok
	}},
	{"COPY added", func(p *project) bool {
		s, l, ok := p.pick("RUN")
		if ok {
			p.insert(s, l, fmt.Sprintf("COPY fixed.txt /added-%d", p.rand.IntN(1000)))
		}
		return ok
	}},
	{"instruction removed", func(p *project) bool {
		s, l, ok := p.pick("COPY run", "COPY src", "COPY --exclude", "ADD", "WORKDIR", "SHELL", "USER")
		if ok {
			p.say(plan.InstructionRemoved, keyword(s.Lines[l]), shown(s.Lines[l]), "")
			p.holdsAgain(s.Lines[l])
			s.Lines = append(s.Lines[:l:l], s.Lines[l+1:]...)
		}
		return ok
	}},
	{"default of ARG", func(p *project) bool {
		s, l, ok := p.pick("ARG")
		if !ok {
			return false
		}
		name, was := argOf(s.Lines[l])
		is := was + "+"
		s.Lines[l] = "ARG " + name + "=" + is
		if _, passed := p.Args[name]; !passed {
			p.say(plan.ArgChanged, name, argDigest(was), argDigest(is))
		}
		return true
	}},
	{"argument passed", func(p *project) bool {
		s, l, ok := p.pick("ARG")
		if !ok {
			return false
		}
		name, was := argOf(s.Lines[l])
		if v, passed := p.Args[name]; passed {
			was = v
		}
		p.Args[name] = fmt.Sprint("passed ", p.rand.IntN(5))
		if was != p.Args[name] {
			p.say(plan.ArgChanged, name, argDigest(was), argDigest(p.Args[name]))
		}
		return true
	}},
}

// holdsAgain allows for what a removed setting hid: that of a stage below.
func (p *project) holdsAgain(line string) {
	word := keyword(line)
	if word == "COPY" || word == "ADD" {
		return
	}
	for _, s := range p.Stages {
		for _, l := range s.Lines {
			if keyword(l) == word {
				p.follows(plan.InstructionAdded, word, "", shown(l))
				p.say(plan.InstructionChanged, word, shown(line), shown(l))
			}
		}
	}
}

// argOf is the name and the default of an ARG.
func argOf(line string) (name, value string) {
	name, value, _ = strings.Cut(strings.TrimPrefix(line, "ARG "), "=")
	return name, value
}

func argDigest(value string) string { return short(graph.DigestOf(value)) }

// flag gives one to a COPY that has it not yet.
func (p *project) flag(flag string) bool {
	s, l, ok := p.pick("COPY")
	if !ok || strings.Contains(s.Lines[l], flag) {
		return false
	}
	was := s.Lines[l]
	s.Lines[l] = strings.Replace(was, "COPY ", "COPY "+flag+" ", 1)
	p.lineChanged(was, s.Lines[l])
	return true
}

// swapEnv swaps the two variables of an ENV: one of them moves over the other.
func (p *project) swapEnv() bool {
	s, l, ok := p.pick("ENV")
	if !ok {
		return false
	}
	words := strings.Fields(s.Lines[l])
	for _, w := range words[1:] {
		p.say(plan.InstructionRemoved, "ENV", "ENV "+w, "")
		p.say(plan.InstructionAdded, "ENV", "", "ENV "+w)
	}
	words[1], words[2] = words[2], words[1]
	s.Lines[l] = strings.Join(words, " ")
	return true
}
