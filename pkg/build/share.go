package build

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// checkShares completes the places that images are exchanged with.
func (o *Options) checkShares() error {
	for flag, prefix := range map[string]*string{"--push": &o.Push, "--pull-from": &o.PullFrom} {
		*prefix = strings.TrimSuffix(*prefix, "/")
		if *prefix == "" {
			continue
		}
		if err := store.ValidPrefix(*prefix); err != nil {
			return &Error{
				Message: fmt.Sprintf("%s %s: %v", flag, *prefix, err), Hint: "write " + flag + " HOST/REPO", ExitCode: exitUsage, Err: err,
			}
		}
		if _, ok := o.Engine.(exec.Sharer); !ok {
			return &Error{Message: fmt.Sprintf("%s: the executor %q exchanges no images with registries", flag, o.Engine.Name()), ExitCode: exitUsage}
		}
	}
	return nil
}

// offers asks the registry for the layers that would be built, by key.
func (o Options) offers(ctx context.Context, made *plan.Plan) (graph.Snapshot, error) {
	if o.PullFrom == "" {
		return graph.Snapshot{}, nil
	}
	from := store.RegistryStore{Prefix: o.PullFrom}
	var refs []string
	for i := range made.Steps {
		s := &made.Steps[i]
		if s.Kind == graph.KindLayer && s.Action == plan.Build && len(s.Tags) > 0 {
			refs = append(refs, from.SharedByKey(s.Tags[0], s.Key))
		}
	}
	snap, err := from.Offers(ctx, refs, made.Platform)
	if err != nil {
		return snap, fmt.Errorf("looking for finished layers in %s: %w", o.PullFrom, err)
	}
	return snap, nil
}

// share puts images into registries when all names have moved: the targets' to
// where the options say, by name and key; and what is new in a registry that is
// the store, by key.
func (o Options) share(ctx context.Context, p *Planned, out *exec.Outcome) error {
	if o.Push != "" {
		if err := o.pushAll(ctx, p, out, o.Push, p.Targets, true); err != nil {
			return err
		}
	}
	if e, ok := o.Engine.(interface{ sharedPrefix() string }); ok && e.sharedPrefix() != "" {
		return o.pushAll(ctx, p, out, e.sharedPrefix(), slices.Concat(out.Built, out.Pulled, out.Retagged), false)
	}
	return nil
}

func (o Options) pushAll(ctx context.Context, p *Planned, out *exec.Outcome, prefix string, nodes []graph.ID, names bool) error {
	sink := o.Sink
	if sink == nil {
		sink = exec.SinkFunc(func(exec.Event) {})
	}
	to := store.RegistryStore{Prefix: prefix}
	for _, id := range nodes {
		s, ok := p.Step(id)
		if !ok || out.Images[id] == "" || len(s.Tags) == 0 {
			continue
		}
		refs := []string{to.SharedByKey(s.Tags[0], s.Key)}
		for _, tag := range s.Tags {
			if names {
				refs = append(refs, to.Shared(tag))
			}
		}
		named := exec.SinkFunc(func(e exec.Event) { e.Node = id; sink.Event(e) })
		if err := o.Engine.(exec.Sharer).Push(ctx, out.Images[id], refs, named); err != nil {
			return pushError(ctx, id, prefix, err)
		}
	}
	return nil
}

// pushError says that only the push is missing.
func pushError(ctx context.Context, id graph.ID, prefix string, err error) error {
	if ctx.Err() != nil {
		return &Error{
			Class: string(exec.ClassCancelled), Message: fmt.Sprintf("interrupted while pushing %s to %s", id, prefix), ExitCode: exitInterrupted, Err: err,
			Hint: "the images are built and named here; run apply with --push again",
		}
	}
	e := &Error{
		Class: string(exec.ClassUnknown), ExitCode: exitFailed, Err: err,
		Message: fmt.Sprintf("the images are built and named, but pushing %s to %s failed: %v", id, prefix, err),
		Hint:    "see what the registry says; run apply with --push again: nothing will be built again",
	}
	var failed *exec.Error
	if errors.As(err, &failed) {
		e.Class = string(failed.Class)
	}
	host, _, _ := strings.Cut(prefix, "/")
	if errors.Is(err, store.ErrUnauthorized) || strings.Contains(err.Error(), "unauthorized") || strings.Contains(err.Error(), "authentication required") {
		e.Hint = "log in (podman login " + host + "), then run apply with --push again: nothing will be built again"
	}
	return e
}
