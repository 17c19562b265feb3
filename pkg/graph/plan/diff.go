package plan

import (
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// difference is what two lists of ingredients do not share.
type difference struct {
	reasons []Reason
	// changed are the steps whose own ingredients changed.
	changed []graph.StepRef
}

func (d *difference) add(r Reason) {
	for _, have := range d.reasons {
		// An input can reach a layer by its files and by its config.
		if have == r || (r.Code == InputChanged && have.Code == r.Code && have.Subject == r.Subject) {
			return
		}
	}
	d.reasons = append(d.reasons, r)
}

func (d *difference) step(ref graph.StepRef) {
	for _, have := range d.changed {
		if have == ref {
			return
		}
	}
	d.changed = append(d.changed, ref)
}

func (d *difference) merge(o difference) {
	for _, r := range o.reasons {
		d.add(r)
	}
	for _, c := range o.changed {
		d.step(c)
	}
}

// layerDiff compares a layer and its stages with a record. Of a stage that it is
// not built on, only files reach it.
func (m *maker) layerDiff(n node, rec *graph.Record) difference {
	under := m.standsOn(n)
	var d difference
	var visit func(n node)
	seen := map[int]bool{}
	visit = func(n node) {
		for _, j := range m.g.InputsAt(n.at) {
			if s := m.node(j); s.Kind == graph.KindStage && !seen[j] {
				seen[j] = true
				visit(s)
			}
		}
		d.merge(m.nodeDiff(n.Node, rec, under[n.at]))
	}
	visit(n)
	d.reasons = withoutEchoes(d.reasons)
	return d
}

// standsOn are a layer and the stages that it is built on, one on the other.
func (m *maker) standsOn(n node) map[int]bool {
	out := map[int]bool{}
	for n.Node != nil && !out[n.at] {
		out[n.at] = true
		var next node
		for k, j := range m.g.InputsAt(n.at) {
			if s := m.node(j); n.Inputs[k].Role == graph.RoleFrom && s.Kind == graph.KindStage {
				next = s
			}
		}
		n = next
	}
	return out
}

// nodeDiff compares one layer's target or one stage, with its configuration or
// without, with what the record remembers of it; what comes from another stage
// of the layer is that stage's to say.
func (m *maker) nodeDiff(n *graph.Node, rec *graph.Record, config bool) difference {
	was := graph.StageRecord{Files: rec.Files, Config: rec.Config}
	if n.Kind == graph.KindStage {
		var known bool
		if was, known = m.stageRecord(n.ID, rec); !known {
			if _, folded := foldedStages(rec); folded {
				return difference{reasons: m.stagesMoved(n.Layer, rec)}
			}
			return difference{reasons: []Reason{{Code: InstructionAdded, Subject: "FROM", To: "stage " + string(n.ID)}}}
		}
	}
	st := stages{m.isStage, func(id string) bool {
		_, ok := m.stageRecord(graph.ID(id), rec)
		return ok
	}}
	d := compare(was.Files, n.Files, n.Stage, st)
	if config {
		d.merge(compare(was.Config, n.Config, n.Stage, st))
	}
	return d
}

// stageRecord finds what a record remembers of a stage: by name, else by key,
// so that a renamed stage is known again.
func (m *maker) stageRecord(id graph.ID, rec *graph.Record) (graph.StageRecord, bool) {
	if st, ok := rec.Stage(id); ok {
		return st, true
	}
	k := m.g.Keys(id)
	for _, st := range rec.Stages {
		if st.Keys == k {
			return st, true
		}
	}
	return graph.StageRecord{}, false
}

func (m *maker) isStage(id string) bool {
	if i, ok := m.g.Position(graph.ID(id)); ok {
		return m.g.Nodes()[i].Kind == graph.KindStage
	}
	// Only stages are named below a layer of the graph: the record may name
	// one that is gone.
	if cut := strings.LastIndexByte(id, '/'); cut > 0 {
		_, ok := m.g.Position(graph.ID(id[:cut]))
		return ok
	}
	return false
}

// stageReasons are the reasons for which a stage's steps run again, those of its
// own inputs included. Its configuration makes none run: where it reaches an
// image it is a reason of the layer.
func (m *maker) stageReasons(n node, rec *graph.Record) []Reason {
	st, known := m.stageRecord(n.ID, rec)
	if known && st.Keys.Files == m.g.Keys(n.ID).Files {
		return nil
	}
	d := m.nodeDiff(n.Node, rec, false)
	for _, j := range m.g.InputsAt(n.at) {
		if t := m.node(j); t.Kind == graph.KindStage && len(m.stageReasons(t, rec)) > 0 {
			d.add(Reason{Code: InputChanged, Subject: string(t.ID)})
		}
	}
	if len(d.reasons) == 0 && known {
		return []Reason{otherOrder(st.Keys.Files, m.g.Keys(n.ID).Files)}
	}
	return withoutEchoes(d.reasons)
}

// otherOrder is the reason when keys differ and no ingredient does: then their
// order moved.
func otherOrder(old, now graph.Key) Reason {
	return Reason{Code: InstructionChanged, Subject: "order", From: short(string(old)), To: short(string(now))}
}

// compare lists what changed between two lists of ingredients, in the order
// inputs, instructions, arguments, files.
func compare(old, now []graph.Ingredient, stage int, st stages) difference {
	now = foldLike(old, now)
	a, b := split(old), split(now)
	var d difference
	compareInputs(&d, a.inputs, b.inputs, st)
	u := compareInstructions(&d, a.instructions, b.instructions, stage)
	compareArgs(&d, a.args, b.args)
	compareFiles(&d, a.files, b.files, u, stage)
	compareFolded(&d, a.folded, b.folded)
	return d
}

// parts are a list's ingredients by what they are compared by.
type parts struct {
	instructions, args, inputs, folded []graph.Ingredient
	files                              files
}

func split(list []graph.Ingredient) parts {
	var p parts
	for _, in := range list {
		switch in.Kind {
		case graph.Instruction, graph.Option:
			p.instructions = append(p.instructions, in)
		case graph.Arg, graph.Version, graph.Locked:
			p.args = append(p.args, in)
		case graph.FromInput, graph.Base:
			p.inputs = append(p.inputs, in)
		case graph.File, graph.Tree:
			p.files.list = append(p.files.list, in)
			p.files.reader = append(p.files.reader, len(p.instructions)-1)
		case graph.Folded:
			p.folded = append(p.folded, in)
		}
	}
	return p
}

func same(a, b graph.Ingredient) bool {
	return a.Name == b.Name && a.Attr == b.Attr && graph.SameDigest(a.Digest, b.Digest)
}

// short is a digest for people: 12 hex digits.
func short(digest string) string {
	hex := strings.TrimPrefix(digest, "sha256:")
	if len(hex) > 12 {
		hex = hex[:12]
	}
	return hex
}
