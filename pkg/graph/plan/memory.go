package plan

import (
	"errors"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// memory is an image's record. Its ingredients are read when they are needed
// only: those of what is current never are.
type memory struct {
	graph.Record
	labels map[string]string
	whole  bool
	recall Recall
}

// Recall returns what Record.Whole gave for an image's key, where somebody kept
// it: the ingredients that a label had to fold. "" says that nobody did.
type Recall func(graph.Key) string

// parse reads a record, in full where that is kept.
func (r Recall) parse(labels map[string]string) (graph.Record, error) {
	if r != nil {
		if whole := r(graph.Key(labels[graph.LabelKey])); whole != "" {
			if rec, err := graph.ParseWhole(labels, whole); err == nil {
				return rec, nil
			}
		}
	}
	return graph.ParseRecord(labels)
}

// remember reads the head of an image's record; the reason says why it is not
// one of this node's.
func (m *maker) remember(id graph.ID, tag string, img graph.Image) (*memory, *Reason) {
	rec, err := graph.ParseHead(img.Labels)
	switch {
	case errors.Is(err, graph.ErrNoRecord):
		return nil, &Reason{Code: ForeignImage, Subject: tag, From: short(img.ID)}
	case errors.Is(err, graph.ErrRecordFormat):
		return nil, &Reason{Code: RecordFormat, Subject: tag, From: short(img.ID)}
	case err != nil:
		return nil, &Reason{Code: RecordUnreadable, Subject: tag, From: short(img.ID)}
	case rec.Node != id:
		return nil, &Reason{Code: ForeignImage, Subject: tag, From: string(rec.Node)}
	}
	return &memory{Record: rec, labels: img.Labels, recall: m.policy.Recall}, nil
}

// read reads the ingredients.
func (m *memory) read() error {
	if m.whole {
		return nil
	}
	rec, err := m.recall.parse(m.labels)
	if err != nil {
		return err
	}
	m.Record, m.whole = rec, true
	return nil
}

// inputFrom returns the image that was built on for a node, and looks first
// where next says: who asks in the record's order asks for the next one.
func (m *memory) inputFrom(next *int, id graph.ID) (graph.InputRecord, bool) {
	if k := *next; k < len(m.Inputs) && m.Inputs[k].Node == id {
		*next = k + 1
		return m.Inputs[k], true
	}
	for k, in := range m.Inputs {
		if in.Node == id {
			*next = k + 1
			return in, true
		}
	}
	return graph.InputRecord{}, false
}
