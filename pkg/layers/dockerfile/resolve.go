package dockerfile

import (
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// target returns the index of the stage that name or number means; empty is
// the last.
func (f *File) target(name string) (int, error) {
	if name == "" {
		return len(f.parsed) - 1, nil
	}
	i, err := f.stageNamed(name, len(f.parsed), 0)
	if err != nil || i >= 0 {
		return i, err
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < len(f.parsed) {
		return n, nil
	}
	e := f.errorf(0, "no stage %q to build", name)
	e.Hint = f.hint(name, len(f.parsed))
	return 0, e
}

// stageNamed returns the index of the stage called name among those before
// limit, or -1. Builders disagree on which one a name given twice means, so
// using one is an error at line.
func (f *File) stageNamed(name string, limit, line int) (int, error) {
	found := -1
	for i := 0; i < limit; i++ {
		if n := f.parsed[i].from.Name; n == "" || !strings.EqualFold(n, name) {
			continue
		}
		if found >= 0 {
			return -1, f.errorf(line, "stage %q is defined twice, in lines %d and %d", name, f.parsed[found].line, f.parsed[i].line)
		}
		found = i
	}
	return found, nil
}

// hint names the stages before limit, the nearest first.
func (f *File) hint(name string, limit int) string {
	var names []string
	for _, s := range f.parsed[:limit] {
		if s.from.Name != "" {
			names = append(names, s.from.Name)
		}
	}
	if h := nearest(name, names, false); h != "" {
		return h
	}
	if len(names) == 0 {
		return "no stage has a name"
	}
	return "there are " + strings.Join(names, ", ")
}

// refs returns what instruction in of stage i reads, in order.
func (a *analysis) refs(i int, in instruction) ([]Ref, error) {
	switch c := in.cmd.(type) {
	case *instructions.CopyCommand:
		if c.From == "" {
			return nil, nil
		}
		r, err := a.ref(c.From, i, in.line)
		return []Ref{r}, err
	case *instructions.RunCommand:
		var out []Ref
		for _, m := range instructions.GetMounts(c) {
			if m.From == "" {
				continue
			}
			r, err := a.ref(m.From, i, in.line)
			if err != nil {
				return nil, err
			}
			out = append(out, r)
		}
		return out, nil
	}
	return nil, nil
}

// ref resolves the name or number of a COPY --from or a mount's from in stage
// i: an earlier stage, or something outside.
func (a *analysis) ref(name string, i, line int) (Ref, error) {
	if strings.Contains(name, "$") {
		e := a.f.errorf(line, "from=%s: a variable cannot stand here", name)
		e.Hint = "define a stage with FROM " + name + " AS a-name and use that"
		return Ref{}, e
	}
	r := Ref{Stage: -1, Line: line}
	s, err := a.f.stageNamed(name, i, line)
	if err != nil {
		return r, err
	}
	if s >= 0 {
		r.Stage = s
		return r, nil
	}
	if later, err := a.f.stageNamed(name, len(a.f.parsed), line); err != nil || later >= 0 {
		if err != nil {
			return r, err
		}
		return r, a.f.errorf(line, "from=%s: that stage is not defined before this one", name)
	}
	if n, err := strconv.Atoi(name); err == nil {
		if n < 0 || n >= i {
			return r, a.f.errorf(line, "from=%s: there are %d stages before this one", name, i)
		}
		r.Stage = n
		return r, nil
	}
	r.External = name
	return r, nil
}
