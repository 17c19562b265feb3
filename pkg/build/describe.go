package build

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// Describe implements describer.
func (e *podmanEngine) Describe(ctx context.Context, ref, id, platform string, here bool) (inheritance, error) {
	return describe(ctx, &e.store, e.registry, ref, id, platform, here)
}

// Describe implements describer.
func (e *buildkitEngine) Describe(ctx context.Context, ref, id, platform string, here bool) (inheritance, error) {
	switch {
	case here && e.layout != nil:
		return fromLayout(ctx, *e.layout, id)
	case here && e.docker != nil:
		c, err := e.docker.Config(ctx, id)
		return inheritance{c.Env, c.OnBuild}, err
	}
	return describe(ctx, e.podman, e.registry, ref, id, platform, here)
}

// describe asks podman for an image that it has, else the image's registry.
func describe(ctx context.Context, podman *store.Podman, registry store.Registry, ref, id, platform string, here bool) (inheritance, error) {
	local := podman != nil && (here || strings.HasPrefix(store.CanonicalName(ref), "localhost/"))
	if local {
		c, err := podman.Config(ctx, strings.TrimPrefix(id, "sha256:"))
		return inheritance{c.Env, c.OnBuild}, err
	}
	pinned, err := registry.Pin(ctx, ref, platform)
	if err != nil {
		return inheritance{}, err
	}
	if pinned.ConfigDigest != id {
		return inheritance{}, fmt.Errorf("%s is another image now than the one that layers were built on (%.19s, was %.19s); use --pull newer", ref, pinned.ConfigDigest, id)
	}
	return inheritance{pinned.Env, pinned.OnBuild}, nil
}

func fromLayout(ctx context.Context, l store.Layout, id string) (inheritance, error) {
	img, ok, err := l.Find(ctx, id)
	if err == nil && !ok {
		err = fmt.Errorf("image %.19s: %w", id, store.ErrNotFound)
	}
	if err != nil {
		return inheritance{}, err
	}
	var config struct{ Config inheritance }
	err = json.Unmarshal(img.Config, &config)
	return config.Config, err
}

// digestDir is where the digests of users' files are kept.
func (o Options) digestDir() string { return filepath.Join(buildkit.CacheDir(o.Getenv), "digests") }
