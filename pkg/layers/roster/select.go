package roster

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/layers/words"
)

// SelectionError says that a selection names entries that do not exist.
type SelectionError struct {
	// Wanted are the names that are not known, Available all that are.
	Wanted, Available []string
	// Nearest is, for some of Wanted, the name that was probably meant.
	Nearest map[string]string
}

func (e *SelectionError) Error() string {
	parts := make([]string, len(e.Wanted))
	for i, w := range e.Wanted {
		parts[i] = fmt.Sprintf("%q", w)
		if n := e.Nearest[w]; n != "" {
			parts[i] += fmt.Sprintf(" (did you mean %q?)", n)
		}
	}
	return "unknown agent " + strings.Join(parts, ", ")
}

// Hint lists what there is.
func (e *SelectionError) Hint() string { return "available: " + strings.Join(e.Available, ", ") }

// ExcludedError says that a selected entry needs one that was taken out.
type ExcludedError struct{ Name, NeededBy string }

func (e *ExcludedError) Error() string {
	return fmt.Sprintf("selecting agents: %q is excluded, but %q needs it", e.Name, e.NeededBy)
}

// Select returns the names that a selection means, with all they depend on,
// sorted and never nil. A selection is a list of names separated by commas, in
// any case; "all" means every entry that is not kept out of it, as does a list
// that names nothing, and "-name" takes an entry out ("all,-codex"). Errors
// are *SelectionError and *ExcludedError.
func (r *Roster) Select(sel string) ([]string, error) {
	var names, out []string
	all := true
	for _, term := range strings.Split(sel, ",") {
		term = strings.ToLower(strings.TrimSpace(term))
		without, isOut := strings.CutPrefix(term, "-")
		switch {
		case term == "":
		case isOut:
			out = append(out, strings.TrimSpace(without))
		case term == "all":
			names = append(names, r.defaults()...)
			all = false
		default:
			names = append(names, term)
			all = false
		}
	}
	if all {
		names = r.defaults()
	}
	return r.Expand(names, out...)
}

// Expand returns the names with all they depend on, without those excluded,
// sorted and never nil. Errors are those of Select.
func (r *Roster) Expand(names []string, excluded ...string) ([]string, error) {
	if err := r.checkKnown(append(append([]string(nil), names...), excluded...)); err != nil {
		return nil, err
	}
	chosen := map[string]bool{}
	var visit func(name, by string) error
	visit = func(name, by string) error {
		if slices.Contains(excluded, name) {
			if by == "" {
				return nil
			}
			return &ExcludedError{Name: name, NeededBy: by}
		}
		if chosen[name] {
			return nil
		}
		chosen[name] = true
		for _, d := range r.entries[name].DependsOn {
			if err := visit(d, name); err != nil {
				return err
			}
		}
		return nil
	}
	for _, name := range names {
		if err := visit(name, ""); err != nil {
			return nil, err
		}
	}
	list := make([]string, 0, len(chosen))
	for name := range chosen {
		list = append(list, name)
	}
	sort.Strings(list)
	return list, nil
}

// defaults are the names that "all" means.
func (r *Roster) defaults() []string {
	var list []string
	for _, name := range r.names {
		if r.entries[name].Default {
			list = append(list, name)
		}
	}
	return list
}

func (r *Roster) checkKnown(names []string) error {
	e := &SelectionError{Available: r.Names(), Nearest: map[string]string{}}
	for _, name := range names {
		if _, ok := r.entries[name]; ok || slices.Contains(e.Wanted, name) {
			continue
		}
		e.Wanted = append(e.Wanted, name)
		if n := words.Nearest(name, r.names); n != "" {
			e.Nearest[name] = n
		}
	}
	if len(e.Wanted) == 0 {
		return nil
	}
	return e
}

// related are the entries that another stands on, in an image or while it is
// made.
func (e Entry) related() []string { return append(slices.Clone(e.DependsOn), e.Needs...) }

// checkDependencies reports dependencies that do not exist, and circles.
func (r *Roster) checkDependencies() []error {
	var errs []error
	for _, name := range r.names {
		e := r.entries[name]
		errs = append(errs, r.checkExist(e, "depends_on", "depends on", e.DependsOn)...)
		errs = append(errs, r.checkExist(e, "needs", "needs", e.Needs)...)
	}
	return append(errs, r.checkCircles()...)
}

func (r *Roster) checkExist(e Entry, key, verb string, names []string) []error {
	var errs []error
	for _, d := range names {
		if _, ok := r.entries[d]; !ok {
			err := e.Errorf(key, "%s %q, which is not an entry", verb, d)
			err.Hint = words.DidYouMean(d, r.names)
			errs = append(errs, err)
		}
	}
	return errs
}

// checkCircles reports each circle once, from its first name.
func (r *Roster) checkCircles() []error {
	var errs []error
	done := map[string]bool{}
	var walk func(name string, path []string)
	walk = func(name string, path []string) {
		for i, p := range path {
			if p == name {
				circle := append(append([]string(nil), path[i:]...), name)
				errs = append(errs, r.entries[name].Errorf("depends_on",
					"entries depend on each other in a circle: %s", strings.Join(circle, " → ")))
				return
			}
		}
		if done[name] {
			return
		}
		for _, d := range r.entries[name].related() {
			walk(d, append(path[:len(path):len(path)], name))
		}
		done[name] = true
	}
	for _, name := range r.names {
		walk(name, nil)
	}
	return errs
}
