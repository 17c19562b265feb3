package buildkit

import (
	"slices"
	"strings"
	"sync"
	"time"

	bkclient "github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/llb"
)

// watcher turns the progress of one build into events.
type watcher struct {
	r    exec.Request
	sink exec.Sink
	keep int

	mu     sync.Mutex
	places map[digest.Digest]llb.Place
	seen   map[digest.Digest]*vertex
	// open are unfinished lines of output, by vertex and stream.
	open map[stream][]byte
}

// vertex is what was shown of one operation.
type vertex struct {
	started, ended, cached bool
	// transfer is what it has to do with registries; running, that it is at it
	// now: a source begins anew whenever something of it is needed.
	transfer transfer
	running  bool
	tail     []string
}

type stream struct {
	vertex digest.Digest
	number int
}

func newWatcher(r exec.Request, sink exec.Sink) *watcher {
	keep := r.Options.Tail
	if keep <= 0 {
		keep = 20
	}
	return &watcher{
		r: r, sink: sink, keep: keep, seen: map[digest.Digest]*vertex{}, open: map[stream][]byte{},
	}
}

// knows is told of the lowered recipe: which operation is which line.
func (w *watcher) knows(img *llb.Image) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.places = img.Lines
}

// take handles one report. Operations without a line of the recipe, such as
// the export, are not shown; their output is.
func (w *watcher) take(s *bkclient.SolveStatus) {
	w.mu.Lock()
	var events []exec.Event
	for _, v := range s.Vertexes {
		events = append(events, w.vertex(v)...)
	}
	for _, l := range s.Logs {
		events = append(events, w.log(l)...)
	}
	w.mu.Unlock()
	for _, e := range events {
		w.sink.Event(e)
	}
}

func (w *watcher) vertex(v *bkclient.Vertex) []exec.Event {
	have := w.of(v.Digest)
	have.transfer, have.running = transferOf(v.Name), v.Started != nil && v.Completed == nil
	var events []exec.Event
	e, ours := w.event(v.Digest)
	if v.Started != nil && !have.started {
		have.started = true
		if ours {
			events = append(events, with(e, exec.StepStarted, v.Started))
		}
	}
	if v.Completed == nil || have.ended {
		return events
	}
	events = append(events, w.flush(v.Digest)...)
	have.ended, have.cached = true, v.Cached
	if !ours || v.Error != "" {
		return events
	}
	e = with(e, exec.StepDone, v.Completed)
	if v.Cached {
		e.Kind = exec.StepCached
	} else if v.Started != nil {
		e.Duration = v.Completed.Sub(*v.Started)
	}
	return append(events, e)
}

func with(e exec.Event, k exec.EventKind, at *time.Time) exec.Event {
	e.Kind, e.Time = k, *at
	return e
}

// event is a step's event without its kind; false for what is no step.
func (w *watcher) event(d digest.Digest) (exec.Event, bool) {
	e := exec.Event{Node: w.r.Node}
	p, ok := w.places[d]
	if ok {
		e.Step, e.Line, e.Text = p.Step, p.Line, p.Text
	}
	return e, ok
}

// log cuts output into lines. A carriage return ends a line too: progress bars
// have no other.
func (w *watcher) log(l *bkclient.VertexLog) []exec.Event {
	at := stream{l.Vertex, l.Stream}
	text := slices.Concat(w.open[at], l.Data)
	var events []exec.Event
	for {
		end := strings.IndexAny(string(text), "\r\n")
		if end < 0 {
			break
		}
		if end > 0 || text[end] == '\n' {
			events = append(events, w.line(l.Vertex, text[:end], l.Timestamp))
		}
		text = text[end+1:]
	}
	w.open[at] = append([]byte(nil), text...)
	return events
}

// flush ends the unfinished lines of an operation that has ended.
func (w *watcher) flush(d digest.Digest) []exec.Event {
	var events []exec.Event
	for number := range 3 {
		at := stream{d, number}
		if text := w.open[at]; len(text) > 0 {
			events = append(events, w.line(d, text, time.Time{}))
		}
		delete(w.open, at)
	}
	return events
}

func (w *watcher) line(d digest.Digest, text []byte, at time.Time) exec.Event {
	line := strings.ToValidUTF8(string(text), "\uFFFD")
	v := w.of(d)
	v.tail = append(v.tail, line)
	if over := len(v.tail) - w.keep; over > 0 {
		v.tail = append([]string(nil), v.tail[over:]...)
	}
	e, _ := w.event(d)
	e.Kind, e.Text, e.Time = exec.Log, line, at
	return e
}

func (w *watcher) of(d digest.Digest) *vertex {
	v := w.seen[d]
	if v == nil {
		v = &vertex{}
		w.seen[d] = v
	}
	return v
}

// steps counts the steps that were shown, cachedSteps those from cache.
func (w *watcher) steps() int { return w.count(func(v *vertex) bool { return v.ended }) }

func (w *watcher) cachedSteps() int { return w.count(func(v *vertex) bool { return v.cached }) }

func (w *watcher) count(ok func(*vertex) bool) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for d, v := range w.seen {
		if _, ours := w.places[d]; ours && ok(v) {
			n++
		}
	}
	return n
}

// failedAt returns where an operation stands in the recipe, and the last lines
// of its output.
func (w *watcher) failedAt(d digest.Digest) (llb.Place, []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var lines []string
	if v := w.seen[d]; v != nil {
		lines = append(lines, v.tail...)
	}
	return w.places[d], lines
}
