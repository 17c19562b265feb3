package build

import (
	"context"
	"fmt"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/exec/podman"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// The names of stores, as Options.Store has them.
const (
	storePodman   = "podman"
	storeLayout   = "oci"
	storeRegistry = "registry"
	storeDocker   = "docker"
)

// buildkitEngine builds on a BuildKit daemon into one of several stores.
type buildkitEngine struct {
	*buildkit.Executor
	registry  store.Registry
	storeName string
	lock      string
	// prefix is the part of a registry that is the store, or "".
	prefix string
	// look looks at the store.
	look func(context.Context, Query) (graph.Snapshot, error)
	// hidden adds to a look what it does not show; nil for nothing.
	hidden func(context.Context, graph.Snapshot) (graph.Snapshot, error)
	// keep tidies the store; nil when it cannot be tidied from here.
	keep keeper
	// podman is the store, or has the bases of a layout whose names are under
	// localhost; layout and docker are the store if that is one.
	podman *store.Podman
	layout *store.Layout
	docker *store.Docker
	// platform is that of the last look: what is built is for the same.
	platform atomic.Pointer[string]
}

var _ Engine = (*buildkitEngine)(nil)

// newBuildkitEngine returns BuildKit with the store that the options name:
// podman's storage where there is a podman, else an OCI layout.
func newBuildkitEngine(o Options) (*buildkitEngine, error) {
	kind, where, _ := strings.Cut(o.Store, ":")
	if o.Store == "" {
		if kind = storeLayout; hasPodman(o) {
			kind = storePodman
		}
	}
	if o.Isolation != "" {
		return nil, &Error{
			Message: "BuildKit has no --isolation: its steps always run in containers", Hint: "leave it out, or use --executor podman", ExitCode: exitUsage,
		}
	}
	e := &buildkitEngine{}
	var target buildkit.Target
	var err error
	switch kind {
	case storePodman:
		target = e.onPodman(o)
	case storeLayout:
		target, err = e.onLayout(o, where)
	case storeRegistry:
		target, err = e.onRegistry(o, where)
	case storeDocker:
		target = e.onDocker(o)
	default:
		err = unknownStore(o.Store)
	}
	if err != nil {
		return nil, err
	}
	from, err := parseCaches("--cache-from", o.CacheFrom)
	if err != nil {
		return nil, err
	}
	to, err := parseCaches("--cache-to", o.CacheTo)
	if err != nil {
		return nil, err
	}
	e.Executor = buildkit.New(buildkit.Options{
		Addresses: o.BuildkitAddrs, TLS: o.BuildkitTLS, Target: target, IsPart: layers.IsPart, Getenv: o.Getenv, CacheFrom: from, CacheTo: to,
	})
	return e, nil
}

func parseCaches(flag string, texts []string) ([]buildkit.Cache, error) {
	var out []buildkit.Cache
	for _, text := range texts {
		c, err := buildkit.ParseCache(text)
		if err != nil {
			return nil, &Error{
				Message: fmt.Sprintf("%s: %v", flag, err), Hint: "write type=registry,ref=HOST/REPO or type=local,dest=DIR (src=DIR to read)",
				ExitCode: exitUsage, Err: err,
			}
		}
		out = append(out, c)
	}
	return out, nil
}

func hasPodman(o Options) bool {
	if len(o.Podman) > 0 {
		return true
	}
	_, err := osexec.LookPath("podman")
	return err == nil
}

func unknownStore(name string) error {
	return &Error{
		Message: fmt.Sprintf("unknown store %q", name), Hint: "use podman, docker, oci:DIR or registry:HOST/REPO", ExitCode: exitUsage,
	}
}

func (e *buildkitEngine) onPodman(o Options) buildkit.Target {
	look := store.Podman{Cmd: o.Podman}
	e.storeName, e.lock, e.podman = storePodman, podmanIdentity(o), &look
	e.look = func(ctx context.Context, _ Query) (graph.Snapshot, error) { return look.Observe(ctx) }
	e.hidden = look.Hidden
	builder := podman.New(podman.Options{Cmd: o.Podman})
	e.keep = podmanKeeper{look, builder}
	return buildkit.NewPodman(buildkit.PodmanOptions{
		Executor: builder, Store: look,
		Dir: filepath.Join(buildkit.CacheDir(o.Getenv), "podman-link", shortName(e.lock)),
	})
}

func (e *buildkitEngine) onLayout(o Options, dir string) (buildkit.Target, error) {
	if dir == "" {
		dir = filepath.Join(dataDir(o.Getenv), "images")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, &Error{Message: fmt.Sprintf("store %s: %v", o.Store, err), ExitCode: exitUsage, Err: err}
	}
	look := store.Layout{Dir: dir}
	e.keep = layoutKeeper{look}
	e.layout = &look
	e.storeName, e.lock = storeLayout+":"+dir, storeLayout+"\x00"+dir
	e.look = func(ctx context.Context, q Query) (graph.Snapshot, error) { return look.Observe(ctx, q.Platform) }
	if hasPodman(o) {
		e.podman = &store.Podman{Cmd: o.Podman}
	}
	return buildkit.NewLayout(buildkit.LayoutOptions{Dir: dir, Registry: e.registry, Podman: e.podman, Platform: e.targetPlatform}), nil
}

func (e *buildkitEngine) onRegistry(o Options, prefix string) (buildkit.Target, error) {
	prefix = strings.TrimSuffix(prefix, "/")
	if err := store.ValidPrefix(prefix); err != nil {
		return nil, &Error{
			Message: fmt.Sprintf("store %q: %v", o.Store, err), Hint: "write --store registry:HOST/REPO", ExitCode: exitUsage, Err: err,
		}
	}
	e.storeName, e.lock, e.prefix = storeRegistry+":"+prefix, storeRegistry+"\x00"+prefix, prefix
	target := buildkit.NewRegistry(buildkit.RegistryOptions{
		Store: store.RegistryStore{Prefix: prefix, Registry: e.registry}, Platform: e.targetPlatform,
		Pending: filepath.Join(buildkit.CacheDir(o.Getenv), "registry", shortName(prefix)+".json"),
	})
	e.look = func(ctx context.Context, q Query) (graph.Snapshot, error) {
		return target.Observe(ctx, q.Names, q.Platform)
	}
	return target, nil
}

// shortName makes a file name of any text.
func shortName(text string) string {
	return strings.TrimPrefix(graph.DigestOf(text), "sha256:")[:16]
}

// dataDir is where this program keeps what is not to be lost.
func dataDir(getenv func(string) string) string {
	if dir := getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "terok-agent")
	}
	return filepath.Join(getenv("HOME"), ".local", "share", "terok-agent")
}

func (e *buildkitEngine) targetPlatform() string {
	if p := e.platform.Load(); p != nil {
		return *p
	}
	return layers.HostPlatform()
}

// sharedPrefix is where images lie that others find by key.
func (e *buildkitEngine) sharedPrefix() string { return e.prefix }

// StoreName is named in plans.
func (e *buildkitEngine) StoreName() string { return e.storeName }

// LockName is the store's: executors on one store take turns.
func (e *buildkitEngine) LockName() string { return e.lock }

// Observe looks at the store once.
func (e *buildkitEngine) Observe(ctx context.Context, q Query) (graph.Snapshot, error) {
	e.platform.Store(&q.Platform)
	return e.look(ctx, q)
}

// Pin asks the base's registry; for a name that no registry has, podman.
func (e *buildkitEngine) Pin(ctx context.Context, ref, platform string) (string, error) {
	if full := store.CanonicalName(ref); e.podman != nil && strings.HasPrefix(full, "localhost/") {
		base, err := e.podman.Config(ctx, full)
		return base.ID, err
	}
	pinned, err := e.registry.Pin(ctx, ref, platform)
	return pinned.ConfigDigest, err
}

// FindBase finds a base in the store.
func (e *buildkitEngine) FindBase(snap graph.Snapshot, ref string) (graph.Image, bool) {
	return store.FindBase(snap, ref)
}

// Hidden adds what a look does not show. Layouts and registries show all they
// have; podman's storage does not.
func (e *buildkitEngine) Hidden(ctx context.Context, snap graph.Snapshot) (graph.Snapshot, error) {
	if e.hidden == nil {
		return snap, nil
	}
	return e.hidden(ctx, snap)
}

func (e *buildkitEngine) keeper() keeper { return e.keep }
