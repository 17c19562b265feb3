// Package plan decides, for every node, what happens and says why. It is pure:
// a graph and a snapshot in, a plan out.
package plan

import (
	"github.com/terok-ai/terok-agent/pkg/graph"
)

// Action is what happens to a node. The action decides; reasons explain.
type Action string

// The actions.
const (
	// UpToDate: the store holds the image.
	UpToDate Action = "up-to-date"
	// Build: the image is built.
	Build Action = "build"
	// Retag: an image with this key is in the store under another name or
	// none; only names move.
	Retag Action = "retag"
	// Pull: a registry has the image of this base, or one of this layer with
	// its key.
	Pull Action = "pull"
	// NotNeeded: the image is missing or old, and nothing that is wanted needs
	// it.
	NotNeeded Action = "not-needed"
)

// Code says what sort of reason a Reason is. The codes are stable; a reader
// must accept codes it does not know.
type Code string

// The reason codes.
const (
	NoImage            Code = "no-image"
	ForeignImage       Code = "foreign-image"
	RecordUnreadable   Code = "record-unreadable"
	RecordFormat       Code = "record-format"
	InstructionChanged Code = "instruction-changed"
	InstructionAdded   Code = "instruction-added"
	InstructionRemoved Code = "instruction-removed"
	FileChanged        Code = "file-changed"
	FileAdded          Code = "file-added"
	FileRemoved        Code = "file-removed"
	ModeChanged        Code = "mode-changed"
	ArgChanged         Code = "arg-changed"
	VersionChanged     Code = "version-changed"
	BaseMoved          Code = "base-moved"
	InputChanged       Code = "input-changed"
	InputRebuilt       Code = "input-rebuilt"
	PlatformChanged    Code = "platform-changed"
	RefreshRequested   Code = "refresh-requested"
	RebuildRequested   Code = "rebuild-requested"
	Expired            Code = "expired"
	TagMissing         Code = "tag-missing"
)

// Reason is one cause, shown and never decided upon.
type Reason struct {
	Code    Code   `json:"code"`
	Subject string `json:"subject,omitempty"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
}

// Step is what happens to one node.
type Step struct {
	Node    graph.ID
	Kind    graph.Kind
	Layer   graph.ID
	Ref     string
	Digest  string
	Version string
	// Unchecked is true when a base's digest was taken from a record.
	Unchecked bool
	Unpinned  []string
	Tags      []string
	Inputs    []graph.Input
	Key       graph.Key
	Action    Action
	Reasons   []Reason
	// Found is the image that is used when nothing is built, "sha256:…".
	Found string
	// Source is the reference that a layer's image is pulled from, or "".
	Source string
	// Replaces is the image that is there now, "" when there is none.
	Replaces string
	// Salt is the salt to build with: the one recorded, or a new one.
	Salt string
	// Changed are the steps of the recipe whose own ingredients changed.
	Changed []graph.StepRef
}

// Plan is a step for every node, inputs first.
type Plan struct {
	Platform string
	Store    string
	Executor string
	Targets  []graph.ID
	Steps    []Step

	recall Recall
}

// Summary counts layers by action.
type Summary struct {
	Build     int `json:"build"`
	Retag     int `json:"retag"`
	Pull      int `json:"pull"`
	UpToDate  int `json:"up-to-date"`
	NotNeeded int `json:"not-needed"`
}

// Summary counts the layers and bases; stages are part of their layer.
func (p *Plan) Summary() Summary {
	var s Summary
	for i := range p.Steps {
		if p.Steps[i].Kind == graph.KindStage {
			continue
		}
		switch p.Steps[i].Action {
		case Build:
			s.Build++
		case Retag:
			s.Retag++
		case Pull:
			s.Pull++
		case UpToDate:
			s.UpToDate++
		case NotNeeded:
			s.NotNeeded++
		}
	}
	return s
}

// Changes reports whether applying the plan would do anything.
func (p *Plan) Changes() bool {
	s := p.Summary()
	return s.Build+s.Retag+s.Pull > 0
}

// Step returns the step of a node.
func (p *Plan) Step(id graph.ID) (Step, bool) {
	for i := range p.Steps {
		if p.Steps[i].Node == id {
			return p.Steps[i], true
		}
	}
	return Step{}, false
}
