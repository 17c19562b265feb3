package exec

import (
	"time"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// funnel brings the events of many builds to one sink, from one goroutine.
type funnel struct {
	in   chan Event
	done chan struct{}
	now  func() time.Time
}

func startFunnel(s Sink, now func() time.Time) *funnel {
	f := &funnel{now: now, in: make(chan Event, 64), done: make(chan struct{})}
	go func() {
		defer close(f.done)
		for e := range f.in {
			s.Event(e)
		}
	}()
	return f
}

func (f *funnel) send(e Event) { f.in <- e }

// close waits until the sink has seen everything.
func (f *funnel) close() {
	close(f.in)
	<-f.done
}

// sink returns a Sink whose events carry the node and the time.
func (f *funnel) sink(id graph.ID) Sink {
	return SinkFunc(func(e Event) {
		if e.Node == "" {
			e.Node = id
		}
		if e.Time.IsZero() {
			e.Time = f.now()
		}
		f.send(e)
	})
}
