package plan

import (
	"github.com/terok-ai/terok-agent/pkg/graph"
)

// compareInstructions finds the longest common run of instructions and pairs,
// in each gap, what was removed with what was added under the same keyword. It
// returns those that have no other, by their places in the two lists.
func compareInstructions(d *difference, old, now []graph.Ingredient, stage int) unpaired {
	u := unpaired{removed: map[int]bool{}, added: map[int]bool{}}
	head := 0
	for len(old) > 0 && len(now) > 0 && same(old[0], now[0]) {
		old, now, head = old[1:], now[1:], head+1
	}
	for len(old) > 0 && len(now) > 0 && same(old[len(old)-1], now[len(now)-1]) {
		old, now = old[:len(old)-1], now[:len(now)-1]
	}
	i, j := 0, 0
	for _, pair := range append(commonRun(old, now), [2]int{len(old), len(now)}) {
		compareGap(d, gap{old[i:pair[0]], now[j:pair[1]], head + i, head + j, stage}, u)
		i, j = pair[0]+1, pair[1]+1
	}
	return u
}

// unpaired are the instructions that were removed or added, by their places.
type unpaired struct{ removed, added map[int]bool }

// gap is what lies between two instructions that both lists have, and where in
// the lists it begins.
type gap struct {
	old, now     []graph.Ingredient
	atOld, atNow int
	stage        int
}

func compareGap(d *difference, g gap, u unpaired) {
	used := make([]bool, len(g.now))
	for i, o := range g.old {
		at := -1
		for k := range g.now {
			if !used[k] && g.now[k].Name == o.Name {
				at = k
				break
			}
		}
		if at < 0 {
			u.removed[g.atOld+i] = true
			d.add(Reason{Code: InstructionRemoved, Subject: o.Name, From: text(o)})
			continue
		}
		used[at] = true
		r := Reason{Code: InstructionChanged, Subject: o.Name, From: text(o), To: text(g.now[at])}
		if r.From == r.To {
			// They differ in what is not shown: white space, a here-document.
			r.From, r.To = marked(o), marked(g.now[at])
		}
		d.add(r)
		d.step(graph.StepRef{Stage: g.stage, Step: g.now[at].Step})
	}
	for k, n := range g.now {
		if !used[k] {
			u.added[g.atNow+k] = true
			d.add(Reason{Code: InstructionAdded, Subject: n.Name, To: text(n)})
			d.step(graph.StepRef{Stage: g.stage, Step: n.Step})
		}
	}
}

// marked is an instruction's text with its digest.
func marked(in graph.Ingredient) string {
	if in.Note == "" {
		return short(in.Digest)
	}
	return in.Note + " (" + short(in.Digest) + ")"
}

func text(in graph.Ingredient) string {
	if in.Note != "" {
		return in.Note
	}
	return short(in.Digest)
}

// lcsLimit bounds the table below; longer lists are compared as one gap.
const lcsLimit = 4 << 20

// commonRun returns the index pairs of a longest common subsequence.
func commonRun(a, b []graph.Ingredient) [][2]int {
	if len(a) == 0 || len(b) == 0 || len(a)*len(b) > lcsLimit {
		return nil
	}
	width := len(b) + 1
	table := make([]int32, (len(a)+1)*width)
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			at := i*width + j
			if same(a[i], b[j]) {
				table[at] = table[at+width+1] + 1
			} else {
				table[at] = max(table[at+width], table[at+1])
			}
		}
	}
	var out [][2]int
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch at := i*width + j; {
		case same(a[i], b[j]):
			out = append(out, [2]int{i, j})
			i, j = i+1, j+1
		case table[at+width] >= table[at+1]:
			i++
		default:
			j++
		}
	}
	return out
}

// compareArgs compares arguments by name. What a lock supplies moves together
// with its version, so then only the version is named.
func compareArgs(d *difference, old, now []graph.Ingredient) {
	versionMoved := false
	was := byName(old)
	var locked []Reason
	report := func(o, n graph.Ingredient, kind graph.IngredientKind, name string) {
		r := Reason{Code: ArgChanged, Subject: name, From: argValue(o), To: argValue(n)}
		switch kind {
		case graph.Version:
			versionMoved = true
			r.Code, r.Subject = VersionChanged, name
			d.add(r)
		case graph.Locked:
			locked = append(locked, r)
		default:
			d.add(r)
		}
	}
	for _, n := range now {
		o, ok := was[n.Name]
		delete(was, n.Name)
		if !ok || !same(o, n) {
			report(o, n, n.Kind, n.Name)
		}
	}
	for _, o := range old {
		if _, left := was[o.Name]; left {
			delete(was, o.Name)
			report(o, graph.Ingredient{}, o.Kind, o.Name)
		}
	}
	if !versionMoved {
		for _, r := range locked {
			d.add(r)
		}
	}
}

func argValue(in graph.Ingredient) string {
	switch {
	case in.Note != "":
		return in.Note
	case in.Attr == ArgUnset:
		return "unset"
	default:
		return short(in.Digest)
	}
}

// ArgUnset is the Attr of an argument that has no value.
const ArgUnset = "unset"

func byName(list []graph.Ingredient) map[string]graph.Ingredient {
	m := make(map[string]graph.Ingredient, len(list))
	for _, in := range list {
		m[in.Name] = in
	}
	return m
}

// compareFiles compares files by path. One that is read only because an
// instruction was added, or no more because one was removed, is not named: that
// instruction is.
func compareFiles(d *difference, old, now files, u unpaired, stage int) {
	was := make(map[string]graph.Ingredient, len(old.list))
	for _, o := range old.list {
		was[pathOf(o)] = o
	}
	came, went := now.only(u.added), old.only(u.removed)
	seen := make(map[string]bool, len(now.list))
	for _, n := range now.list {
		path := pathOf(n)
		o, ok := was[path]
		if seen[path] {
			continue
		}
		seen[path] = true
		if ok && same(o, n) {
			continue
		}
		d.step(graph.StepRef{Stage: stage, Step: n.Step})
		switch {
		case !ok && came[path]:
		case !ok:
			d.add(Reason{Code: FileAdded, Subject: n.Name, To: short(n.Digest)})
		case graph.SameDigest(o.Digest, n.Digest) && o.Attr != n.Attr && sameType(o, n):
			d.add(Reason{Code: ModeChanged, Subject: n.Name, From: o.Attr[1:], To: n.Attr[1:]})
		default:
			d.add(Reason{Code: FileChanged, Subject: n.Name, From: short(o.Digest), To: short(n.Digest)})
		}
	}
	for _, o := range old.list {
		if path := pathOf(o); !seen[path] {
			seen[path] = true
			if !went[path] {
				d.add(Reason{Code: FileRemoved, Subject: o.Name, From: short(o.Digest)})
			}
		}
	}
}

// pathOf tells a directory that is an ingredient itself, with its mode, from
// the one whose files are folded.
func pathOf(in graph.Ingredient) string {
	if in.Kind == graph.Tree {
		return in.Name + "/"
	}
	return in.Name
}

// files are a list's files, each with the place of the instruction before it:
// that is the one that reads it.
type files struct {
	list   []graph.Ingredient
	reader []int
}

// only are the names of those that none but these instructions read.
func (f files) only(instructions map[int]bool) map[string]bool {
	if len(instructions) == 0 {
		return nil
	}
	out := map[string]bool{}
	for i, in := range f.list {
		path := pathOf(in)
		all, met := out[path]
		out[path] = instructions[f.reader[i]] && (all || !met)
	}
	return out
}

func sameType(a, b graph.Ingredient) bool {
	return a.Attr != "" && b.Attr != "" && a.Attr[0] == b.Attr[0]
}
