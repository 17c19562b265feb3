package exectest

import (
	"sync"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

// Recorder is a Sink that keeps the events. The zero value is ready.
type Recorder struct {
	// Seen is called for each event, if set.
	Seen func(exec.Event)

	mu     sync.Mutex
	events []exec.Event
}

var _ exec.Sink = (*Recorder)(nil)

// Event implements exec.Sink.
func (r *Recorder) Event(e exec.Event) {
	r.mu.Lock()
	r.events = append(r.events, e)
	r.mu.Unlock()
	if r.Seen != nil {
		r.Seen(e)
	}
}

// All returns the events so far.
func (r *Recorder) All() []exec.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]exec.Event(nil), r.events...)
}

// Of returns the events of a kind.
func (r *Recorder) Of(k exec.EventKind) []exec.Event {
	var out []exec.Event
	for _, e := range r.All() {
		if e.Kind == k {
			out = append(out, e)
		}
	}
	return out
}

// Texts returns the texts of the events of a kind.
func (r *Recorder) Texts(k exec.EventKind) []string {
	var out []string
	for _, e := range r.Of(k) {
		out = append(out, e.Text)
	}
	return out
}
