package dockerfile

import (
	"errors"
	"regexp"
	"sort"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// saltArg is the argument that makes a builder run a stage again. It says
// nothing about what is built, so it is never a fact.
const saltArg = "TEROK_SALT"

// analysis is what one call of Facts or Instrument knows of a file.
type analysis struct {
	f      *File
	o      Options
	x      *expander
	global *scope
	stages []resolved
	// declared are the names of the ARG instructions met.
	declared map[string]bool
}

// resolved is a reached stage with its ends tied.
type resolved struct {
	reached  bool
	from     Ref
	platform string // of FROM --platform where it differs from the target's
	// triggers are the ONBUILD instructions of what it builds on, env its
	// environment where known.
	triggers []instruction
	env      []string
	envKnown bool
}

// analyse resolves references and finds what target reaches. It returns the
// target's index.
func (f *File) analyse(o Options) (*analysis, int, error) {
	a := &analysis{
		f: f, o: o, x: newExpander(f.escape),
		stages: make([]resolved, len(f.parsed)), declared: map[string]bool{},
	}
	target, err := f.target(o.Target)
	if err != nil {
		return nil, 0, err
	}
	if err := a.readGlobals(target); err != nil {
		return nil, 0, err
	}
	if err := a.reach(target); err != nil {
		return nil, 0, err
	}
	return a, target, nil
}

// readGlobals evaluates the ARG instructions before the first FROM.
func (a *analysis) readGlobals(target int) error {
	a.global = newScope(true)
	name := a.f.parsed[target].from.Name
	for _, kv := range platformArgs(a.o, name) {
		v := kv[1]
		if passed, ok := a.o.Args[kv[0]]; ok {
			v = passed
		}
		a.global.setArg(kv[0], plain(v))
	}
	for _, in := range a.f.globals {
		for _, kv := range in.cmd.(*instructions.ArgCommand).Args {
			a.declared[kv.Key] = true
			if err := a.setGlobal(in.line, kv); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *analysis) setGlobal(line int, kv instructions.KeyValuePairOptional) error {
	if v, ok := a.o.Args[kv.Key]; ok {
		a.global.setArg(kv.Key, plain(v))
		return nil
	}
	if kv.Value == nil {
		return nil
	}
	v, err := a.x.word(*kv.Value, a.global)
	if err != nil {
		return a.f.wrap(line, err)
	}
	a.global.setArg(kv.Key, v)
	return nil
}

// reach marks stage i and all it reads, depth first.
func (a *analysis) reach(i int) error {
	if a.stages[i].reached {
		return nil
	}
	a.stages[i].reached = true
	if err := a.resolveFrom(i); err != nil {
		return err
	}
	if s := a.stages[i].from.Stage; s >= 0 {
		if err := a.reach(s); err != nil {
			return err
		}
	}
	if err := a.readTriggers(i); err != nil {
		return err
	}
	for _, in := range a.steps(i) {
		refs, err := a.refs(i, in)
		if err != nil {
			return err
		}
		for _, r := range refs {
			if r.Stage < 0 {
				continue
			}
			if err := a.reach(r.Stage); err != nil {
				return err
			}
		}
	}
	return nil
}

// steps returns what stage i executes: the triggers of what it builds on, then
// its own instructions.
func (a *analysis) steps(i int) []instruction {
	own := a.f.parsed[i].steps
	if len(a.stages[i].triggers) == 0 {
		return own
	}
	return append(append([]instruction(nil), a.stages[i].triggers...), own...)
}

var oneArg = regexp.MustCompile(`^\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})$`)

// resolveFrom finds what the FROM of stage i means.
func (a *analysis) resolveFrom(i int) error {
	st := a.f.parsed[i]
	name, err := a.x.word(st.from.BaseName, a.global)
	if err != nil {
		return a.f.wrap(st.line, err)
	}
	if name.text == "" {
		e := a.f.errorf(st.line, "FROM %s names nothing", st.from.BaseName)
		e.Hint = "an argument without value and default?"
		return e
	}
	ref := Ref{Stage: -1, External: name.text, Line: st.line}
	if m := oneArg.FindStringSubmatch(st.from.BaseName); m != nil && a.declared[m[1]+m[2]] {
		ref.Arg = m[1] + m[2]
	}
	s, err := a.f.stageNamed(name.text, i, st.line)
	if err != nil {
		return err
	}
	if s >= 0 {
		ref.Stage, ref.External = s, ""
	}
	a.stages[i].from = ref
	return a.resolvePlatform(i)
}

func (a *analysis) resolvePlatform(i int) error {
	st := a.f.parsed[i]
	if st.from.Platform == "" {
		return nil
	}
	p, err := a.x.word(st.from.Platform, a.global)
	if err != nil {
		return a.f.wrap(st.line, err)
	}
	if p.text == "" && a.o.Platform == "" {
		return nil // $TARGETPLATFORM, of which the caller says nothing
	}
	if p.text == "" {
		return a.f.errorf(st.line, "FROM --platform=%s is empty", st.from.Platform)
	}
	if p.text != a.o.Platform {
		a.stages[i].platform = p.text
	}
	return nil
}

// readTriggers finds the ONBUILD triggers that stage i runs.
func (a *analysis) readTriggers(i int) error {
	r := &a.stages[i]
	var texts []string
	switch {
	case r.from.Stage >= 0:
		for _, in := range a.f.parsed[r.from.Stage].steps {
			if ob, ok := in.cmd.(*instructions.OnbuildCommand); ok {
				texts = append(texts, ob.Expression)
			}
		}
	case r.from.External == "scratch":
		r.envKnown = true
	case a.o.OnBuild != nil:
		texts, r.env = a.o.OnBuild(r.from.External)
		r.envKnown = r.env != nil
	}
	for _, t := range texts {
		in, err := a.f.trigger(t, a.f.parsed[i].line)
		if err != nil {
			return err
		}
		r.triggers = append(r.triggers, in)
	}
	return nil
}

// trigger parses one ONBUILD trigger; line is that of the FROM that runs it.
func (f *File) trigger(text string, line int) (instruction, error) {
	fail := func(err error) (instruction, error) {
		return instruction{}, f.errorf(line, "ONBUILD trigger %q of the base: %w", text, err)
	}
	res, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return fail(err)
	}
	if len(res.AST.Children) != 1 {
		return fail(errors.New("more than one instruction"))
	}
	n := res.AST.Children[0]
	cmd, err := instructions.ParseCommand(n)
	if err != nil {
		return fail(err)
	}
	return instruction{cmd: cmd, node: n, line: line, end: line}, nil
}

// unused returns the passed arguments that nothing declares, sorted. Those that
// builders know without a declaration are not among them.
func (a *analysis) unused() []string {
	var out []string
	for n := range a.o.Args {
		if !a.declared[n] && !builtinArg(n) {
			out = append(out, n)
		}
	}
	sort.Strings(out)
	return out
}
