package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// Format and FormatVersion identify the JSON form of a plan.
const (
	Format        = "terok-agent/plan"
	FormatVersion = 1
)

// ErrFormat is returned for a file that is not a plan, or not of a version
// this program knows.
var ErrFormat = errors.New("not a plan this program can read")

type wirePlan struct {
	Format   string     `json:"format"`
	Version  int        `json:"version"`
	Platform string     `json:"platform"`
	Store    string     `json:"store"`
	Executor string     `json:"executor"`
	Targets  []graph.ID `json:"targets"`
	Nodes    []wireStep `json:"nodes"`
	Summary  Summary    `json:"summary"`
	Changes  bool       `json:"changes"`
	// Request is in saved plans only.
	Request map[string][]string `json:"request,omitempty"`
}

type wireStep struct {
	ID        graph.ID    `json:"id"`
	Kind      graph.Kind  `json:"kind"`
	Layer     graph.ID    `json:"layer,omitempty"`
	Action    Action      `json:"action"`
	Ref       string      `json:"ref,omitempty"`
	Digest    string      `json:"digest,omitempty"`
	Unchecked bool        `json:"unchecked,omitempty"`
	Key       graph.Key   `json:"key,omitempty"`
	Version   string      `json:"version,omitempty"`
	Tags      []string    `json:"tags,omitempty"`
	Inputs    []wireInput `json:"inputs,omitempty"`
	Pinned    *bool       `json:"pinned,omitempty"`
	Unpinned  []string    `json:"unpinned,omitempty"`
	Image     string      `json:"image,omitempty"`
	Source    string      `json:"source,omitempty"`
	Replaces  string      `json:"replaces,omitempty"`
	Reasons   []Reason    `json:"reasons"`
	// Record is in saved plans only.
	Record string `json:"record,omitempty"`
}

type wireInput struct {
	Role    graph.Role `json:"role"`
	Node    graph.ID   `json:"node"`
	Builder bool       `json:"builder,omitempty"`
}

// Encode writes the plan as JSON: the same plan gives the same bytes.
func Encode(w io.Writer, p *Plan) error { return encode(w, Saved{Plan: p}) }

func encode(w io.Writer, p Saved) error {
	out := wirePlan{
		Format: Format, Version: FormatVersion, Platform: p.Platform, Store: p.Store, Executor: p.Executor,
		Targets: p.Targets, Summary: p.Summary(), Changes: p.Changes(), Nodes: make([]wireStep, len(p.Steps)), Request: p.Request,
	}
	for i := range p.Steps {
		out.Nodes[i] = encodeStep(&p.Steps[i])
		out.Nodes[i].Record = p.records[p.Steps[i].Node]
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(out); err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	return nil
}

func encodeStep(s *Step) wireStep {
	w := wireStep{
		ID: s.Node, Kind: s.Kind, Layer: s.Layer, Action: s.Action, Ref: s.Ref, Digest: s.Digest,
		Unchecked: s.Unchecked, Version: s.Version, Tags: s.Tags, Unpinned: s.Unpinned,
		Source: s.Source, Replaces: s.Replaces, Reasons: s.Reasons,
	}
	if s.Reasons == nil {
		w.Reasons = []Reason{}
	}
	if s.Kind != graph.KindBase {
		w.Key, w.Image = s.Key, s.Found
	}
	if s.Kind == graph.KindLayer {
		pinned := len(s.Unpinned) == 0
		w.Pinned = &pinned
	}
	for _, in := range s.Inputs {
		w.Inputs = append(w.Inputs, wireInput{Role: in.Role, Node: in.Node, Builder: in.Builder})
	}
	return w
}

// Decode reads a plan that Encode wrote. What it returns is for comparing and
// showing; nothing is ever built from it.
func Decode(r io.Reader) (*Plan, error) {
	in, err := decode(r)
	if err != nil {
		return nil, err
	}
	return in.plan(), nil
}

func decode(r io.Reader) (*wirePlan, error) {
	var in wirePlan
	if err := json.NewDecoder(r).Decode(&in); err != nil {
		return nil, fmt.Errorf("reading the plan: %w: %w", ErrFormat, err)
	}
	if in.Format != Format || in.Version != FormatVersion {
		return nil, fmt.Errorf("reading the plan: %w: format %q, version %d", ErrFormat, in.Format, in.Version)
	}
	return &in, nil
}

func (in *wirePlan) plan() *Plan {
	p := &Plan{Platform: in.Platform, Store: in.Store, Executor: in.Executor, Targets: in.Targets, Steps: make([]Step, len(in.Nodes))}
	for i, w := range in.Nodes {
		s := Step{
			Node: w.ID, Kind: w.Kind, Layer: w.Layer, Action: w.Action, Ref: w.Ref, Digest: w.Digest,
			Unchecked: w.Unchecked, Key: w.Key, Version: w.Version, Tags: w.Tags, Unpinned: w.Unpinned,
			Found: w.Image, Source: w.Source, Replaces: w.Replaces,
		}
		if len(w.Reasons) > 0 {
			s.Reasons = w.Reasons
		}
		for _, in := range w.Inputs {
			s.Inputs = append(s.Inputs, graph.Input{Role: in.Role, Node: in.Node, Builder: in.Builder})
		}
		p.Steps[i] = s
	}
	return p
}
