package plan

import (
	"fmt"
	"io"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// Saved is a plan in a file. It is a promise to compare, never a script: what
// is built comes from a fresh plan, and only if the two agree.
type Saved struct {
	*Plan
	// Request is what the plan was asked for, by the names of the caller.
	Request map[string][]string
	// records are the encoded ingredients of each layer, to name what moved.
	records map[graph.ID]string
}

// Save writes a plan with its request and all that its layers are made from.
func Save(w io.Writer, g *graph.Graph, p *Plan, request map[string][]string) error {
	s := Saved{Plan: p, Request: request, records: map[graph.ID]string{}}
	for _, n := range g.Nodes() {
		if n.Kind != graph.KindLayer {
			continue
		}
		labels, err := g.NewRecord(n.ID, "", nil).Labels()
		if err != nil {
			return err
		}
		s.records[n.ID] = labels[graph.LabelRecord]
	}
	return encode(w, s)
}

// Load reads what Save wrote.
func Load(r io.Reader) (*Saved, error) {
	in, err := decode(r)
	if err != nil {
		return nil, err
	}
	s := &Saved{Plan: in.plan(), Request: in.Request, records: map[graph.ID]string{}}
	for _, n := range in.Nodes {
		if n.Record != "" {
			s.records[n.ID] = n.Record
		}
	}
	return s, nil
}

// Moved is one thing that is not as a saved plan says.
type Moved struct {
	Node   graph.ID
	Reason Reason
}

// StaleError says that a saved plan is not what would be planned now.
type StaleError struct{ Moved []Moved }

func (e *StaleError) Error() string {
	parts := make([]string, len(e.Moved))
	for i, m := range e.Moved {
		r := m.Reason
		parts[i] = strings.TrimSpace(fmt.Sprintf("%s: %s %s", m.Node, r.Code, r.Subject))
		if r.From != "" || r.To != "" {
			parts[i] += fmt.Sprintf(" (%s → %s)", r.From, r.To)
		}
	}
	return "the saved plan is stale: " + strings.Join(parts, "; ")
}

// ActionChanged is the code for a node whose verdict differs although its
// inputs do not: the store changed.
const ActionChanged Code = "action-changed"

// Check compares a saved plan with a fresh one of the same request and returns
// a *StaleError that names every file, digest and version that moved.
func Check(saved *Saved, g *graph.Graph, fresh *Plan) error {
	e := &StaleError{}
	was := map[graph.ID]*Step{}
	for i := range saved.Steps {
		was[saved.Steps[i].Node] = &saved.Steps[i]
	}
	m := &maker{g: g}
	for i := range fresh.Steps {
		s := &fresh.Steps[i]
		old := was[s.Node]
		delete(was, s.Node)
		if s.Kind == graph.KindStage {
			continue
		}
		for _, r := range m.moved(saved, old, s) {
			e.Moved = append(e.Moved, Moved{Node: s.Node, Reason: r})
		}
	}
	for _, s := range saved.Steps {
		if was[s.Node] != nil && s.Kind != graph.KindStage {
			e.Moved = append(e.Moved, Moved{Node: s.Node, Reason: Reason{Code: ActionChanged, From: string(s.Action), To: "gone"}})
		}
	}
	if len(e.Moved) > 0 {
		return e
	}
	return nil
}

// moved lists what differs between a saved and a fresh step.
func (m *maker) moved(saved *Saved, old, now *Step) []Reason {
	switch {
	case old == nil:
		return []Reason{{Code: ActionChanged, To: string(now.Action)}}
	case old.Digest != now.Digest:
		return []Reason{{Code: BaseMoved, Subject: now.Ref, From: old.Digest, To: now.Digest}}
	case now.Kind == graph.KindBase:
		return nil // its digest is all that is saved of it
	case old.Key != now.Key:
		i, _ := m.g.Position(now.Node)
		rec, err := graph.ParseRecord(map[string]string{
			graph.LabelRecord: saved.records[now.Node], graph.LabelNode: string(now.Node), graph.LabelKey: string(old.Key),
		})
		if err == nil {
			if d := m.layerDiff(m.node(i), &rec); len(d.reasons) > 0 {
				return d.reasons
			}
		}
		return []Reason{{Code: InputChanged, Subject: string(now.Node), From: short(string(old.Key)), To: short(string(now.Key))}}
	case old.Action != now.Action || old.Found != now.Found:
		return []Reason{{Code: ActionChanged, From: string(old.Action) + " " + short(old.Found), To: string(now.Action) + " " + short(now.Found)}}
	}
	return nil
}
