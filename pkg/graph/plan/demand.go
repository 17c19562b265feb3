package plan

import "github.com/terok-ai/terok-agent/pkg/graph"

// demand finds which nodes are needed and lets what is rebuilt below reach
// what stands on it. Verdicts go up, demand comes down; a node that demand
// makes build can in turn make its readers stale, so the two alternate until
// nothing moves. Every round turns at least one node to Build, so it ends.
func (m *maker) demand(targets []graph.ID) {
	m.needed = make([]bool, len(m.steps))
	for _, id := range targets {
		m.needed[m.at[id]] = true
	}
	for {
		m.spreadNeeds()
		if !m.spreadRebuilds() {
			return
		}
	}
}

// spreadNeeds marks the inputs of needed nodes that are built, readers first.
func (m *maker) spreadNeeds() {
	for i := len(m.steps) - 1; i >= 0; i-- {
		s := &m.steps[i]
		if !m.needed[i] || (s.Action != Build && s.Kind != graph.KindStage) {
			continue
		}
		for _, in := range s.Inputs {
			m.needed[m.at[in.Node]] = true
		}
	}
}

// spreadRebuilds turns to Build every needed layer whose image would not
// stand on the images that its inputs are or become.
func (m *maker) spreadRebuilds() bool {
	moved := false
	for i := range m.steps {
		s := &m.steps[i]
		if s.Kind != graph.KindLayer || !m.needed[i] || s.Action == Build || m.records[i] == nil {
			continue
		}
		n := &m.g.Nodes()[i]
		reasons := m.rebuiltInputs(n, m.records[i])
		if len(reasons) == 0 {
			continue
		}
		s.Action, s.Found = Build, ""
		s.Reasons = append(s.Reasons, reasons...)
		moved = true
	}
	return moved
}

// rebuiltInputs lists the inputs whose image is, or will be, another one than
// the record was built on, although their keys did not move. What the store
// does not hold, and nobody needs, cannot be compared.
func (m *maker) rebuiltInputs(n *graph.Node, rec *graph.Record) []Reason {
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
			s.Action, s.Found, s.Changed = NotNeeded, "", nil
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
		if rec == nil || layer.Salt != rec.Salt {
			s.Reasons = append([]Reason(nil), layer.Reasons[:min(1, len(layer.Reasons))]...)
			continue
		}
		s.Reasons = m.stageReasons(&m.g.Nodes()[i], rec)
		if len(s.Reasons) == 0 {
			s.Action = UpToDate
		}
	}
}
