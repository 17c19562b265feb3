package plan

import (
	"github.com/terok-ai/terok-agent/pkg/graph"
)

// stages tells a layer's own stages from other inputs.
type stages struct {
	// is says that a name is that of a stage, also of one that is gone.
	is func(string) bool
	// known says that the record remembers a stage, by name or by key.
	known func(string) bool
}

// compareInputs compares bases by digest and other nodes by key. What comes from
// a stage of the layer is that stage's to say; that a FROM leads elsewhere is
// said here.
func compareInputs(d *difference, old, now []graph.Ingredient, st stages) {
	compareFrom(d, fromOf(old), fromOf(now), st)
	type slot struct{ kind, name, attr, note string }
	at := func(in graph.Ingredient) slot { return slot{string(in.Kind), in.Name, in.Attr, in.Note} }
	was := make(map[slot]graph.Ingredient, len(old))
	for _, o := range old {
		was[at(o)] = o
	}
	for _, n := range now {
		o, ok := was[at(n)]
		if !ok || n.Name == string(graph.RoleFrom) || (n.Kind == graph.FromInput && st.is(n.Note)) {
			continue // of what is new the COPY or mount that names it is reported as an instruction
		}
		d.moved(o, n)
	}
}

// moved compares an input with itself.
func (d *difference) moved(o, n graph.Ingredient) {
	switch {
	case same(o, n):
	case n.Kind == graph.Base:
		d.add(Reason{Code: BaseMoved, Subject: n.Note, From: o.Digest, To: n.Digest})
	default:
		d.add(Reason{Code: InputChanged, Subject: n.Note, From: short(o.Digest), To: short(n.Digest)})
	}
}

// fromOf is what a stage stands on: the zero value for nothing.
func fromOf(list []graph.Ingredient) graph.Ingredient {
	for _, in := range list {
		if in.Name == string(graph.RoleFrom) {
			return in
		}
	}
	return graph.Ingredient{}
}

func compareFrom(d *difference, o, n graph.Ingredient, st stages) {
	wasStage, isStage := o.Kind == graph.FromInput && st.is(o.Note), n.Kind == graph.FromInput && st.is(n.Note)
	switch {
	case o.Kind == n.Kind && o.Note == n.Note:
		if !isStage {
			d.moved(o, n)
		}
	case wasStage && isStage && same(o, n):
		// The stage has another name.
	case isStage && !st.known(n.Note):
		// It is new, which it says itself.
	case o.Kind == graph.Base && n.Kind == graph.Base:
		d.add(Reason{Code: BaseMoved, Subject: n.Note, From: o.Note + "@" + o.Digest, To: n.Note + "@" + n.Digest})
	case o.Kind == "" || n.Kind == "" || wasStage || isStage:
		d.add(Reason{Code: InstructionChanged, Subject: "FROM", From: fromText(o), To: fromText(n)})
	default:
		d.add(Reason{Code: InputChanged, Subject: n.Note, From: o.Note, To: n.Note})
	}
}

// fromText is the instruction, with what it leads to instead of its argument.
func fromText(in graph.Ingredient) string {
	if in.Kind == "" {
		return "FROM scratch"
	}
	return "FROM " + in.Note
}
