package graph

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

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
	recordPrefix = "1." // version of the record format
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

// wireRecord is a Record as it is written: short names, because it lives in a
// label.
type wireRecord struct {
	Node     ID          `json:"n"`
	Keys     [3]Key      `json:"k"`
	Platform string      `json:"p"`
	Version  string      `json:"v,omitempty"`
	Salt     string      `json:"s,omitempty"`
	Files    []wireFact  `json:"f"`
	Config   []wireFact  `json:"c"`
	Stages   []wireStage `json:"t,omitempty"`
	Inputs   [][3]string `json:"i,omitempty"`
}

type wireStage struct {
	ID     ID         `json:"n"`
	Keys   [3]Key     `json:"k"`
	Files  []wireFact `json:"f"`
	Config []wireFact `json:"c"`
}

// wireFact is kind, name, attr, digest, note; the note may be missing.
type wireFact []string

// Labels returns the labels that carry the record.
func (r Record) Labels() (map[string]string, error) {
	value, err := r.encode()
	if err != nil {
		return nil, err
	}
	return map[string]string{LabelNode: string(r.Node), LabelKey: string(r.Keys.Image), LabelRecord: value}, nil
}

// encode writes the record within its budget: texts are dropped first, then
// files are folded, deepest directories first.
func (r Record) encode() (string, error) {
	for _, f := range []folding{{}, {depth: 6}, {depth: 4}, {depth: 3}, {depth: 2}, {depth: 1}, {depth: 1, dropNotes: true}} {
		value, err := r.encodeFolded(f)
		if err != nil {
			return "", err
		}
		if len(value) <= RecordBudget {
			return value, nil
		}
	}
	return "", fmt.Errorf("encoding the record of %q: over %d bytes even when folded", r.Node, RecordBudget)
}

func (r Record) encodeFolded(f folding) (string, error) {
	w := wireRecord{
		Node: r.Node, Keys: wireKeys(r.Keys), Platform: r.Platform, Version: r.Version, Salt: r.Salt,
		Files: f.list(r.Files), Config: f.list(r.Config),
	}
	for _, s := range r.Stages {
		w.Stages = append(w.Stages, wireStage{ID: s.ID, Keys: wireKeys(s.Keys), Files: f.list(s.Files), Config: f.list(s.Config)})
	}
	for _, in := range r.Inputs {
		w.Inputs = append(w.Inputs, [3]string{string(in.Node), in.Image, in.Key})
	}
	plain, err := json.Marshal(w)
	if err != nil {
		return "", fmt.Errorf("encoding the record of %q: %w", r.Node, err)
	}
	var packed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // the level is valid
	if _, err := z.Write(plain); err != nil {
		return "", fmt.Errorf("packing the record of %q: %w", r.Node, err)
	}
	if err := z.Close(); err != nil {
		return "", fmt.Errorf("packing the record of %q: %w", r.Node, err)
	}
	return recordPrefix + base64.RawURLEncoding.EncodeToString(packed.Bytes()), nil
}

// ParseRecord reads the record out of an image's labels: ErrNoRecord when
// there is none, ErrRecordFormat for one of another version, ErrRecordBroken
// for one that cannot be decoded or does not fit its labels.
func ParseRecord(labels map[string]string) (Record, error) {
	value, ok := labels[LabelRecord]
	if !ok || value == "" {
		return Record{}, ErrNoRecord
	}
	packed, ok := strings.CutPrefix(value, recordPrefix)
	if !ok {
		return Record{}, fmt.Errorf("%w: %.8q", ErrRecordFormat, value)
	}
	plain, err := unpack(packed)
	if err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrRecordBroken, err)
	}
	var w wireRecord
	if err := json.Unmarshal(plain, &w); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrRecordBroken, err)
	}
	r, err := w.record()
	if err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrRecordBroken, err)
	}
	if string(r.Node) != labels[LabelNode] || string(r.Keys.Image) != labels[LabelKey] {
		return Record{}, fmt.Errorf("%w: it belongs to another image than its labels say", ErrRecordBroken)
	}
	return r, nil
}

// unzippers are kept because a plan reads many records and each would allocate
// forty kilobytes.
var unzippers = sync.Pool{New: func() any { return new(gzip.Reader) }}

func unpack(packed string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.DecodeString(packed)
	if err != nil {
		return nil, err
	}
	z := unzippers.Get().(*gzip.Reader)
	defer unzippers.Put(z)
	if err := z.Reset(bytes.NewReader(raw)); err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(z, maxRecord+1))
	if err != nil {
		return nil, err
	}
	if len(plain) > maxRecord {
		return nil, errors.New("too large")
	}
	return plain, z.Close()
}

func (w wireRecord) record() (Record, error) {
	r := Record{Node: w.Node, Keys: plainKeys(w.Keys), Platform: w.Platform, Version: w.Version, Salt: w.Salt}
	var err error
	if r.Files, err = plainFacts(w.Files); err != nil {
		return r, err
	}
	if r.Config, err = plainFacts(w.Config); err != nil {
		return r, err
	}
	for _, s := range w.Stages {
		t := StageRecord{ID: s.ID, Keys: plainKeys(s.Keys)}
		if t.Files, err = plainFacts(s.Files); err != nil {
			return r, err
		}
		if t.Config, err = plainFacts(s.Config); err != nil {
			return r, err
		}
		r.Stages = append(r.Stages, t)
	}
	for _, in := range w.Inputs {
		r.Inputs = append(r.Inputs, InputRecord{Node: ID(in[0]), Image: in[1], Key: in[2]})
	}
	return r, nil
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

func wireKeys(k Keys) [3]Key { return [3]Key{k.Files, k.Config, k.Image} }

func plainKeys(k [3]Key) Keys { return Keys{Files: k[0], Config: k[1], Image: k[2]} }

// SameDigest reports whether two digests agree as far as both go: records keep
// the first 64 bits of most.
func SameDigest(a, b string) bool {
	n := min(len(a), len(b))
	return n > len("sha256:") && a[:n] == b[:n] || a == b
}
