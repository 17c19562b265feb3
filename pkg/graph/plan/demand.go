package plan

import "github.com/terok-ai/terok-agent/pkg/graph"

// demand finds which nodes are needed and lets what is rebuilt below reach
// what stands on it. Verdicts go up, demand comes down: a needed node that is
// built needs its inputs, and an input that will be built makes its readers
// stale, which may be built then, and so on. A node turns needed once and to
// Build once, so the work is in proportion to the edges.
func (m *maker) demand(targets []graph.ID) {
	m.needed = make([]bool, len(m.steps))
	m.readers = m.readersOf()
	var queue []int
	need := func(i int) {
		if !m.needed[i] {
			m.needed[i] = true
			queue = append(queue, i)
		}
	}
	for _, id := range targets {
		need(m.at[id])
	}
	for i := range m.steps {
		// What was asked to be made again makes its readers stale even if
		// nobody needed it before.
		if m.steps[i].Action == Build && m.willBuild(i) {
			queue = append(queue, i)
		}
	}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		s := &m.steps[i]
		if m.turnStale(i) || (m.needed[i] && (s.Action == Build || s.Kind == graph.KindStage)) {
			for _, in := range s.Inputs {
				need(m.at[in.Node])
			}
		}
		if (s.Action == Build && m.willBuild(i)) || s.Source != "" {
			for _, r := range m.readers[i] {
				if m.turnStale(r) {
					queue = append(queue, r)
				}
			}
		}
	}
}

// readersOf lists, for each layer, the layers that read it, stages looked
// through.
func (m *maker) readersOf() [][]int {
	readers := make([][]int, len(m.steps))
	for i := range m.steps {
		if m.steps[i].Kind != graph.KindLayer {
			continue
		}
		for _, in := range m.layerInputs(&m.g.Nodes()[i]) {
			if j := m.at[in.Node]; !in.Builder {
				readers[j] = append(readers[j], i)
			}
		}
	}
	return readers
}

// turnStale turns a needed layer to Build when its image would not stand on the
// images that its inputs are or become.
func (m *maker) turnStale(i int) bool {
	s := &m.steps[i]
	if s.Kind != graph.KindLayer || !m.needed[i] || s.Action == Build || m.records[i] == nil {
		return false
	}
	reasons := m.rebuiltInputs(&m.g.Nodes()[i], m.records[i])
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
func (m *maker) rebuiltInputs(n *graph.Node, rec *memory) []Reason {
	var reasons []Reason
	seen := map[graph.ID]bool{}
	for _, in := range m.layerInputs(n) {
		j := m.at[in.Node]
		t := &m.steps[j]
		if in.Builder || t.Kind != graph.KindLayer || seen[in.Node] {
			continue
		}
		seen[in.Node] = true
		was, ok := rec.Input(in.Node)
		if !ok {
			continue
		}
		switch {
		case t.Action == Build && m.willBuild(j):
			reasons = append(reasons, Reason{Code: InputRebuilt, Subject: string(in.Node), From: short(was.Image)})
		case t.Source != "" && (m.needed == nil || !m.needed[j]):
			// It is pulled only when somebody needs it.
		case t.Found != "" && t.Found != was.Image:
			reasons = append(reasons, Reason{Code: InputRebuilt, Subject: string(in.Node), From: short(was.Image), To: short(t.Found)})
		}
	}
	return reasons
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

// layerInputs are the inputs of a layer and of its stages.
func (m *maker) layerInputs(n *graph.Node) []graph.Input {
	var out []graph.Input
	seen := map[graph.ID]bool{}
	var visit func(n *graph.Node)
	visit = func(n *graph.Node) {
		for _, in := range n.Inputs {
			if t := &m.steps[m.at[in.Node]]; t.Kind == graph.KindStage {
				if !seen[in.Node] {
					seen[in.Node] = true
					visit(&m.g.Nodes()[m.at[in.Node]])
				}
				continue
			}
			out = append(out, in)
		}
	}
	visit(n)
	return out
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
		j := m.at[s.Layer]
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
		s.Reasons = m.stageReasons(&m.g.Nodes()[i], &rec.Record)
		if len(s.Reasons) == 0 {
			s.Action = UpToDate
		}
	}
}
