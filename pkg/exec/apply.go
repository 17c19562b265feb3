package exec

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// Options say how a plan is carried out.
type Options struct {
	// Jobs is how many layers are built at the same time; 0 means one per
	// core.
	Jobs int
	// KeepGoing builds what does not depend on a failed layer instead of
	// stopping.
	KeepGoing bool
	// Build holds for every build.
	Build BuildOptions
	// Labels are added to every image beside its record; a function of the
	// node, because versions and contents differ.
	Labels func(graph.Node) map[string]string
	// Sink receives the events; nil drops them.
	Sink Sink
	// Now tells the time, for events; nil leaves their times and durations
	// zero.
	Now func() time.Time
}

// Outcome is what a run did.
type Outcome struct {
	// Images are the config digests of all layers that are current now.
	Images map[graph.ID]string
	// Built, Pulled, Retagged and Failed list nodes in the order they ended;
	// Pulled has layers only.
	Built, Pulled, Retagged, Failed []graph.ID
	// Skipped were not tried because something below them failed.
	Skipped []graph.ID
}

// ErrFailed is wrapped by the error of a run in which at least one layer
// failed.
var ErrFailed = errors.New("not everything could be built")

// Apply builds what the plan says, inputs first, and moves all names at the
// end, in one step. On an error no name has moved; what was finished stays in
// the store and is found again by its key.
func Apply(ctx context.Context, g *graph.Graph, p *plan.Plan, x Executor, o Options) (*Outcome, error) {
	if o.Jobs <= 0 {
		o.Jobs = runtime.NumCPU()
	}
	if o.Now == nil {
		o.Now = func() time.Time { return time.Time{} }
	}
	if o.Sink == nil {
		o.Sink = SinkFunc(func(Event) {})
	}
	r := &run{g: g, x: x, o: o, steps: map[graph.ID]*plan.Step{}, images: map[graph.ID]string{}, out: &Outcome{}}
	r.events = startFunnel(o.Sink, o.Now)
	defer r.events.close()
	for i := range p.Steps {
		r.steps[p.Steps[i].Node] = &p.Steps[i]
	}
	r.work(ctx)
	r.out.Images = r.images
	if err := r.failure(ctx); err != nil {
		return r.out, err
	}
	if err := r.publish(ctx); err != nil {
		return r.out, err
	}
	return r.out, nil
}

// run is one Apply under way. Everything below the lock is shared by workers.
type run struct {
	g      *graph.Graph
	x      Executor
	o      Options
	events *funnel
	steps  map[graph.ID]*plan.Step

	mu     sync.Mutex
	images map[graph.ID]string
	errs   []error
	out    *Outcome
}

// work runs the layers that are built or pulled, each as soon as its inputs
// are there.
func (r *run) work(ctx context.Context) {
	waiting := map[graph.ID]int{}
	readers := map[graph.ID][]graph.ID{}
	var ready []graph.ID
	for _, n := range r.g.Nodes() {
		s := r.steps[n.ID]
		if s == nil || n.Kind == graph.KindStage {
			continue
		}
		switch s.Action {
		case plan.UpToDate, plan.Retag:
			r.images[n.ID] = s.Found
			if s.Action == plan.Retag {
				r.out.Retagged = append(r.out.Retagged, n.ID)
			}
		case plan.NotNeeded:
		case plan.Build, plan.Pull:
			for _, in := range r.standsOn(n, s) {
				if t := r.steps[in]; t != nil && (t.Action == plan.Build || t.Action == plan.Pull) {
					waiting[n.ID]++
					readers[in] = append(readers[in], n.ID)
				}
			}
			if waiting[n.ID] == 0 {
				ready = append(ready, n.ID)
			}
		}
	}
	r.drain(ctx, ready, waiting, readers)
}

// drain hands ready nodes to at most Jobs workers until none are left. After
// a failure nothing new is started (unless asked to keep going), but what is
// running may end: its result is of use to the next run.
func (r *run) drain(ctx context.Context, ready []graph.ID, waiting map[graph.ID]int, readers map[graph.ID][]graph.ID) {
	type ended struct {
		id graph.ID
		ok bool
	}
	done := make(chan ended)
	running, failed := 0, false
	for running > 0 || len(ready) > 0 {
		for len(ready) > 0 && running < r.o.Jobs && ctx.Err() == nil && (!failed || r.o.KeepGoing) {
			id := ready[0]
			ready = ready[1:]
			running++
			go func() { done <- ended{id, r.one(ctx, id)} }()
		}
		if running == 0 {
			return // stopped with work left
		}
		e := <-done
		running--
		if !e.ok {
			failed = true
			r.skipReaders(e.id, readers)
			continue
		}
		for _, id := range readers[e.id] {
			if waiting[id]--; waiting[id] == 0 {
				ready = append(ready, id)
			}
		}
	}
}

// skipReaders records everything above a failed node as skipped.
func (r *run) skipReaders(id graph.ID, readers map[graph.ID][]graph.ID) {
	for _, up := range readers[id] {
		if !slices.Contains(r.out.Skipped, up) {
			r.out.Skipped = append(r.out.Skipped, up)
			r.events.send(Event{Kind: NodeSkipped, Node: up, Text: "needs " + string(id), Time: r.o.Now()})
			r.skipReaders(up, readers)
		}
	}
}

// one builds or pulls a node and reports whether it worked.
func (r *run) one(ctx context.Context, id graph.ID) bool {
	n, _ := r.g.Lookup(id)
	s := r.steps[id]
	start := r.o.Now()
	r.events.send(Event{Kind: NodeStarted, Node: id, Text: firstPhrase(s), Time: start})
	var res Result
	var err error
	switch {
	case s.Action != plan.Pull:
		res, err = r.build(ctx, n, s)
	case n.Kind == graph.KindLayer:
		res, err = r.fetch(ctx, n, s)
	default:
		res, err = r.pull(ctx, n)
	}
	now := r.o.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.errs = append(r.errs, err)
		r.out.Failed = append(r.out.Failed, id)
		r.events.send(Event{Kind: NodeFailed, Node: id, Text: err.Error(), Err: err, Time: now, Duration: now.Sub(start)})
		return false
	}
	r.images[id] = res.Image
	switch {
	case n.Kind != graph.KindLayer:
	case s.Action == plan.Pull:
		r.out.Pulled = append(r.out.Pulled, id)
	default:
		r.out.Built = append(r.out.Built, id)
	}
	r.events.send(Event{Kind: NodeDone, Node: id, Image: res.Image, Steps: res.Steps, Time: now, Duration: now.Sub(start)})
	return true
}

func (r *run) pull(ctx context.Context, n graph.Node) (Result, error) {
	res, err := r.x.Pull(ctx, n.Ref, r.events.sink(n.ID))
	if err != nil {
		return res, err
	}
	if res.Image != n.Digest {
		return res, &Error{
			Class: ClassBaseMissing, Node: n.ID, ExitCode: -1,
			Message: fmt.Sprintf("pulling %s: got %s, planned %s: the tag moved meanwhile; plan again", n.Ref, res.Image, n.Digest),
		}
	}
	return res, nil
}

func (r *run) build(ctx context.Context, n graph.Node, s *plan.Step) (Result, error) {
	req, err := r.request(n, s)
	if err != nil {
		return Result{}, err
	}
	return r.x.Build(ctx, req, r.events.sink(n.ID))
}

// request completes what an executor needs to know of one layer.
func (r *run) request(n graph.Node, s *plan.Step) (Request, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	req := Request{
		Node: n.ID, Names: n.Tags, Recipe: *n.Recipe, Salt: s.Salt, MustRun: s.Changed, Replaces: s.Replaces, Options: r.o.Build,
	}
	var inputs []graph.InputRecord
	seen := map[graph.ID]bool{}
	for _, in := range r.edges(n) {
		t, _ := r.g.Lookup(in.Node)
		image := r.images[in.Node]
		if t.Kind == graph.KindBase {
			image = t.Digest
		}
		if image == "" {
			return req, fmt.Errorf("building %q: its input %q has no image", n.ID, in.Node)
		}
		req.Parents = append(req.Parents, Parent{Node: in.Node, Arg: in.Arg, Ref: in.Ref, Image: image})
		if seen[in.Node] || in.Builder {
			continue
		}
		seen[in.Node] = true
		key := string(r.g.Keys(in.Node).Image)
		if t.Kind == graph.KindBase {
			key = t.Ref
		}
		inputs = append(inputs, graph.InputRecord{Node: in.Node, Image: image, Key: key})
	}
	labels, err := r.g.NewRecord(n.ID, s.Salt, inputs).Labels()
	if err != nil {
		return req, err
	}
	if r.o.Labels != nil {
		for k, v := range r.o.Labels(n) {
			labels[k] = v
		}
	}
	req.Labels = labels
	return req, nil
}

// edges are the inputs of a layer and of its stages, without the stages.
func (r *run) edges(n graph.Node) []graph.Input {
	var out []graph.Input
	seen := map[graph.ID]bool{}
	var visit func(graph.Node)
	visit = func(n graph.Node) {
		for _, in := range n.Inputs {
			t, _ := r.g.Lookup(in.Node)
			if t.Kind != graph.KindStage {
				out = append(out, in)
			} else if !seen[in.Node] {
				seen[in.Node] = true
				visit(t)
			}
		}
	}
	visit(n)
	return out
}

// standsOn are the nodes that must be there first: a layer that is pulled
// comes without them.
func (r *run) standsOn(n graph.Node, s *plan.Step) []graph.ID {
	if s.Action == plan.Pull {
		return nil
	}
	return r.inputs(n)
}

// inputs are the distinct nodes a layer stands on.
func (r *run) inputs(n graph.Node) []graph.ID {
	var out []graph.ID
	for _, in := range r.edges(n) {
		if !slices.Contains(out, in.Node) {
			out = append(out, in.Node)
		}
	}
	return out
}

// failure joins what went wrong; a cancelled run fails even when no build did.
func (r *run) failure(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil && len(r.errs) == 0 {
		return cause
	}
	if len(r.errs) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrFailed, errors.Join(r.errs...))
}

// publish moves all names in one step.
func (r *run) publish(ctx context.Context) error {
	moves := map[string]string{}
	for id, s := range r.steps {
		if s.Kind != graph.KindLayer || (s.Action != plan.Build && s.Action != plan.Retag && s.Action != plan.Pull) {
			continue
		}
		for _, tag := range s.Tags {
			moves[tag] = r.images[id]
		}
	}
	if len(moves) == 0 {
		return nil
	}
	if err := r.x.Tag(ctx, moves); err != nil {
		return err
	}
	names := make([]string, 0, len(moves))
	for name := range moves {
		names = append(names, name)
	}
	sort.Strings(names)
	r.events.send(Event{Kind: TagsMoved, Text: strings.Join(names, " "), Time: r.o.Now()})
	return nil
}

func firstPhrase(s *plan.Step) string {
	if len(s.Reasons) == 0 {
		return ""
	}
	return string(s.Reasons[0].Code)
}
