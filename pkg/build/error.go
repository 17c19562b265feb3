package build

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
	"github.com/terok-ai/terok-agent/pkg/layers/roster"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// The exit codes that errors ask for.
const (
	exitFailed      = 1
	exitStale       = 3
	exitUsage       = 64
	exitInterrupted = 130
)

// Error is every failure of this package: one line that says what failed and
// where, and one that says what to do.
type Error struct {
	// Class sorts failures, as exec.Class does; "" where none fits.
	Class string
	// Message is one line, Hint one more or "".
	Message, Hint string
	// Tail are the last lines of a failed step's log.
	Tail []string
	// ExitCode is what a command line should exit with.
	ExitCode int
	// Err is the cause, or nil.
	Err error
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// wrap makes an *Error of any error, with the hint that fits its cause.
func wrap(err error) error {
	if err == nil {
		return nil
	}
	var have *Error
	if errors.As(err, &have) {
		return have
	}
	e := &Error{Message: err.Error(), ExitCode: exitFailed, Err: err}
	var failed *exec.Error
	var look *store.Error
	var family *layers.UnknownFamilyError
	var other *layers.FamilyError
	var selection *roster.SelectionError
	var ref *layers.RefError
	var parse *dockerfile.ParseError
	var stale *plan.StaleError
	var unknown *layers.UnknownRefError
	switch {
	case errors.Is(err, context.Canceled):
		e.Class, e.ExitCode, e.Message = string(exec.ClassCancelled), exitInterrupted, "interrupted"
		e.Hint = "no name has moved; what was finished is used by the next apply"
	case errors.As(err, &family):
		// Whatever kept the base from telling, this is what helps.
		e.ExitCode, e.Hint = exitUsage, family.Hint()
	case errors.As(err, &other):
		e.ExitCode, e.Hint = exitUsage, other.Hint()
	case errors.As(err, &failed):
		e.Class, e.Tail, e.Hint = string(failed.Class), failed.Tail, failed.Hint
		if e.Hint == "" {
			e.Hint = hints[failed.Class]
		}
	case errors.As(err, &look):
		e.Class, e.Hint = look.Class, look.Hint
		if e.Hint == "" {
			e.Hint = hints[exec.Class(look.Class)]
		}
	case errors.As(err, &selection):
		e.ExitCode, e.Hint = exitUsage, selection.Hint()
	case errors.As(err, &ref):
		e.ExitCode, e.Hint = exitUsage, ref.Hint
	case errors.As(err, &stale):
		e.ExitCode, e.Hint = exitStale, "nothing was touched: look at a fresh plan and save that"
	case errors.As(err, &parse):
		e.Hint = parse.Hint
	case errors.As(err, &unknown):
		e.ExitCode, e.Hint = exitUsage, unknown.Hint()
	}
	if e.Hint == "" {
		e.Hint = rosterHint(err)
	}
	return e
}

// rosterHint is the hint of the first mistake in an entry.
func rosterHint(err error) string {
	var mistake *roster.Error
	if errors.As(err, &mistake) {
		return mistake.Hint
	}
	return ""
}

// hints say what to do, by class of failure.
var hints = map[exec.Class]string{
	exec.ClassNoEngine:    "install podman 4.3 or newer, or use --executor buildkit",
	exec.ClassStep:        "the last lines of its log are above; run apply again when the cause is gone",
	exec.ClassLimits:      "set default_ulimits under [containers] in containers.conf to what this machine allows",
	exec.ClassRuntime:     `this machine's cgroups need another runtime: runtime = "runc" under [engine] in containers.conf`,
	exec.ClassBaseMissing: "the store changed meanwhile or the name is short: plan again, or write the full name of the base",
	exec.ClassRegistry:    "check the network, the CA bundle (--ca-bundle) and the registry's name, or use --pull never",
	exec.ClassRecipe:      "look at the Dockerfile line named; 'terok-agent render' writes it out",
	exec.ClassDialect:     "this podman is too old for it: use a newer podman or --executor buildkit",
	exec.ClassContext:     "a file of the build context is missing or ignored",
	exec.ClassSecret:      "give it with --secret id=NAME,src=FILE or --ssh",
	exec.ClassDiskFull:    "free space in podman's storage or in TMPDIR (/var/tmp), then run apply again",
	exec.ClassNetwork:     "the network of RUN steps cannot be set up here: try --network host",
	exec.ClassStorage:     "see whose storage it is and whether its disk can be written: podman info",
	exec.ClassKilled:      "something ended podman from outside, most often for lack of memory",
	exec.ClassInterrupted: "podman was ended from outside: run apply again",
	exec.ClassUnverified:  "what was built is not what was asked for; please report it",
}

func unknownNode(doing string, id graph.ID, g *graph.Graph) *Error {
	var names []string
	for _, n := range g.Nodes() {
		if n.Kind == graph.KindLayer {
			names = append(names, string(n.ID))
		}
	}
	return &Error{
		Message: fmt.Sprintf("cannot %s %q: no such layer", doing, id), Hint: "layers: " + strings.Join(names, ", "),
		ExitCode: exitUsage, Err: ErrUnknownNode,
	}
}
