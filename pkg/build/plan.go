package build

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
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
	sketch, snap, err := o.look(ctx, spec)
	if err != nil {
		return nil, err
	}
	if err := o.pin(ctx, &spec, snap); err != nil {
		return nil, err
	}
	g, err := sketch.Graph(spec.BaseDigest, spec.BaseUnchecked)
	if err != nil {
		return nil, err
	}
	policy, err := o.policy(g, spec)
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

// pin decides which image the base is: the last decision about its tag.
func (o Options) pin(ctx context.Context, spec *Spec, snap graph.Snapshot) error {
	spec.Base = layers.NormalizeBase(spec.Base)
	if spec.BaseDigest != "" {
		return nil
	}
	platform := spec.TargetPlatform()
	img, here := o.Engine.FindBase(snap, spec.Base)
	if o.Pull != PullNewer && here {
		spec.BaseDigest = img.ID
		return nil
	}
	if o.Pull != PullNewer {
		if digest, ok := recordedBase(snap, spec.Base, platform); ok {
			spec.BaseDigest, spec.BaseUnchecked = digest, true
			return nil
		}
	}
	if o.Pull == PullNever {
		return &Error{
			Class: "base-missing", Message: fmt.Sprintf("the base %s is not in the store, and --pull is never", spec.Base),
			Hint: "pull or import it, or use --pull missing", ExitCode: exitFailed,
		}
	}
	digest, err := o.Engine.Pin(ctx, spec.Base, platform)
	if err != nil {
		return fmt.Errorf("pinning base %q: %w", spec.Base, err)
	}
	spec.BaseDigest = digest
	return nil
}

// recordedBase finds what the layers built on a base remember of it.
func recordedBase(snap graph.Snapshot, base, platform string) (string, bool) {
	for _, id := range []graph.ID{layers.L0ID, layers.FetchID} {
		for _, img := range snap.ByNode(id) {
			rec, err := graph.ParseHead(img.Labels)
			if err != nil || rec.Platform != platform {
				continue
			}
			if in, ok := rec.Input(layers.BaseID); ok && in.Key == base {
				return in.Image, true
			}
		}
	}
	return "", false
}

// policy turns the options into what the planner understands.
func (o Options) policy(g *graph.Graph, spec Spec) (plan.Policy, error) {
	p := plan.Policy{
		Executor: o.Engine.Name(), Store: o.Engine.StoreName(), Targets: o.Targets, Now: o.Now(),
		Platform: spec.TargetPlatform(), Refresh: map[graph.ID]plan.Code{},
	}
	if len(p.Targets) == 0 {
		p.Targets = defaultTargets(g)
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
			if p.MaxAge == nil {
				p.MaxAge = map[graph.ID]time.Duration{}
			}
			p.MaxAge[id] = o.MaxAge
		}
	}
	salt, err := newSalt()
	p.Salt = salt
	return p, err
}

// defaultTargets are L1 and the sidecars: what people run. Without any of
// them, every layer that no other reads.
func defaultTargets(g *graph.Graph) []graph.ID {
	var out []graph.ID
	for _, n := range g.Nodes() {
		if n.Kind == graph.KindLayer && layers.IsRunnable(n.ID) {
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
