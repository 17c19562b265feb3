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

// A record is written as "2.HEAD.BODY", or "2.HEAD.BODY.IMAGES". The head is what
// a verdict needs of an image that is current, so a plan unpacks the body of no
// other. Head: lines, base64: the beginning of the image's key, platform,
// version, salt, and three for each input. Body: a wireRecord as JSON, gzip,
// base64. Images: inputs that are too many for the head, see Unnamed.

// wireRecord is the body: short names, because it lives in a label.
type wireRecord struct {
	Node   ID          `json:"n"`
	Keys   [3]Key      `json:"k"`
	Files  []wireFact  `json:"f"`
	Config []wireFact  `json:"c"`
	Stages []wireStage `json:"t,omitempty"`
}

type wireStage struct {
	ID     ID         `json:"n"`
	Keys   [3]Key     `json:"k"`
	Files  []wireFact `json:"f"`
	Config []wireFact `json:"c"`
}

// wireFact is kind, name, attr, digest, note; the note may be missing.
type wireFact []string

const (
	// leastFact is about what a fact takes at least, packed: the 64 bits of its
	// digest, as base64.
	leastFact  = 10
	headFields = 4  // before the inputs
	headKey    = 23 // bytes of the key in the head: "sha256:" and 64 bits
)

var wireEncoding = base64.RawURLEncoding

// Labels returns the labels that carry the record.
func (r Record) Labels() (map[string]string, error) {
	value, err := r.encode()
	if err != nil {
		return nil, err
	}
	return map[string]string{LabelNode: string(r.Node), LabelKey: string(r.Keys.Image), LabelRecord: value}, nil
}

// encode writes the record within its budget: what a verdict needs first, in at
// most a part of it, and of the ingredients as much as there is space for.
func (r Record) encode() (string, error) {
	head, images, err := r.verdictPart()
	if err != nil {
		return "", err
	}
	for _, f := range foldings {
		body, err := r.body(f)
		if err != nil {
			return "", err
		}
		if body == "" {
			continue
		}
		if value := recordPrefix + head + "." + body + images; len(value) <= RecordBudget {
			return value, nil
		}
	}
	return "", fmt.Errorf("encoding the record of %q: over %d bytes even when folded", r.Node, RecordBudget)
}

// verdictPart is what a verdict needs: the head, and the images that are too
// many for it, or "".
func (r Record) verdictPart() (head, images string, err error) {
	for _, w := range r.foldInputs() {
		if head, err = w.head(); err != nil {
			return "", "", err
		}
		images = ""
		if !w.Unnamed.None() {
			if images, err = w.Unnamed.encode(); err != nil {
				return "", "", fmt.Errorf("encoding the record of %q: %w", r.Node, err)
			}
			images = "." + images
		}
		if len(head)+len(images) <= inputsBudget {
			break
		}
	}
	return head, images, nil
}

func (r Record) head() (string, error) {
	list := []string{keyStart(r.Keys.Image), r.Platform, r.Version, r.Salt}
	for _, in := range r.Inputs {
		list = append(list, string(in.Node), in.Image, in.Key)
	}
	for _, field := range list {
		if strings.Contains(field, "\n") {
			return "", fmt.Errorf("encoding the record of %q: %q has more than one line", r.Node, field)
		}
	}
	return wireEncoding.EncodeToString([]byte(strings.Join(list, "\n"))), nil
}

func keyStart(k Key) string { return string(k[:min(len(k), headKey)]) }

// body is "" when it is plain that it cannot fit the budget.
func (r Record) body(f folding) (string, error) {
	w := r.wire(f)
	if w.count()*leastFact > RecordBudget {
		return "", nil
	}
	return w.pack()
}

func (r Record) wire(f folding) wireRecord {
	w := wireRecord{Node: r.Node, Keys: wireKeys(r.Keys), Files: f.list(r.Files), Config: f.list(r.Config)}
	stages := r.Stages
	if f.stages && len(stages) > 0 {
		stages, w.Files = nil, append(w.Files, f.fact(foldStages(stages)))
	}
	for _, s := range stages {
		w.Stages = append(w.Stages, wireStage{ID: s.ID, Keys: wireKeys(s.Keys), Files: f.list(s.Files), Config: f.list(s.Config)})
	}
	return w
}

func (w wireRecord) pack() (string, error) {
	plain, err := json.Marshal(w)
	if err != nil {
		return "", fmt.Errorf("encoding the record of %q: %w", w.Node, err)
	}
	var packed bytes.Buffer
	z := packers.Get().(*gzip.Writer)
	defer packers.Put(z)
	z.Reset(&packed)
	if _, err := z.Write(plain); err != nil {
		return "", fmt.Errorf("packing the record of %q: %w", w.Node, err)
	}
	if err := z.Close(); err != nil {
		return "", fmt.Errorf("packing the record of %q: %w", w.Node, err)
	}
	return wireEncoding.EncodeToString(packed.Bytes()), nil
}

// ParseHead reads of a record what does not need its body: all but the
// ingredients, the stages and the keys of files and configuration. Errors are
// those of ParseRecord.
func ParseHead(labels map[string]string) (Record, error) {
	head, _, images, err := cutRecord(labels)
	if err != nil {
		return Record{}, err
	}
	return parseHead(head, images, labels)
}

// ParseRecord reads the record out of an image's labels: ErrNoRecord when
// there is none, ErrRecordFormat for one of another version, ErrRecordBroken
// for one that cannot be decoded or does not fit its labels.
func ParseRecord(labels map[string]string) (Record, error) {
	head, body, images, err := cutRecord(labels)
	if err != nil {
		return Record{}, err
	}
	return parseRecord(head, body, images, labels)
}

func parseRecord(head, body, images string, labels map[string]string) (Record, error) {
	r, err := parseHead(head, images, labels)
	if err != nil {
		return Record{}, err
	}
	plain, err := unpack(body)
	if err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrRecordBroken, err)
	}
	var w wireRecord
	if err := json.Unmarshal(plain, &w); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrRecordBroken, err)
	}
	if w.Node != r.Node || w.Keys[2] != r.Keys.Image {
		return Record{}, errOtherLabels
	}
	r.Keys = plainKeys(w.Keys)
	if err := w.facts(&r); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrRecordBroken, err)
	}
	return r, nil
}

var errOtherLabels = fmt.Errorf("%w: it belongs to another image than its labels say", ErrRecordBroken)

func cutRecord(labels map[string]string) (head, body, images string, err error) {
	value, ok := labels[LabelRecord]
	if !ok || value == "" {
		return "", "", "", ErrNoRecord
	}
	rest, ok := strings.CutPrefix(value, recordPrefix)
	if !ok {
		return "", "", "", fmt.Errorf("%w: %.8q", ErrRecordFormat, value)
	}
	head, body, ok = strings.Cut(rest, ".")
	if !ok {
		return "", "", "", fmt.Errorf("%w: it has no body", ErrRecordBroken)
	}
	body, images, _ = strings.Cut(body, ".")
	return head, body, images, nil
}

func parseHead(head, images string, labels map[string]string) (Record, error) {
	plain, err := wireEncoding.DecodeString(head)
	if err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrRecordBroken, err)
	}
	text := string(plain)
	n := strings.Count(text, "\n") + 1
	if n < headFields || (n-headFields)%3 != 0 {
		return Record{}, fmt.Errorf("%w: a head of %d fields", ErrRecordBroken, n)
	}
	field := func() (f string) {
		f, text, _ = strings.Cut(text, "\n")
		return f
	}
	key := Key(labels[LabelKey])
	if field() != keyStart(key) {
		return Record{}, errOtherLabels
	}
	r := Record{Node: ID(labels[LabelNode]), Keys: Keys{Image: key}, Platform: field(), Version: field(), Salt: field()}
	r.Inputs = make([]InputRecord, (n-headFields)/3)
	for i := range r.Inputs {
		r.Inputs[i] = InputRecord{Node: ID(field()), Image: field(), Key: field()}
	}
	if images != "" {
		r.Unnamed, err = decodeUnnamed(images)
	}
	return r, err
}

// Packers and unpackers are kept because each would allocate anew what is far
// larger than a record.
var (
	packers = sync.Pool{New: func() any {
		z, _ := gzip.NewWriterLevel(nil, gzip.BestCompression) // the level is valid
		return z
	}}
	unpackers = sync.Pool{New: func() any { return new(gzip.Reader) }}
)

func unpack(packed string) ([]byte, error) {
	raw, err := wireEncoding.DecodeString(packed)
	if err != nil {
		return nil, err
	}
	z := unpackers.Get().(*gzip.Reader)
	defer unpackers.Put(z)
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

func (w wireRecord) facts(r *Record) (err error) {
	if r.Files, err = plainFacts(w.Files); err != nil {
		return err
	}
	if r.Config, err = plainFacts(w.Config); err != nil {
		return err
	}
	for _, s := range w.Stages {
		t := StageRecord{ID: s.ID, Keys: plainKeys(s.Keys)}
		if t.Files, err = plainFacts(s.Files); err != nil {
			return err
		}
		if t.Config, err = plainFacts(s.Config); err != nil {
			return err
		}
		r.Stages = append(r.Stages, t)
	}
	return nil
}

func (w wireRecord) count() int {
	n := len(w.Files) + len(w.Config)
	for _, s := range w.Stages {
		n += len(s.Files) + len(s.Config)
	}
	return n
}

func wireKeys(k Keys) [3]Key { return [3]Key{k.Files, k.Config, k.Image} }

func plainKeys(k [3]Key) Keys { return Keys{Files: k[0], Config: k[1], Image: k[2]} }
