package build

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
)

// pinAll decides which image every external reference is: the last decision
// about tags. What only the store could tell, and does not, is left out.
func (o Options) pinAll(ctx context.Context, spec *Spec, sketch *layers.Sketch, snap graph.Snapshot) (map[graph.ID]layers.External, error) {
	spec.Base = layers.NormalizeBase(spec.Base)
	platform := spec.TargetPlatform()
	found := map[graph.ID]layers.External{}
	pinned := maps.Clone(spec.Pinned)
	for _, b := range sketch.Bases() {
		e := layers.External{Digest: spec.Pinned[b.ID]}
		if b.ID == layers.BaseID {
			e = layers.External{Digest: spec.BaseDigest, Unchecked: spec.BaseUnchecked}
		}
		if e.Digest == "" {
			var err error
			if e, err = o.pin(ctx, b, sketch.Layers(), snap, platform); err != nil {
				return nil, err
			}
		}
		if e.Digest == "" {
			continue
		}
		if b.Inherited {
			if err := o.inherit(ctx, b, &e, snap, platform); err != nil {
				return nil, err
			}
		}
		found[b.ID] = e
		if b.ID == layers.BaseID {
			spec.BaseDigest, spec.BaseUnchecked = e.Digest, e.Unchecked
			continue
		}
		if pinned == nil {
			pinned = map[graph.ID]string{}
		}
		pinned[b.ID] = e.Digest
	}
	spec.Pinned = pinned
	return found, nil
}

// pin decides which image one external reference is; nodes are the layers whose
// records may remember it.
func (o Options) pin(ctx context.Context, b layers.Base, nodes []graph.ID, snap graph.Snapshot, platform string) (layers.External, error) {
	img, here := o.Engine.FindBase(snap, b.Ref)
	switch {
	case here && (b.Local || o.Pull != PullNewer):
		return layers.External{Digest: img.ID}, nil
	case b.Local:
		return layers.External{}, nil
	}
	if o.Pull != PullNewer {
		if digest, ok := recordedBase(snap, b, nodes, platform); ok {
			return layers.External{Digest: digest, Unchecked: true}, nil
		}
	}
	if o.Pull == PullNever {
		return layers.External{}, &Error{
			Class: "base-missing", Message: fmt.Sprintf("the base %s is not in the store, and --pull is never", b.Ref),
			Hint: "pull or import it, or use --pull missing", ExitCode: exitFailed,
		}
	}
	digest, err := o.Engine.Pin(ctx, b.Ref, platform)
	if err != nil {
		return layers.External{}, fmt.Errorf("pinning base %q: %w", b.Ref, err)
	}
	return layers.External{Digest: digest}, nil
}

// recordedBase finds what layers built on an external image remember of it.
func recordedBase(snap graph.Snapshot, b layers.Base, nodes []graph.ID, platform string) (string, bool) {
	for _, id := range nodes {
		if layers.IsPart(id) || layers.IsSidecar(id) || id == layers.L1ID {
			continue // they stand on L0
		}
		for _, img := range snap.ByNode(id) {
			rec, err := graph.ParseRecord(img.Labels)
			if err != nil || rec.Platform != platform {
				continue
			}
			if in, ok := rec.Input(b.ID); ok && in.Key == b.Ref {
				return in.Image, true
			}
		}
	}
	return "", false
}

// describer is an engine that can say what an image hands on. here says that
// the image is in its store.
type describer interface {
	Describe(ctx context.Context, ref, id, platform string, here bool) (inheritance, error)
}

// inheritance is what an image's configuration hands on to what is built on it.
// It belongs to the image's config digest and never changes.
type inheritance struct{ Env, OnBuild []string }

// inherit completes what is known of an image that a user's layer is built on.
func (o Options) inherit(ctx context.Context, b layers.Base, e *layers.External, snap graph.Snapshot, platform string) error {
	known, ok := recall[inheritance](o, factInherited, e.Digest)
	if !ok {
		d, can := o.Engine.(describer)
		if !can {
			return &Error{Message: fmt.Sprintf("the store %s does not tell what %s hands on to layers built on it", o.Engine.StoreName(), b.Ref), ExitCode: exitFailed}
		}
		_, here := snap.ByID(e.Digest)
		if !here && o.Pull == PullNever {
			return &Error{
				Class: "base-missing", Message: fmt.Sprintf("%s is not in the store, so nobody can tell its environment and triggers, and --pull is never", b.Ref),
				Hint: "pull or import it, or use --pull missing", ExitCode: exitFailed,
			}
		}
		var err error
		if known, err = d.Describe(ctx, b.Ref, e.Digest, platform, here); err != nil {
			return fmt.Errorf("reading the configuration of %q: %w", b.Ref, err)
		}
		remember(o, factInherited, e.Digest, known)
	}
	e.OnBuild = known.OnBuild
	e.Env = slices.Concat([]string{}, known.Env) // never nil: it is known
	return nil
}
