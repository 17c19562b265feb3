package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// Applied is what an apply did.
type Applied struct {
	// Planned is the plan that was carried out: always a fresh one.
	*Planned
	// Outcome says what was built, retagged and left.
	*exec.Outcome
	// Images holds the names of the built-in layers.
	Set ImageSet
}

// Apply carries a plan out. It draws, looks and plans again under the store's
// lock and applies that, with the base pinned as in p: a plan is a promise to
// compare, not a script. Errors are *Error; on an error no name has moved, but
// when pushing fails.
func Apply(ctx context.Context, p *Planned, o Options) (*Applied, error) {
	return Run(ctx, p.Spec, o, func(*Planned) error { return nil })
}

// Run plans under the store's lock, shows the plan to show and, if that
// returns nil, carries it out. It is what "apply" does with one look.
func Run(ctx context.Context, spec Spec, o Options, show func(*Planned) error) (*Applied, error) {
	given := o.Engine
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	if c, ok := o.Engine.(io.Closer); ok && given == nil {
		// What was built is built, whatever closing says.
		defer func() { _ = c.Close() }()
	}
	release, err := o.lock(ctx)
	if err != nil {
		return nil, wrap(err)
	}
	defer release()
	p, err := o.planMended(ctx, spec)
	if err != nil {
		return nil, wrap(err)
	}
	if err := show(p); err != nil {
		return nil, wrap(err)
	}
	if o.BuildDir != "" {
		if err := Render(p, o.BuildDir); err != nil {
			return nil, wrap(err)
		}
	}
	out, err := o.carryOut(ctx, p)
	if err == nil {
		err = o.share(ctx, p, out)
	}
	return &Applied{Planned: p, Outcome: out, Set: imageSet(p)}, wrap(err)
}

// planMended plans, and once more when the look failed on what an apply that
// died may have left.
func (o Options) planMended(ctx context.Context, spec Spec) (*Planned, error) {
	p, err := o.plan(ctx, spec)
	var half *store.HalfWrittenError
	if !errors.As(err, &half) || o.Engine.Clean(ctx) != nil {
		return p, err
	}
	return o.plan(ctx, spec)
}

func (o Options) carryOut(ctx context.Context, p *Planned) (*exec.Outcome, error) {
	if !p.Changes() {
		out := &exec.Outcome{Images: map[graph.ID]string{}}
		for _, s := range p.Steps {
			if s.Action == plan.UpToDate && s.Kind != graph.KindStage {
				out.Images[s.Node] = s.Found
			}
		}
		return out, nil
	}
	if err := o.Engine.Clean(ctx); err != nil {
		return nil, err
	}
	settings, cleanup, err := o.buildOptions(ctx, p)
	if err != nil {
		return nil, err
	}
	defer cleanup()
	started := o.created()
	out, err := exec.Apply(ctx, p.Graph, p.Plan, o.Engine, exec.Options{
		Jobs: o.Jobs, KeepGoing: o.KeepGoing, Build: settings, Sink: o.Sink, Now: o.Now,
		Labels: func(n graph.Node) map[string]string { return standardLabels(p, n, started) },
	})
	if out != nil {
		o.keepRecords(p.Graph, out.Built)
	}
	return out, err
}

// created is the time that images say they were made: now, unless
// SOURCE_DATE_EPOCH asks for one that is the same in every run.
func (o Options) created() time.Time {
	if seconds, err := strconv.ParseInt(o.Getenv("SOURCE_DATE_EPOCH"), 10, 64); err == nil {
		return time.Unix(seconds, 0)
	}
	return o.Now()
}

// standardLabels are the labels beside the record: what other tools read.
func standardLabels(p *Planned, n graph.Node, now time.Time) map[string]string {
	const oci = "org.opencontainers.image."
	l := map[string]string{
		oci + "title":   "terok-agent " + string(n.ID),
		oci + "created": now.UTC().Format(time.RFC3339),
	}
	if n.Version != "" {
		l[oci+"version"] = n.Version
	}
	for _, in := range n.Inputs {
		t, _ := p.Graph.Lookup(in.Node)
		if in.Role != graph.RoleFrom {
			continue
		}
		l[oci+"base.name"] = in.Ref
		if t.Kind == graph.KindBase {
			l[oci+"base.name"], l[oci+"base.digest"] = t.Ref, t.Digest
		}
	}
	if layers.IsRunnable(n.ID) {
		l[graph.LabelAgents] = strings.Join(n.Contains, ",")
	}
	return l
}

// ImageSet names the images that other programs start from.
type ImageSet struct {
	// L0 and L1 are the names of the base layers.
	L0, L1 string
	// L1Sidecar is the name of the sidecar, "" when none was asked for.
	L1Sidecar string
}

func imageSet(p *Planned) ImageSet {
	var s ImageSet
	for _, st := range p.Steps {
		if len(st.Tags) == 0 {
			continue
		}
		switch {
		case st.Node == layers.L0ID:
			s.L0 = st.Tags[0]
		case st.Node == layers.L1ID:
			s.L1 = st.Tags[0]
		case layers.IsSidecar(st.Node) && s.L1Sidecar == "":
			s.L1Sidecar = st.Tags[len(st.Tags)-1]
		}
	}
	return s
}

// BaseImages makes L0 and L1 current on a base and returns their names. An
// image that is there and current is not built again.
func BaseImages(ctx context.Context, base string, o Options) (ImageSet, error) {
	return makeImages(ctx, Spec{Base: base}, o)
}

// SidecarImage makes a tool's sidecar current and returns its name. It builds
// L0 when needed and never L1. An unknown tool is an error.
func SidecarImage(ctx context.Context, base, tool string, o Options) (string, error) {
	set, err := makeImages(ctx, Spec{Base: base, Sidecars: []string{tool}, NoL1: true}, o)
	return set.L1Sidecar, err
}

func makeImages(ctx context.Context, spec Spec, o Options) (ImageSet, error) {
	done, err := Run(ctx, spec, o, func(*Planned) error { return nil })
	if err != nil {
		return ImageSet{}, fmt.Errorf("making the images on %q: %w", layers.NormalizeBase(spec.Base), err)
	}
	return done.Set, nil
}
