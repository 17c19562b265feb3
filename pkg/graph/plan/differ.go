package plan

import (
	"github.com/terok-ai/terok-agent/pkg/graph"
)

// compareInstructions finds the longest common run of instructions and pairs,
// in each gap, what was removed with what was added under the same keyword.
func compareInstructions(d *difference, old, now []graph.Ingredient, stage int) {
	for len(old) > 0 && len(now) > 0 && same(old[0], now[0]) {
		old, now = old[1:], now[1:]
	}
	for len(old) > 0 && len(now) > 0 && same(old[len(old)-1], now[len(now)-1]) {
		old, now = old[:len(old)-1], now[:len(now)-1]
	}
	i, j := 0, 0
	for _, pair := range append(commonRun(old, now), [2]int{len(old), len(now)}) {
		compareGap(d, old[i:pair[0]], now[j:pair[1]], stage)
		i, j = pair[0]+1, pair[1]+1
	}
}

func compareGap(d *difference, old, now []graph.Ingredient, stage int) {
	used := make([]bool, len(now))
	for _, o := range old {
		at := -1
		for k := range now {
			if !used[k] && now[k].Name == o.Name {
				at = k
				break
			}
		}
		if at < 0 {
			d.add(Reason{Code: InstructionRemoved, Subject: o.Name, From: text(o)})
			continue
		}
		used[at] = true
		d.add(Reason{Code: InstructionChanged, Subject: o.Name, From: text(o), To: text(now[at])})
		d.step(graph.StepRef{Stage: stage, Step: now[at].Step})
	}
	for k, n := range now {
		if !used[k] {
			d.add(Reason{Code: InstructionAdded, Subject: n.Name, To: text(n)})
			d.step(graph.StepRef{Stage: stage, Step: n.Step})
		}
	}
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

// compareInputs compares bases by digest and other nodes by key.
func compareInputs(d *difference, old, now []graph.Ingredient, isStage func(string) bool) {
	type slot struct{ kind, name, attr, note string }
	at := func(in graph.Ingredient) slot { return slot{string(in.Kind), in.Name, in.Attr, in.Note} }
	was := make(map[slot]graph.Ingredient, len(old))
	for _, o := range old {
		was[at(o)] = o
	}
	var appeared []graph.Ingredient
	for _, n := range now {
		if n.Kind == graph.FromInput && isStage(n.Note) {
			continue
		}
		o, ok := was[at(n)]
		delete(was, at(n))
		switch {
		case !ok:
			appeared = append(appeared, n)
		case same(o, n):
		case n.Kind == graph.Base:
			d.add(Reason{Code: BaseMoved, Subject: n.Note, From: o.Digest, To: n.Digest})
		default:
			d.add(Reason{Code: InputChanged, Subject: n.Note, From: short(o.Digest), To: short(n.Digest)})
		}
	}
	// A FROM that leads elsewhere: the old end and the new end of one role.
	for _, n := range appeared {
		if n.Name != string(graph.RoleFrom) {
			continue // the COPY or mount that names it is reported as an instruction
		}
		for _, o := range old {
			if _, left := was[at(o)]; !left || o.Name != n.Name || (o.Kind == graph.FromInput && isStage(o.Note)) {
				continue
			}
			delete(was, at(o))
			if o.Kind == graph.Base && n.Kind == graph.Base {
				d.add(Reason{Code: BaseMoved, Subject: n.Note, From: o.Note + "@" + o.Digest, To: n.Note + "@" + n.Digest})
			} else {
				d.add(Reason{Code: InputChanged, Subject: n.Note, From: o.Note, To: n.Note})
			}
			break
		}
	}
}

// compareFiles compares files by path.
func compareFiles(d *difference, old, now []graph.Ingredient, stage int) {
	was := byName(old)
	seen := make(map[string]bool, len(now))
	for _, n := range now {
		o, ok := was[n.Name]
		if seen[n.Name] {
			continue
		}
		seen[n.Name] = true
		if ok && same(o, n) {
			continue
		}
		d.step(graph.StepRef{Stage: stage, Step: n.Step})
		switch {
		case !ok:
			d.add(Reason{Code: FileAdded, Subject: n.Name, To: short(n.Digest)})
		case graph.SameDigest(o.Digest, n.Digest) && o.Attr != n.Attr && sameType(o, n):
			d.add(Reason{Code: ModeChanged, Subject: n.Name, From: o.Attr[1:], To: n.Attr[1:]})
		default:
			d.add(Reason{Code: FileChanged, Subject: n.Name, From: short(o.Digest), To: short(n.Digest)})
		}
	}
	for _, o := range old {
		if !seen[o.Name] {
			seen[o.Name] = true
			d.add(Reason{Code: FileRemoved, Subject: o.Name, From: short(o.Digest)})
		}
	}
}

func sameType(a, b graph.Ingredient) bool {
	return a.Attr != "" && b.Attr != "" && a.Attr[0] == b.Attr[0]
}
