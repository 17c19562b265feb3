package graph

import "errors"

// The labels of our images. Every layer writes all of its own, so that nothing
// is inherited by mistake.
const (
	// LabelNode holds the node's ID.
	LabelNode = "ai.terok.node"
	// LabelKey holds the key of the image.
	LabelKey = "ai.terok.key"
	// LabelRecord holds the encoded Record.
	LabelRecord = "ai.terok.record"
	// LabelAgents holds the sorted, comma-separated names of what is inside.
	LabelAgents = "ai.terok.agents"
)

// RecordBudget is the most bytes a record takes as a label.
const RecordBudget = 32 << 10

const (
	recordPrefix = "2." // version of the record format
	// maxRecord bounds what a label may unpack to, so that a label made by
	// somebody else cannot fill the memory.
	maxRecord = 16 << 20
	// shortHex is how many hex digits of an ingredient's digest a record
	// keeps: 64 bits tell old from new; the key itself is kept whole.
	shortHex = 16
	// maxNote is the most bytes of an instruction's text that a record keeps.
	maxNote = 600
)

// The ways a record can be unreadable.
var (
	// ErrNoRecord: the labels hold no record.
	ErrNoRecord = errors.New("no record")
	// ErrRecordFormat: the record has a format this program does not know.
	ErrRecordFormat = errors.New("unknown record format")
	// ErrRecordBroken: the record cannot be decoded.
	ErrRecordBroken = errors.New("record cannot be read")
)

// Record is what a built image remembers.
type Record struct {
	Node     ID
	Keys     Keys
	Platform string
	Version  string
	// Salt is what the image was last made to run again with, or "".
	Salt string
	// Files and Config are the ingredients of the target stage; digests are
	// shortened, see SameDigest.
	Files, Config []Ingredient
	// Stages are the other stages that were part of it.
	Stages []StageRecord
	// Inputs are the images it was built on.
	Inputs []InputRecord
	// Unnamed are those for whose names there was no space.
	Unnamed Unnamed
}

// StageRecord is what is remembered of one stage.
type StageRecord struct {
	ID            ID
	Keys          Keys
	Files, Config []Ingredient
}

// InputRecord is an image that was built on.
type InputRecord struct {
	Node ID
	// Image is its config digest.
	Image string
	// Key is its key, or a base's reference.
	Key string
}

// NewRecord makes the record of a layer: its own ingredients, those of its
// stages, its salt and the images it was built on.
func (g *Graph) NewRecord(id ID, salt string, inputs []InputRecord) Record {
	n, _ := g.Lookup(id)
	r := Record{
		Node: id, Keys: g.Keys(id), Platform: n.Platform, Version: n.Version, Salt: salt,
		Files: n.Files, Config: n.Config, Inputs: inputs,
	}
	for _, i := range g.stages[id] {
		s := &g.nodes[i]
		r.Stages = append(r.Stages, StageRecord{ID: s.ID, Keys: g.keys[i], Files: s.Files, Config: s.Config})
	}
	return r
}

// Stage returns what is remembered of a stage.
func (r Record) Stage(id ID) (StageRecord, bool) {
	for _, s := range r.Stages {
		if s.ID == id {
			return s, true
		}
	}
	return StageRecord{}, false
}

// Input returns the image that was built on for a node.
func (r Record) Input(id ID) (InputRecord, bool) {
	for _, in := range r.Inputs {
		if in.Node == id {
			return in, true
		}
	}
	return InputRecord{}, false
}

// SameDigest reports whether two digests agree as far as both go: records keep
// the first 64 bits of most.
func SameDigest(a, b string) bool {
	n := min(len(a), len(b))
	return n > len("sha256:") && a[:n] == b[:n] || a == b
}
