package plan

import (
	"fmt"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// Status says how an ingredient recorded compares with the current one.
type Status string

// The statuses of an ingredient.
const (
	Same    Status = "same"
	Changed Status = "changed"
	Added   Status = "added"
	Removed Status = "removed"
	// Recorded: there is nothing to compare with.
	Recorded Status = "recorded"
)

// Fact is one ingredient, as recorded and as it is now.
type Fact struct {
	// Node is the layer or the stage it belongs to, Part "files" or "config".
	Node graph.ID
	Part string
	// Kind, Name as in graph.Ingredient.
	Kind graph.IngredientKind
	Name string
	// Recorded and Current are values for people: the text of an instruction,
	// a version, or a short digest with a mode.
	Recorded, Current string
	Status            Status
}

// Explanation is every ingredient of one layer.
type Explanation struct {
	Step Step
	// Image is what the layer's name leads to now, "" when to nothing of ours.
	Image string
	// RecordedKey is the key that image has.
	RecordedKey graph.Key
	Facts       []Fact
}

// Explain lists every ingredient of a layer and of its stages, recorded
// against current.
func Explain(g *graph.Graph, snap graph.Snapshot, p *Plan, id graph.ID) (Explanation, error) {
	n, ok := g.Lookup(id)
	if !ok {
		return Explanation{}, fmt.Errorf("explaining %q: %w", id, ErrUnknownNode)
	}
	s, _ := p.Step(id)
	e := Explanation{Step: s}
	if n.Kind == graph.KindBase {
		return e, nil
	}
	layer := n
	if n.Kind == graph.KindStage {
		layer, _ = g.Lookup(n.Layer)
	}
	m := &maker{g: g, snap: snap, policy: Policy{Recall: p.recall}}
	now := m.lookNow(&layer)
	rec := &graph.Record{}
	if now.record != nil && now.record.read() == nil {
		rec = &now.record.Record
		e.Image, e.RecordedKey = now.image.ID, rec.Keys.Image
	}
	for _, t := range g.Nodes() {
		if t.ID != id && (t.Kind != graph.KindStage || t.Layer != id) {
			continue
		}
		files, config := rec.Files, rec.Config
		if t.Kind == graph.KindStage {
			st, _ := rec.Stage(t.ID)
			files, config = st.Files, st.Config
		}
		e.Facts = append(e.Facts, facts(t.ID, "files", files, t.Files)...)
		e.Facts = append(e.Facts, facts(t.ID, "config", config, t.Config)...)
	}
	return e, nil
}

// ExplainImage lists every ingredient that an image remembers, whoever built it
// and wherever; nothing is drawn to compare with. Errors are those of
// graph.ParseRecord.
func ExplainImage(img graph.Image, recall Recall) (graph.Record, []Fact, error) {
	rec, err := recall.parse(img.Labels)
	if err != nil {
		return rec, nil, err
	}
	var out []Fact
	add := func(id graph.ID, part string, list []graph.Ingredient) {
		for _, in := range list {
			out = append(out, Fact{Node: id, Part: part, Kind: in.Kind, Name: in.Name, Recorded: value(in), Status: Recorded})
		}
	}
	for _, st := range rec.Stages {
		add(st.ID, "files", st.Files)
		add(st.ID, "config", st.Config)
	}
	add(rec.Node, "files", rec.Files)
	add(rec.Node, "config", rec.Config)
	return rec, out, nil
}

// facts sets two lists beside each other, in the order of the current one;
// what is gone comes after what it followed.
func facts(id graph.ID, part string, old, now []graph.Ingredient) []Fact {
	now = foldLike(old, now)
	var out []Fact
	i, j := 0, 0
	for _, pair := range append(commonNames(old, now), [2]int{len(old), len(now)}) {
		for ; i < pair[0]; i++ {
			out = append(out, Fact{Node: id, Part: part, Kind: old[i].Kind, Name: old[i].Name, Recorded: value(old[i]), Status: Removed})
		}
		for ; j < pair[1]; j++ {
			out = append(out, Fact{Node: id, Part: part, Kind: now[j].Kind, Name: now[j].Name, Current: value(now[j]), Status: Added})
		}
		if i < len(old) && j < len(now) {
			f := Fact{Node: id, Part: part, Kind: now[j].Kind, Name: now[j].Name, Recorded: value(old[i]), Current: value(now[j]), Status: Same}
			if !same(old[i], now[j]) {
				f.Status = Changed
			}
			out = append(out, f)
			i, j = i+1, j+1
		}
	}
	return out
}

// commonNames pairs ingredients that are the same, and, in the gaps, those of
// the same kind and name.
func commonNames(old, now []graph.Ingredient) [][2]int {
	var out [][2]int
	i, j := 0, 0
	for _, pair := range append(commonRun(old, now), [2]int{len(old), len(now)}) {
		from := j
		for ; i < pair[0]; i++ {
			for k := from; k < pair[1]; k++ {
				if old[i].Kind == now[k].Kind && old[i].Name == now[k].Name {
					out = append(out, [2]int{i, k})
					from = k + 1
					break
				}
			}
		}
		if pair[0] < len(old) && pair[1] < len(now) {
			out = append(out, pair)
		}
		i, j = pair[0]+1, pair[1]+1
	}
	return out
}

func value(in graph.Ingredient) string {
	switch in.Kind {
	case graph.File, graph.Tree:
		if in.Digest == "" {
			return in.Attr
		}
		return in.Attr + " " + short(in.Digest)
	case graph.FromInput:
		return in.Note + " " + short(in.Digest)
	case graph.Base:
		return in.Note + " " + short(in.Digest)
	case graph.Arg, graph.Version, graph.Locked:
		return argValue(in)
	default:
		return text(in)
	}
}
