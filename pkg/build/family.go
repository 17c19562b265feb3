package build

import (
	"context"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// distinguisher is an engine that can say what an image's /etc/os-release is,
// without starting anything. here says that the image is in its store; known is
// false when its files are not to be had.
type distinguisher interface {
	OSRelease(ctx context.Context, ref, id, platform string, here bool) (text []byte, known bool, err error)
}

// learnFamily asks a base of a name that tells nothing for its family: the one in
// the store, else the one in its registry.
func (o Options) learnFamily(ctx context.Context, spec Spec, unnamed *layers.UnknownFamilyError) (layers.Family, error) {
	q := Query{Base: layers.NormalizeBase(spec.Base), Platform: spec.TargetPlatform()}
	snap, err := o.Engine.Observe(ctx, q)
	if err != nil {
		return "", err
	}
	e := layers.External{Digest: spec.BaseDigest}
	if e.Digest == "" {
		b := layers.Base{ID: layers.BaseID, Ref: q.Base}
		if e, err = o.pin(ctx, b, []graph.ID{layers.L0ID, layers.FetchID}, snap, q.Platform); err != nil {
			return "", cannotTell(ctx, unnamed, err)
		}
	}
	release, known, err := o.osRelease(ctx, spec, e.Digest, snap, true)
	switch {
	case err != nil:
		return "", cannotTell(ctx, unnamed, err)
	case !known:
		return "", unnamed.Because("its files cannot be read from here", nil)
	case release.ID == "":
		return "", unnamed.Because("it has no /etc/os-release that says what it is", nil)
	case release.Family() == "":
		return "", &layers.FamilyError{Base: q.Base, OS: release}
	}
	return release.Family(), nil
}

// cannotTell says why a base was not asked; but who was interrupted wants to hear
// of that alone.
func cannotTell(ctx context.Context, unnamed *layers.UnknownFamilyError, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return unnamed.Because("it cannot be asked: "+err.Error(), err)
}

// confirmFamily compares the family that was drawn with what the base says of
// itself, as far as a look can tell. A name that suggested another one is
// overruled; a user who asked for another one is told. A base that cannot be read
// keeps the plan from nothing: the recipe itself looks, before it does anything.
func (o Options) confirmFamily(
	ctx context.Context, spec Spec, sketch *layers.Sketch, found map[graph.ID]layers.External, snap graph.Snapshot,
) (*layers.Sketch, error) {
	e, pinned := found[layers.BaseID]
	if sketch.Family() == "" || !pinned {
		return sketch, nil
	}
	release, known, err := o.osRelease(ctx, spec, e.Digest, snap, false)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	is := release.Family()
	switch {
	case err != nil || !known || release.ID == "" || is == sketch.Family():
		return sketch, nil
	case is == "" && spec.Family != "":
		return sketch, nil // of a distribution unheard of: the user knows better
	case is == "" || spec.Family != "":
		return nil, &layers.FamilyError{Base: spec.Base, OS: release, Asked: spec.Family}
	}
	spec.Family = is
	return layers.NewSketch(spec, o.Resources)
}

// osRelease is what the base says of itself. It is read once; far allows to ask
// a registry for that.
func (o Options) osRelease(ctx context.Context, spec Spec, digest string, snap graph.Snapshot, far bool) (layers.OSRelease, bool, error) {
	if release, ok := recall[layers.OSRelease](o, factOSRelease, digest); ok {
		return release, true, nil
	}
	engine, can := o.Engine.(distinguisher)
	_, here := snap.ByID(digest)
	if !can || !here && (!far || o.Pull == PullNever) {
		return layers.OSRelease{}, false, nil
	}
	text, known, err := engine.OSRelease(ctx, layers.NormalizeBase(spec.Base), digest, spec.TargetPlatform(), here)
	if err != nil || !known {
		return layers.OSRelease{}, false, err
	}
	release := layers.ParseOSRelease(text)
	remember(o, factOSRelease, digest, release)
	return release, true, nil
}

// OSRelease implements distinguisher.
func (e *podmanEngine) OSRelease(ctx context.Context, ref, id, platform string, here bool) ([]byte, bool, error) {
	return osRelease(ctx, &e.store, e.registry, ref, id, platform, here)
}

// OSRelease implements distinguisher.
func (e *buildkitEngine) OSRelease(ctx context.Context, ref, id, platform string, here bool) ([]byte, bool, error) {
	switch {
	case here && e.layout != nil:
		text, err := e.layout.OSRelease(ctx, id)
		return text, err == nil, err
	case here && e.docker != nil:
		return e.docker.OSRelease(ctx, id)
	}
	return osRelease(ctx, e.podman, e.registry, ref, id, platform, here)
}

// osRelease reads an image that podman has, else the one in its registry.
func osRelease(ctx context.Context, podman *store.Podman, registry store.Registry, ref, id, platform string, here bool) ([]byte, bool, error) {
	if podman != nil && (here || strings.HasPrefix(store.CanonicalName(ref), "localhost/")) {
		return podman.OSRelease(ctx, id)
	}
	text, err := registry.OSRelease(ctx, ref, id, platform)
	return text, err == nil, err
}

var (
	_ distinguisher = (*podmanEngine)(nil)
	_ distinguisher = (*buildkitEngine)(nil)
)
