package build

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
	"github.com/terok-ai/terok-agent/pkg/layers"
)

// Planned is a plan with what it was made from.
type Planned struct {
	// Spec is complete: its base is pinned.
	Spec Spec
	// Graph is what should exist, Snapshot what does.
	Graph    *graph.Graph
	Snapshot graph.Snapshot
	// Plan is the difference, with reasons.
	*plan.Plan
}

// Plan draws, looks and plans; it changes nothing. Errors are *Error.
func Plan(ctx context.Context, spec Spec, o Options) (*Planned, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	p, err := o.plan(ctx, spec)
	return p, wrap(err)
}

// complete checks the options and fills in defaults, before any side effect.
func (o Options) complete() (Options, error) {
	if o.Resources == nil {
		return o, &Error{Message: "no resources given", ExitCode: exitFailed}
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the library's own default: all that lies below is handed this clock
	}
	switch o.Pull {
	case "":
		o.Pull = PullMissing
	case PullMissing, PullNewer, PullNever:
	default:
		return o, &Error{
			Message: fmt.Sprintf("unknown pull policy %q", o.Pull), Hint: "use missing, newer or never", ExitCode: exitUsage,
		}
	}
	if o.FullRebuild && o.Pull == PullMissing {
		o.Pull = PullNewer
	}
	if err := checkBuildDir(o.BuildDir); err != nil {
		return o, err
	}
	if o.Engine == nil {
		engine, err := pickEngine(o)
		if err != nil {
			return o, err
		}
		o.Engine = engine
	}
	return o, o.checkShares()
}

func (o Options) plan(ctx context.Context, spec Spec) (*Planned, error) {
	// What is wrong with the request is said before anything is looked at.
	if _, err := layers.ParseRef(layers.NormalizeBase(spec.Base)); err != nil {
		return nil, err
	}
	spec.Wanted = slices.Concat(spec.Wanted, o.Targets, o.Refresh)
	if spec.CacheDir == "" {
		spec.CacheDir = o.digestDir()
	}
	sketch, snap, err := o.look(ctx, spec)
	var unnamed *layers.UnknownFamilyError
	if errors.As(err, &unnamed) {
		if spec.Family, err = o.learnFamily(ctx, spec, unnamed); err == nil {
			sketch, snap, err = o.look(ctx, spec)
		}
	}
	if err != nil {
		return nil, err
	}
	found, err := o.pinAll(ctx, &spec, sketch, snap)
	if err != nil {
		return nil, err
	}
	if sketch, err = o.confirmFamily(ctx, spec, sketch, found, snap); err != nil {
		return nil, err
	}
	g, err := sketch.Graph(found)
	if err != nil {
		return nil, err
	}
	policy, err := o.policy(g, sketch, spec)
	if err != nil {
		return nil, err
	}
	made, err := plan.Make(g, snap, policy)
	if err != nil {
		return nil, err
	}
	if made.Changes() {
		// Something is missing: it may be there without a name.
		if snap, err = o.Engine.Hidden(ctx, snap); err != nil {
			return nil, err
		}
		if made, err = plan.Make(g, snap, policy); err != nil {
			return nil, err
		}
		if policy.Offered, err = o.offers(ctx, made); err != nil {
			return nil, err
		}
		if made, err = plan.Make(g, snap, policy); err != nil {
			return nil, err
		}
	}
	return &Planned{Spec: spec, Graph: g, Snapshot: snap, Plan: made}, nil
}

// look sketches what should exist and looks at the store. A store that shows
// everything at once is looked at meanwhile; one that is asked name by name has
// to wait for the names. What is wrong with the request is said first.
func (o Options) look(ctx context.Context, spec Spec) (*layers.Sketch, graph.Snapshot, error) {
	type seen struct {
		snap graph.Snapshot
		err  error
	}
	q := Query{Base: layers.NormalizeBase(spec.Base), Platform: spec.TargetPlatform()}
	early := make(chan seen, 1)
	e, atOnce := o.Engine.(interface{ ShowsAll() bool })
	atOnce = atOnce && e.ShowsAll()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends a look that nobody waits for any more
	if atOnce {
		go func() {
			snap, err := o.Engine.Observe(ctx, q)
			early <- seen{snap, err}
		}()
	}
	sketch, err := layers.NewSketch(spec, o.Resources)
	if err != nil {
		return nil, graph.Snapshot{}, err
	}
	if atOnce {
		got := <-early
		return sketch, got.snap, got.err
	}
	q.Names = sketch.Names()
	snap, err := o.Engine.Observe(ctx, q)
	return sketch, snap, err
}

// policy turns the options into what the planner understands.
func (o Options) policy(g *graph.Graph, sketch *layers.Sketch, spec Spec) (plan.Policy, error) {
	p := plan.Policy{
		Executor: o.Engine.Name(), Store: o.Engine.StoreName(), Targets: o.Targets, Now: o.Now(),
		Recall: o.recallRecord, Platform: spec.TargetPlatform(), Refresh: map[graph.ID]plan.Code{}, MaxAge: sketch.MaxAges(),
	}
	if len(p.Targets) == 0 {
		p.Targets = defaultTargets(g, sketch)
	}
	for _, n := range g.Nodes() {
		if n.Kind != graph.KindLayer {
			continue
		}
		if o.FullRebuild || (o.Rebuild && layers.IsPart(n.ID)) {
			p.Refresh[n.ID] = plan.RebuildRequested
		}
	}
	for _, id := range o.Refresh {
		if n, ok := g.Lookup(id); !ok || n.Kind != graph.KindLayer {
			return p, unknownNode("refresh", id, g)
		}
		p.Refresh[id] = plan.RefreshRequested
	}
	for _, id := range p.Targets {
		if n, ok := g.Lookup(id); !ok || n.Kind != graph.KindLayer {
			return p, unknownNode("plan", id, g)
		}
		if o.MaxAge > 0 {
			p.MaxAge[id] = o.MaxAge
		}
	}
	salt, err := newSalt()
	p.Salt = salt
	return p, err
}

// defaultTargets are what the sketch says, in the order of the graph.
func defaultTargets(g *graph.Graph, sketch *layers.Sketch) []graph.ID {
	wanted := sketch.Targets()
	var out []graph.ID
	for _, n := range g.Nodes() {
		if slices.Contains(wanted, n.ID) {
			out = append(out, n.ID)
		}
	}
	return out
}

func newSalt() (string, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("making a salt: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

// ErrUnknownNode is wrapped when a name is not a node of the graph.
var ErrUnknownNode = errors.New("no such layer")
