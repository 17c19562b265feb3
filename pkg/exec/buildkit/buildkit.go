// Package buildkit makes images on a BuildKit daemon: one client for a run,
// one build for a layer, parents linked by digest. Where images land is a
// Target. Nothing of BuildKit's own types leaves the package.
package buildkit

import (
	"context"
	"sync"
	"time"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/graph"
)

// Options are set once per executor.
type Options struct {
	// Addresses are the daemons to use, such as "unix:///run/…" or
	// "tcp://host:1234"; layers are spread over them. Empty means
	// BUILDKIT_HOST, else the usual sockets, else a daemon of our own.
	Addresses []string
	// TLS are the certificates for tcp addresses.
	TLS TLS
	// Target is where images land; required.
	Target Target
	// IsPart says of which layers the images hold only files of their own, with
	// no path in common with other such images: a copy of one is not made again
	// when what is below it changes. nil says it of none.
	IsPart func(graph.ID) bool
	// CacheFrom and CacheTo are places beside the daemon that steps' results
	// are looked for in, and left in.
	CacheFrom, CacheTo []Cache
	// Getenv reads the environment; nil means the process's.
	Getenv func(string) string
	// Managed says how a daemon of our own is run.
	Managed Managed
	// Deadline is how long a daemon may take to answer at first; 0 means five
	// seconds.
	Deadline time.Duration
}

// Executor implements exec.Executor. It may be used by several goroutines at
// once. Close it when the run is over.
type Executor struct {
	o Options

	mu      sync.Mutex
	daemons []*daemon
	child   *child
	next    int
}

var _ exec.Executor = (*Executor)(nil)

// New returns an executor. Nothing is dialled or started before the first
// build.
func New(o Options) *Executor {
	if o.Deadline <= 0 {
		o.Deadline = 5 * time.Second
	}
	o.Managed = o.Managed.complete(o.getenv)
	quiet()
	return &Executor{o: o}
}

// Name returns "buildkit".
func (x *Executor) Name() string { return "buildkit" }

// Pull fetches an external image so that layers can be built on it. Failures
// are *exec.Error.
func (x *Executor) Pull(ctx context.Context, ref string, s exec.Sink) (exec.Result, error) {
	s.Event(exec.Event{Kind: exec.PullStarted, Text: ref})
	res, err := x.o.Target.Pull(ctx, ref)
	if err != nil {
		return exec.Result{}, finished(ctx, "pulling "+ref, err)
	}
	return res, nil
}

// Tag moves names to images. Failures are *exec.Error.
func (x *Executor) Tag(ctx context.Context, moves map[string]string) error {
	if err := x.o.Target.Tag(ctx, moves); err != nil {
		return finished(ctx, "tagging", err)
	}
	return nil
}

// Clean removes what died runs left behind. Callers hold the store's lock.
func (x *Executor) Clean(ctx context.Context) error {
	if err := x.o.Target.Clean(ctx); err != nil {
		return finished(ctx, "removing leftovers", err)
	}
	return nil
}

// Close ends the connections, and the daemon that was started for them. It
// waits for the daemon, at most the grace time.
func (x *Executor) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	var first error
	for _, d := range x.daemons {
		if err := d.client.Close(); err != nil && first == nil {
			first = err
		}
	}
	x.daemons = nil
	if x.child != nil {
		if err := x.child.stop(); err != nil && first == nil {
			first = err
		}
		x.child = nil
	}
	return first
}

// pick returns the daemon for the next layer, connecting first when that has
// not been done.
func (x *Executor) pick(ctx context.Context) (*daemon, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.daemons) == 0 {
		if err := x.connect(ctx); err != nil {
			return nil, err
		}
	}
	d := x.daemons[x.next%len(x.daemons)]
	x.next++
	return d, nil
}
