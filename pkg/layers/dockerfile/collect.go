package dockerfile

import (
	"path"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// Facts returns what o.Target needs. It is pure: the same file and options
// give the same facts. Errors are *ParseError.
func (f *File) Facts(o Options) (*Facts, error) {
	a, target, err := f.analyse(o)
	if err != nil {
		return nil, err
	}
	out := &Facts{}
	ends := make([]*collector, len(f.parsed))
	// A stage can only read earlier ones, so file order is inputs first.
	for i := 0; i <= target; i++ {
		if !a.stages[i].reached {
			continue
		}
		c := a.newCollector(i, ends)
		if err := c.run(); err != nil {
			return nil, err
		}
		ends[i] = c
		out.Stages = append(out.Stages, c.stage())
	}
	out.Target = len(out.Stages) - 1
	out.Unused = a.unused()
	return out, nil
}

// class says which steps see a state.
type class int

const (
	classVars   class = iota // ENV and ARG
	classVolume              // VOLUME: some builders throw away what a later RUN writes there
	classUser                // from here on only the last one counts
	classShell
	classWorkdir
)

// state is a fact that later steps can see.
type state struct {
	class class
	fact  Fact
}

// collector walks the instructions of one stage.
type collector struct {
	*analysis
	index int
	scope *scope
	// dir is the working directory; it is symbolic while it is not known.
	dir value
	// all is the state at this point, pending what of it no step has seen yet.
	all, pending []state
	// emitted is the text of the last fact of a class in files.
	emitted map[class]string
	once    map[string]bool
	alias   bool

	files, config []Fact
}

func (a *analysis) newCollector(i int, ends []*collector) *collector {
	c := &collector{
		analysis: a, index: i, dir: value{symbolic: true}, alias: true,
		emitted: map[class]string{}, once: map[string]bool{},
	}
	r := a.stages[i]
	if r.from.Stage >= 0 {
		c.inherit(ends[r.from.Stage])
	} else {
		c.scope = newScope(r.envKnown)
		for _, kv := range r.env {
			c.setBaseEnv(kv)
		}
		if r.from.External == "scratch" {
			c.dir = plain("/")
		}
	}
	c.from(r)
	return c
}

// inherit takes over what the parent stage leaves.
func (c *collector) inherit(parent *collector) {
	c.scope = parent.scope.child()
	c.dir = parent.dir
	for _, s := range parent.all {
		s.fact.Step = 0
		c.all = append(c.all, s)
	}
	c.pending = append([]state(nil), c.all...)
}

// from emits the facts of the FROM instruction.
func (c *collector) from(r resolved) {
	if r.platform != "" {
		c.alias = false
		f := Fact{Kind: Instruction, Keyword: "FROM", Text: "--platform=" + plain(r.platform).String(), Line: r.from.Line}
		f.Display = "FROM " + f.Text
		c.files = append(c.files, f)
		c.config = append(c.config, f)
	}
	if r.from.External == "scratch" {
		return
	}
	f := c.input("from", r.from, 0)
	f.Display = display(c.f.parsed[c.index].from.SourceCode)
	c.files = append(c.files, f)
	c.config = append(c.config, f)
}

func (c *collector) input(role string, r Ref, step int) Fact {
	return Fact{Kind: Input, Role: role, Ref: r, Line: r.Line, Step: step}
}

func (c *collector) stage() Stage {
	st := c.f.parsed[c.index]
	return Stage{
		Index: c.index, Name: st.from.Name, Line: st.line, From: c.stages[c.index].from, Platform: c.stages[c.index].platform,
		Alias: c.alias, Files: c.files, Config: c.config,
	}
}

func (c *collector) run() error {
	if c.epoch() {
		c.config = append(c.config, c.builtin(epochArg, 0, 0))
	}
	for _, in := range c.steps(c.index) {
		if _, ok := in.cmd.(*instructions.ArgCommand); !ok {
			c.alias = false
		}
		if err := c.instruction(in); err != nil {
			return c.f.wrap(in.line, err)
		}
	}
	return nil
}

// remember adds a state. Of the classes that have one value only the last
// counts, and only when it differs from what was seen last.
func (c *collector) remember(cl class, f Fact) {
	s := state{cl, f}
	if cl < classUser {
		c.all, c.pending = append(c.all, s), append(c.pending, s)
		return
	}
	c.all = append(without(c.all, cl), s)
	c.pending = without(c.pending, cl)
	if last, ok := c.emitted[cl]; !ok || last != f.Text {
		c.pending = append(c.pending, s)
	}
}

func without(list []state, cl class) []state {
	var out []state
	for _, s := range list {
		if s.class != cl {
			out = append(out, s)
		}
	}
	return out
}

// see emits the pending state of the classes, in order: the step that follows
// sees it.
func (c *collector) see(classes ...class) {
	var rest []state
	for _, s := range c.pending {
		if !has(classes, s.class) {
			rest = append(rest, s)
			continue
		}
		c.files = append(c.files, s.fact)
		c.emitted[s.class] = s.fact.Text
	}
	c.pending = rest
}

func has(list []class, cl class) bool {
	for _, c := range list {
		if c == cl {
			return true
		}
	}
	return false
}

// resolve returns p relative to the working directory. Where that is not known
// p stays relative, and the state it depends on is emitted.
func (c *collector) resolve(p value) value {
	switch {
	case p.symbolic:
		c.see(classWorkdir)
		return p
	case path.IsAbs(p.text):
		return plain(path.Clean(p.text))
	case c.dir.symbolic:
		c.see(classWorkdir)
		return plain(path.Clean(p.text))
	}
	return plain(path.Join(c.dir.text, p.text))
}
