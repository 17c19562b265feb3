package build

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/exec/podman"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// podmanEngine builds with podman into podman's storage.
type podmanEngine struct {
	*podman.Executor
	store    store.Podman
	registry store.Registry
	lock     string
}

var _ Engine = (*podmanEngine)(nil)

// pickEngine returns the executor and the store that the options name.
func pickEngine(o Options) (Engine, error) {
	switch o.Executor {
	case "", "podman":
		if o.Store != "" && o.Store != storePodman {
			return nil, &Error{
				Message: fmt.Sprintf("podman cannot build into the store %q: it builds where its own images are", o.Store),
				Hint:    "leave --store out, or use --executor buildkit", ExitCode: exitUsage,
			}
		}
		if len(o.CacheFrom)+len(o.CacheTo) > 0 {
			return nil, &Error{
				Message: "podman cannot do --cache-from and --cache-to because its cache is the images in its storage, and it " +
					"believes what others left there by the text of the steps alone",
				Hint: "exchange finished layers with --push and --pull-from, or use --executor buildkit", ExitCode: exitUsage,
			}
		}
		return newPodmanEngine(o), nil
	case "buildkit":
		return newBuildkitEngine(o)
	}
	return nil, &Error{Message: fmt.Sprintf("unknown executor %q", o.Executor), Hint: "use podman or buildkit", ExitCode: exitUsage}
}

func newPodmanEngine(o Options) *podmanEngine {
	return &podmanEngine{
		Executor: podman.New(podman.Options{Cmd: o.Podman}),
		store:    store.Podman{Cmd: o.Podman},
		lock:     podmanIdentity(o),
	}
}

// podmanIdentity tells podman storages apart, whichever executor writes them.
func podmanIdentity(o Options) string {
	identity := []string{"podman", strconv.Itoa(os.Getuid()), strings.Join(o.Podman, " ")}
	for _, name := range []string{"CONTAINERS_STORAGE_CONF", "XDG_DATA_HOME", "HOME", "CONTAINER_HOST", "STORAGE_DRIVER"} {
		identity = append(identity, name+"="+o.Getenv(name))
	}
	return strings.Join(identity, "\x00")
}

func (e *podmanEngine) StoreName() string { return "podman" }

// ShowsAll reports that one look shows every image, whatever it is for.
func (e *podmanEngine) ShowsAll() bool { return true }

func (e *podmanEngine) LockName() string { return e.lock }

func (e *podmanEngine) Observe(ctx context.Context, _ Query) (graph.Snapshot, error) {
	return e.store.Observe(ctx)
}

func (e *podmanEngine) Hidden(ctx context.Context, snap graph.Snapshot) (graph.Snapshot, error) {
	return e.store.Hidden(ctx, snap)
}

func (e *podmanEngine) Pin(ctx context.Context, ref, platform string) (string, error) {
	pinned, err := e.registry.Pin(ctx, ref, platform)
	return pinned.ConfigDigest, err
}

func (e *podmanEngine) FindBase(snap graph.Snapshot, ref string) (graph.Image, bool) {
	return store.FindBase(snap, ref)
}

func (e *podmanEngine) keeper() keeper { return podmanKeeper{e.store, e.Executor} }
