package build

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// onDocker puts images into a Docker engine: the one that the docker command
// finds, by DOCKER_HOST or its context.
func (e *buildkitEngine) onDocker(o Options) buildkit.Target {
	look := store.Docker{}
	e.storeName, e.lock, e.docker = storeDocker, dockerIdentity(o), &look
	e.look = func(ctx context.Context, _ Query) (graph.Snapshot, error) { return look.Observe(ctx) }
	e.keep = dockerKeeper{look}
	return buildkit.NewDocker(buildkit.DockerOptions{
		Store: look, Registry: e.registry, Platform: e.targetPlatform,
		Dir: filepath.Join(buildkit.CacheDir(o.Getenv), "docker-link", shortName(e.lock)),
	})
}

// dockerIdentity tells Docker engines apart as far as variables do.
func dockerIdentity(o Options) string {
	identity := []string{storeDocker, strconv.Itoa(os.Getuid())}
	for _, name := range []string{"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "HOME"} {
		identity = append(identity, name+"="+o.Getenv(name))
	}
	return strings.Join(identity, "\x00")
}

type dockerKeeper struct{ store.Docker }

func (k dockerKeeper) Discard(ctx context.Context, images []graph.Image) error {
	return buildkit.DiscardFromDocker(ctx, k.Docker, images)
}
