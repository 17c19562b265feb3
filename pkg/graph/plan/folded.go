package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// foldLike folds of now what the record folded.
func foldLike(old, now []graph.Ingredient) []graph.Ingredient {
	trees, kinds := map[string]bool{}, map[graph.IngredientKind]bool{}
	for _, in := range old {
		switch in.Kind {
		case graph.Tree:
			trees[in.Name] = true
		case graph.Folded:
			kinds[graph.IngredientKind(in.Name)] = true
		default:
		}
	}
	if len(trees) > 0 {
		now = graph.FoldFiles(now, func(name string) (string, bool) {
			for i := range len(name) {
				if name[i] == '/' && trees[name[:i]] {
					return name[:i], true
				}
			}
			return ".", trees["."]
		})
	}
	if len(kinds) > 0 {
		now = graph.FoldKinds(now, func(k graph.IngredientKind) bool { return kinds[k] })
	}
	return now
}

// compareFolded compares what the record has one digest of: it says what sort of
// ingredient moved, and how many there are.
func compareFolded(d *difference, old, now []graph.Ingredient) {
	is := byName(now)
	for _, o := range old {
		n, ok := is[o.Name]
		if o.Name == graph.FoldedStages || (ok && same(o, n)) {
			continue
		}
		if !ok {
			n = graph.Ingredient{Name: o.Name, Attr: "0"}
		}
		r := Reason{Code: InstructionChanged, Subject: o.Name, From: countOf(o), To: countOf(n)}
		switch graph.IngredientKind(o.Name) {
		case graph.FromInput, graph.Base:
			r.Code, r.Subject = InputChanged, "one of "+n.Attr+" "+o.Name+"s"
		case graph.Arg, graph.Locked, graph.Version:
			r.Code = ArgChanged
		default:
		}
		d.add(r)
	}
}

func countOf(in graph.Ingredient) string {
	s := in.Attr + " " + in.Name
	if in.Attr != "1" {
		s += "s"
	}
	if in.Digest == "" {
		return s
	}
	return fmt.Sprintf("%s (%s)", s, short(in.Digest))
}

// foldedStages returns what a record has instead of its stages, if it folded
// them.
func foldedStages(rec *graph.Record) (graph.Ingredient, bool) {
	for _, in := range rec.Files {
		if in.Kind == graph.Folded && in.Name == graph.FoldedStages {
			return in, true
		}
	}
	return graph.Ingredient{}, false
}

// stagesMoved is the reason of all stages of a layer when its record folded them
// and one of them moved, nobody knows which.
func (m *maker) stagesMoved(layer graph.ID, rec *graph.Record) []Reason {
	was, folded := foldedStages(rec)
	if is := m.g.FoldStages(layer); folded && !same(was, is) {
		return []Reason{{Code: InputChanged, Subject: "one of " + is.Attr + " stages"}}
	}
	return nil
}

// unnamedInputs compares the images that a layer was built on with those it
// would be built on, by node, where the record has no names: a place in the
// order of names stands for an input. An input without an image cannot be
// compared; where there is one digest over all, then nothing can, and counts as
// another.
func unnamedInputs(was graph.Unnamed, now []graph.InputRecord) []Reason {
	if was.None() {
		return nil
	}
	slices.SortFunc(now, func(a, b graph.InputRecord) int { return strings.Compare(string(a.Node), string(b.Node)) })
	is := graph.UnnamedImages(now)
	unknown := slices.ContainsFunc(now, func(in graph.InputRecord) bool { return in.Image == "" })
	if was.All != "" {
		if !unknown && is.Together().All == was.All {
			return nil
		}
		return []Reason{{Code: InputRebuilt, Subject: fmt.Sprintf("one of %d images", len(now))}}
	}
	if len(was.Images) != len(now) {
		return []Reason{{Code: InputRebuilt, Subject: fmt.Sprintf("one of %d images", len(now))}}
	}
	var reasons []Reason
	for i, in := range now {
		if in.Image != "" && is.Images[i] != was.Images[i] {
			reasons = append(reasons, Reason{Code: InputRebuilt, Subject: string(in.Node), From: short(was.Images[i]), To: short(in.Image)})
		}
	}
	return reasons
}
