package llb

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

// text is a recipe's Dockerfile as conversion gets it, with the way back to
// the text as written.
type text struct {
	// file is as written, facts what of it the target needs.
	file  *dockerfile.File
	facts *dockerfile.Facts
	// ready is what conversion gets; salted is the same, read, and origin
	// leads from its steps to the lines of file.
	ready  []byte
	salted *dockerfile.File
	origin dockerfile.Instrumented
	// byLine are the instructions of file.
	byLine map[int]Place
}

// prepare reads the Dockerfile, refuses what is not declared and puts in what
// BuildKit needs and a person would not write. No edit but the salt moves a
// line.
func prepare(r Recipe, p *parents, env Env) (*text, error) {
	f, err := dockerfile.Parse(r.File, r.Dockerfile)
	if err != nil {
		return nil, parseError(r.File, err)
	}
	t := &text{file: f, byLine: map[int]Place{}}
	for i, s := range f.Stages {
		for j, in := range s.Instructions {
			t.byLine[in.Line] = Place{File: r.File, Line: in.Line, Step: graph.StepRef{Stage: i, Step: j}, Text: in.Text}
		}
	}
	t.facts, err = f.Facts(dockerfile.Options{
		Args: r.Args, Target: r.Target, Platform: r.Platform, BuildPlatform: env.BuildPlatform, OnBuild: p.onBuild,
	})
	if err != nil {
		return nil, parseError(r.File, err)
	}
	if err := t.checkRefs(p); err != nil {
		return nil, err
	}
	edits := t.standIns(p)
	t.links(p, edits)
	return t, t.instrument(r, p, edits)
}

// instrument applies edits and salt and keeps the way back.
func (t *text) instrument(r Recipe, p *parents, edits map[int]edit) error {
	edited, err := dockerfile.Parse(r.File, replaceLines(r.Dockerfile, edits))
	if err != nil {
		return parseError(r.File, err)
	}
	t.origin, err = dockerfile.Instrument(edited, dockerfile.InstrumentOptions{
		Target: r.Target, Args: r.Args, Platform: r.Platform, OnBuild: p.onBuild, Salt: r.Salt,
	})
	if err != nil {
		return parseError(r.File, err)
	}
	t.ready = t.origin.Dockerfile
	t.salted, err = dockerfile.Parse(r.File, t.ready)
	if err != nil {
		return parseError(r.File, err)
	}
	return nil
}

// checkRefs makes sure that all the target needs is a stage or a parent, and
// remembers where each parent is named first.
func (t *text) checkRefs(p *parents) error {
	check := func(ref dockerfile.Ref) error {
		if ref.Stage >= 0 || ref.External == "" || ref.External == "scratch" {
			return nil
		}
		one := p.lookup(ref.External)
		if one == nil {
			return undeclared(t.file.Name, ref, p)
		}
		if one.line == 0 || ref.Line < one.line {
			one.line = ref.Line
		}
		return nil
	}
	for i := range t.facts.Stages {
		s := &t.facts.Stages[i]
		if err := check(s.From); err != nil {
			return err
		}
		for _, f := range s.Files {
			if f.Kind != dockerfile.Input {
				continue
			}
			if err := check(f.Ref); err != nil {
				return err
			}
		}
	}
	return nil
}

func undeclared(file string, ref dockerfile.Ref, p *parents) error {
	var have []string
	for _, k := range sortedKeys(p.byKey) {
		have = append(have, p.byKey[k].ref)
	}
	e := &Error{File: file, Line: ref.Line, Message: fmt.Sprintf("%q is neither a stage nor a parent", ref.External), Err: ErrUndeclared}
	if len(have) > 0 {
		e.Hint = "there are " + strings.Join(have, ", ")
	}
	return e
}

// edit replaces the lines of one instruction, up to end, by one.
type edit struct {
	end  int
	text string
}

// standIns gives parents another name in FROM where the own one would be
// misunderstood: conversion takes a stage that is called like a parent for that
// parent, steps and all, and refuses names that no registry could have.
func (t *text) standIns(p *parents) map[int]edit {
	edits := map[int]edit{}
	for i := range t.facts.Stages {
		s := &t.facts.Stages[i]
		one := p.lookup(s.From.External)
		if s.From.Stage >= 0 || one == nil || (isReference(one.ref) && !t.hasStage(one.key)) {
			continue
		}
		if one.standIn == "" {
			// No stage can be called so: there is a slash in it.
			one.standIn = "terok-parent/" + strconv.Itoa(s.Index)
		}
		from := t.file.Stages[s.Index].Instructions[0]
		words := strings.Fields(from.Text)
		for w := 1; w < len(words); w++ {
			if !strings.HasPrefix(words[w], "--") {
				words[w] = one.standIn
				break
			}
		}
		edits[from.Line] = edit{from.EndLine, strings.Join(words, " ")}
	}
	return edits
}

func (t *text) hasStage(name string) bool {
	for _, s := range t.file.Stages {
		if s.Name != "" && strings.EqualFold(s.Name, name) {
			return true
		}
	}
	return false
}

// links adds --link to every "COPY --from=PART / /".
func (t *text) links(p *parents, edits map[int]edit) {
	for i := range t.facts.Stages {
		for _, in := range t.file.Stages[t.facts.Stages[i].Index].Instructions {
			words := strings.Fields(in.Text)
			if in.Keyword != "COPY" || len(words) != 4 || words[2] != "/" || words[3] != "/" {
				continue
			}
			name, ok := strings.CutPrefix(words[1], "--from=")
			if one := t.parentCalled(name, p); ok && one != nil && one.Part {
				edits[in.Line] = edit{in.EndLine, "COPY --link --from=" + name + " / /"}
			}
		}
	}
}

// parentCalled returns the parent that the name in a COPY --from means: its
// own, or that of a stage that is nothing but another name of it. Else nil.
func (t *text) parentCalled(name string, p *parents) *parent {
	if !t.hasStage(name) {
		return p.lookup(name)
	}
	for i := range t.facts.Stages {
		s := &t.facts.Stages[i]
		if strings.EqualFold(s.Name, name) && s.Alias && s.From.Stage < 0 {
			return p.lookup(s.From.External)
		}
	}
	return nil
}

// replaceLines applies edits, by first line; empty lines keep the count.
func replaceLines(src []byte, edits map[int]edit) []byte {
	if len(edits) == 0 {
		return src
	}
	lines := strings.Split(string(src), "\n")
	for first, e := range edits {
		lines[first-1] = e.text
		for n := first; n < e.end; n++ {
			lines[n] = ""
		}
	}
	return []byte(strings.Join(lines, "\n"))
}
