// Package exec carries out a plan: order, parallelism, requests and events. It
// knows no engine; executors live below it.
package exec

import (
	"context"
	"time"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// Request is one layer to build, complete: an executor looks nothing up.
type Request struct {
	// Node is the layer's ID.
	Node graph.ID
	// Names are what the image will be called when the run is over. They say
	// where it belongs in a store that has places; Build gives it none of them.
	Names []string
	// Recipe is what to build.
	Recipe graph.Recipe
	// Parents are the images the Dockerfile refers to.
	Parents []Parent
	// Labels are the record and the standard labels, to be in the config of
	// the result exactly so.
	Labels map[string]string
	// Salt, when not empty, makes every step of the recipe run again unless it
	// already ran with this salt.
	Salt string
	// MustRun are the steps whose own ingredients changed since the image that
	// is there now; an executor that sees its builder answer one of them from
	// cache must not believe it without proof.
	MustRun []StepRef
	// Replaces is the image that is there now ("sha256:…"), or "".
	Replaces string
	// Options are the settings that hold for every build of the run.
	Options BuildOptions
}

// Parent is one image that a Dockerfile refers to.
type Parent struct {
	// Node is the layer or base it comes from.
	Node graph.ID
	// Arg is the build argument that names it, or "".
	Arg string
	// Ref is the reference as the Dockerfile spells it.
	Ref string
	// Image is the image's config digest ("sha256:…").
	Image string
	// Manifest is its manifest digest where the store has one.
	Manifest string
}

// StepRef is an instruction of a recipe's Dockerfile.
type StepRef = graph.StepRef

// BuildOptions hold for every build of a run.
type BuildOptions struct {
	// Secrets maps a secret's id to the file that holds it.
	Secrets map[string]string
	// SecretEnv maps a secret's id to the variable of this process that holds
	// it.
	SecretEnv map[string]string
	// SSH are the agent sockets or keys to forward, as "id[=path]".
	SSH []string
	// Network is the network mode of RUN steps: "", "host", "none", "private".
	Network string
	// Isolation is podman's; "" means its default.
	Isolation string
	// Tail is how many lines of a failed step's log to keep; 0 means 20.
	Tail int
}

// Result is a built image.
type Result struct {
	// Image is its config digest, "sha256:…".
	Image string
	// Manifest is its manifest digest, or "".
	Manifest string
	// Steps and Cached count the steps shown and those answered from cache.
	Steps, Cached int
}

// Executor makes images. Apply is its only caller.
type Executor interface {
	// Name is "podman" or "buildkit".
	Name() string
	// Build builds one layer, untagged, and checks that the result carries the
	// labels it was given.
	Build(ctx context.Context, r Request, s Sink) (Result, error)
	// Pull fetches an external image into the store.
	Pull(ctx context.Context, ref string, s Sink) (Result, error)
	// Tag moves names to images; all of them or, on an error, as few as
	// possible. The keys are names, the values config digests.
	Tag(ctx context.Context, moves map[string]string) error
}

// EventKind says what happened.
type EventKind string

// The kinds of event.
const (
	NodeStarted  EventKind = "node-started"
	NodeDone     EventKind = "node-done"
	NodeFailed   EventKind = "node-failed"
	NodeSkipped  EventKind = "node-skipped"
	StepStarted  EventKind = "step-started"
	StepCached   EventKind = "step-cached"
	StepDone     EventKind = "step-done"
	Log          EventKind = "log"
	Note         EventKind = "note"
	TagsMoved    EventKind = "tags-moved"
	WaitingLock  EventKind = "waiting-for-lock"
	PullStarted  EventKind = "pull-started"
	PullProgress EventKind = "pull-progress"
)

// Event is one thing that happened while a plan was carried out.
type Event struct {
	Kind EventKind
	Node graph.ID
	// Step is the place in the recipe, and Stages, Steps the totals as far as
	// known; only for step events.
	Step   StepRef
	Stages int
	Steps  int
	// Line is the Dockerfile line of the step, 0 when unknown.
	Line int
	// Text is the instruction, the log line or the message.
	Text string
	// Image is the result of a node that is done.
	Image string
	// Time is when it happened and Duration how long it took, where it fits.
	Time     time.Time
	Duration time.Duration
	// Err is the failure of a node.
	Err error
}

// Sink receives events. Apply calls it from one goroutine.
type Sink interface{ Event(Event) }

// SinkFunc makes a function a Sink.
type SinkFunc func(Event)

// Event calls f.
func (f SinkFunc) Event(e Event) { f(e) }

// Class sorts failures so that the command line can give a hint.
type Class string

// The classes of failure, shared by executors and stores.
const (
	ClassNoEngine    Class = "no-engine"
	ClassStep        Class = "step-failed"
	ClassLimits      Class = "limits"
	ClassRuntime     Class = "runtime"
	ClassBaseMissing Class = "base-missing"
	ClassRegistry    Class = "registry"
	ClassRecipe      Class = "recipe"
	ClassDialect     Class = "dialect"
	ClassContext     Class = "context"
	ClassSecret      Class = "secret"
	ClassDiskFull    Class = "disk-full"
	ClassNetwork     Class = "network-setup"
	ClassStorage     Class = "storage"
	ClassKilled      Class = "killed"
	ClassInterrupted Class = "interrupted"
	ClassCancelled   Class = "cancelled"
	ClassUnverified  Class = "unverified"
	ClassUnknown     Class = "unknown"
)

// Error is a failed build, pull or tag, with all that a person needs.
type Error struct {
	Class Class
	// Node is what was being built, or "".
	Node graph.ID
	// File and Line are the place in the recipe, Line 0 when unknown.
	File string
	Line int
	// Instruction is the text at that place.
	Instruction string
	// ExitCode is the step's, or the engine's; -1 when there is none.
	ExitCode int
	// Message is one line; Tail the last lines of the failed step's log.
	Message string
	Tail    []string
	// Hint says what to do where the class alone tells too little, or is "".
	Hint string
	// Err is the cause, or nil.
	Err error
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
