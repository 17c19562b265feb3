package plan

import (
	"iter"
	"slices"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// demand finds which nodes are needed and lets what is rebuilt below reach
// what stands on it. Verdicts go up, demand comes down: a needed node that is
// built needs its inputs, and an input that will be built makes its readers
// stale, which may be built then, and so on. A node turns needed once and to
// Build once, so the work is in proportion to the edges.
func (m *maker) demand(targets []graph.ID) {
	m.needed = make([]bool, len(m.steps))
	readers := m.readersOf()
	var queue []int
	need := func(i int) {
		if !m.needed[i] {
			m.needed[i] = true
			queue = append(queue, i)
		}
	}
	for _, id := range targets {
		i, _ := m.g.Position(id) // known to be there
		need(i)
	}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		s := &m.steps[i]
		if m.turnStale(i) || (m.needed[i] && (s.Action == Build || s.Kind == graph.KindStage)) {
			for _, j := range m.g.InputsAt(i) {
				need(j)
			}
		}
		if (s.Action == Build && m.willBuild(i)) || s.Source != "" {
			for _, r := range readers.of(i) {
				if m.turnStale(r) {
					queue = append(queue, r)
				}
			}
		}
	}
}

// readers are the layers that read each layer: those of i are
// all[from[i]:from[i+1]].
type readers struct{ all, from []int }

func (r readers) of(i int) []int { return r.all[r.from[i]:r.from[i+1]] }

// readersOf finds, for each layer, the layers that read it, stages looked
// through.
func (m *maker) readersOf() readers {
	r := readers{from: make([]int, len(m.steps)+1)}
	visit := func(f func(input, reader int)) {
		for i := range m.steps {
			if m.steps[i].Kind != graph.KindLayer {
				continue
			}
			for in := range m.layerInputs(m.node(i)) {
				f(in.at, i)
			}
		}
	}
	visit(func(input, _ int) { r.from[input+1]++ })
	for i := range m.steps {
		r.from[i+1] += r.from[i]
	}
	r.all = make([]int, r.from[len(m.steps)])
	next := slices.Clone(r.from)
	visit(func(input, reader int) {
		r.all[next[input]] = reader
		next[input]++
	})
	return r
}

// turnStale turns a needed layer to Build when its image would not stand on the
// images that its inputs are or become.
func (m *maker) turnStale(i int) bool {
	s := &m.steps[i]
	if s.Kind != graph.KindLayer || !m.needed[i] || s.Action == Build || m.records[i] == nil {
		return false
	}
	reasons := m.rebuiltInputs(m.node(i), m.records[i])
	if len(reasons) == 0 {
		return false
	}
	s.Action, s.Found, s.Source = Build, "", ""
	s.Reasons = append(s.Reasons, reasons...)
	return true
}

// rebuiltInputs lists the inputs whose image is, or will be, another one than
// the record was built on, although their keys did not move. What the store
// does not hold, and nobody needs, cannot be compared.
func (m *maker) rebuiltInputs(n node, rec *memory) []Reason {
	var reasons []Reason
	m.turn++
	next := 0 // where the record has what comes next, as a rule
	var unnamed []graph.InputRecord
	for in := range m.layerInputs(n) {
		t := &m.steps[in.at]
		if in.Builder || t.Kind != graph.KindLayer || m.seen[in.at] == m.turn {
			continue
		}
		m.seen[in.at] = m.turn
		was, ok := rec.inputFrom(&next, in.Node)
		if !ok && rec.Unnamed.None() {
			continue
		}
		image := t.Found
		switch {
		case t.Action == Build && m.willBuild(in.at):
			reasons = append(reasons, Reason{Code: InputRebuilt, Subject: string(in.Node), From: short(was.Image)})
			image = ""
		case t.Source != "" && (m.needed == nil || !m.needed[in.at]):
			image = "" // it is pulled only when somebody needs it
		case ok && image != "" && image != was.Image:
			reasons = append(reasons, Reason{Code: InputRebuilt, Subject: string(in.Node), From: short(was.Image), To: short(image)})
		}
		if !ok {
			unnamed = append(unnamed, graph.InputRecord{Node: in.Node, Image: image})
		}
	}
	if len(reasons) > 0 && rec.Unnamed.All != "" {
		return reasons
	}
	return append(reasons, unnamedInputs(rec.Unnamed, unnamed)...)
}

// willBuild reports whether a node whose verdict is Build is going to be
// built: because it is needed, or because it was asked for.
func (m *maker) willBuild(j int) bool {
	if m.needed != nil && m.needed[j] {
		return true
	}
	_, asked := m.policy.Refresh[m.steps[j].Node]
	return asked
}

// input is an input with the place of its node.
type input struct {
	*graph.Input
	at int
}

// layerInputs yields the inputs of a layer and of its stages.
func (m *maker) layerInputs(n node) iter.Seq[input] {
	return func(yield func(input) bool) { m.eachInput(n, nil, yield) }
}

// eachInput returns false when yield wants no more. Seen are the stages that
// were visited; a layer without stages needs none.
func (m *maker) eachInput(n node, seen map[int]bool, yield func(input) bool) bool {
	for k, j := range m.g.InputsAt(n.at) {
		if m.steps[j].Kind != graph.KindStage {
			if !yield(input{&n.Inputs[k], j}) {
				return false
			}
			continue
		}
		if seen == nil {
			seen = map[int]bool{}
		}
		if seen[j] {
			continue
		}
		seen[j] = true
		if !m.eachInput(m.node(j), seen, yield) {
			return false
		}
	}
	return true
}

// dropUnneeded gives nodes that nobody needs their last verdict. Moving a name
// costs nothing and keeps names true, so that is done all the same, unless
// somebody else's image holds the name.
func (m *maker) dropUnneeded() {
	for i := range m.steps {
		s := &m.steps[i]
		foreign := len(s.Reasons) > 0 && s.Reasons[0].Code == ForeignImage
		if s.Kind != graph.KindStage && !m.needed[i] && (s.Action == Build || s.Action == Pull || foreign) {
			s.Action, s.Found, s.Source, s.Changed = NotNeeded, "", "", nil
		}
	}
}

// judgeStages gives stages their verdict from that of their layer and from
// what its record remembers of them.
func (m *maker) judgeStages() {
	for i := range m.steps {
		s := &m.steps[i]
		if s.Kind != graph.KindStage {
			continue
		}
		j, _ := m.g.Position(s.Layer)
		layer := &m.steps[j]
		s.Action = layer.Action
		if layer.Action != Build {
			continue
		}
		rec := m.records[j]
		if rec == nil || layer.Salt != rec.Salt || rec.read() != nil {
			s.Reasons = append([]Reason(nil), layer.Reasons[:min(1, len(layer.Reasons))]...)
			continue
		}
		s.Reasons = m.stageReasons(m.node(i), &rec.Record)
		if len(s.Reasons) == 0 {
			s.Action = UpToDate
		}
	}
}
