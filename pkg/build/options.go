// Package build is the library's front door: it draws what should exist, looks
// at what does, plans the difference and applies it. The command line is one
// of its callers.
package build

import (
	"context"
	"io/fs"
	"time"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/sources"
)

// Spec is what should exist; see layers.Spec. The base's digest is filled in
// here.
type Spec = layers.Spec

// PullPolicy says when a registry is asked for the base.
type PullPolicy string

// The pull policies.
const (
	// PullMissing uses what the store has, else what the record of an existing
	// image says, else asks the registry.
	PullMissing PullPolicy = "missing"
	// PullNewer asks the registry and follows its tag.
	PullNewer PullPolicy = "newer"
	// PullNever never asks.
	PullNever PullPolicy = "never"
)

// TLS are the certificates for BuildKit daemons that are reached by tcp.
type TLS = buildkit.TLS

// Options say how to look, plan and build. The zero value uses podman, its
// storage and the resources given.
type Options struct {
	// Resources is the tree of templates, scripts and entries; required.
	Resources fs.FS
	// Targets are the nodes wanted; empty means L1 and the sidecars.
	Targets []graph.ID
	// Rebuild makes all agents and tools again, Refresh the named nodes,
	// FullRebuild everything, after asking the registry for the base.
	Rebuild, FullRebuild bool
	Refresh              []graph.ID
	// MaxAge is how old any wanted image may be; 0 means any age.
	MaxAge time.Duration
	// Pull says when the registry is asked for the base; "" means missing.
	Pull PullPolicy
	// PullFrom is a part of a registry, "HOST/REPO", that is asked for every
	// layer that would be built: if it has an image with the layer's key, put
	// there by Push, that is pulled. "" asks nobody.
	PullFrom string
	// Push is a part of a registry, "HOST/REPO", that the targets' images go to
	// when their names have moved: under all their names there, and by key. ""
	// pushes nothing.
	Push string
	// Jobs, KeepGoing and Sink are passed on to exec.Apply.
	Jobs      int
	KeepGoing bool
	Sink      exec.Sink
	// BuildDir, when not empty, is a directory that must be absent or empty
	// and is given the recipes, contexts and a build.sh.
	BuildDir string
	// Secrets maps ids to files, SecretEnv ids to variables of this process; the
	// secrets that downloads need are added.
	Secrets, SecretEnv map[string]string
	SSH                []string
	// Network is the mode of RUN steps and Isolation podman's.
	Network, Isolation string
	// CABundle is a PEM file for downloads; "" means the one that the usual
	// variables name, if any.
	CABundle string
	// Mirrors rewrite where downloads come from.
	Mirrors []sources.Mirror
	// Executor is what builds: "podman" (the default) or "buildkit".
	Executor string
	// Store is where images live: "podman", "oci:DIR" or "registry:HOST/REPO".
	// "" means podman's storage, or, for BuildKit where no podman is, an OCI
	// layout below the user's data directory. Podman has only its own.
	Store string
	// BuildkitAddrs are the daemons that layers are spread over; empty means
	// BUILDKIT_HOST, the usual sockets, or a daemon that is started. Podman
	// looks at none of them.
	BuildkitAddrs []string
	// BuildkitTLS are the certificates for daemons reached by tcp.
	BuildkitTLS TLS
	// CacheFrom and CacheTo are where BuildKit looks for the results of steps and
	// leaves them, as "type=registry,ref=HOST/REPO" or "type=local,dest=DIR"
	// (src=DIR to read). Podman has no such thing.
	CacheFrom, CacheTo []string
	// Podman is the podman command with its global options; empty means
	// {"podman"}.
	Podman []string
	// Engine replaces Executor and Store. Whoever gives one closes it.
	Engine Engine
	// Getenv reads the environment; nil means the process's.
	Getenv func(string) string
	// Now tells the time; nil means time.Now.
	Now func() time.Time
}

// Engine is an executor together with the store it writes.
type Engine interface {
	exec.Executor
	// StoreName is named in plans.
	StoreName() string
	// Observe looks at the store once.
	Observe(context.Context, Query) (graph.Snapshot, error)
	// Hidden adds to a snapshot the images of ours that a look does not show
	// because they have no name. It is asked only when something is missing.
	Hidden(context.Context, graph.Snapshot) (graph.Snapshot, error)
	// Pin asks a registry which image a reference is now.
	Pin(ctx context.Context, ref, platform string) (configDigest string, err error)
	// FindBase finds a base by reference in a snapshot.
	FindBase(graph.Snapshot, string) (graph.Image, bool)
	// LockName tells stores apart, for the lock.
	LockName() string
	// Clean removes what died runs left behind; called under the lock.
	Clean(context.Context) error
}

// Query says what a look is for. A store that shows everything at once need
// not read it; one that must be asked name by name, such as a registry, does.
type Query struct {
	// Names are the tags of all layers that are drawn, Base the base's
	// reference.
	Names []string
	Base  string
	// Platform is the target's, "linux/amd64".
	Platform string
}
