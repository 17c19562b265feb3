// Package podman makes images with "podman build", one process per layer, and
// believes nothing that podman does not prove: a fresh image ID, the labels it
// was given, the steps that had to run.
package podman

import (
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

// Options are set once per executor.
type Options struct {
	// Cmd is the command with its global options; empty means {"podman"}.
	Cmd []string
	// Env is added to the process's environment.
	Env []string
	// TempDir holds the files of builds under way, podman's own included,
	// which can be as large as the largest layer; "" means TMPDIR, else
	// /var/tmp.
	TempDir string
	// Jobs is podman's --jobs: how many stages of one Dockerfile run at the
	// same time. With more than one podman does not say which stage a line
	// comes from, so logs are less exact; 0 and 1 mean one.
	Jobs int
	// Grace is how long a cancelled podman may take to end by itself; 0 means
	// ten seconds.
	Grace time.Duration
}

// Executor implements exec.Executor with podman. It may be used by several
// goroutines at once.
type Executor struct {
	o Options

	// asking is held while podman is asked for its version.
	asking  sync.Mutex
	version *version

	mu sync.Mutex
	// active counts builds under way; dead are the traces of those that were
	// cut off. Leftovers are only removed when no build is under way, because
	// a running build's working containers look like a dead one's.
	active int
	dead   []trace
}

var _ exec.Executor = (*Executor)(nil)

// New returns an executor. Nothing is run or looked at before it is used.
func New(o Options) *Executor {
	if len(o.Cmd) == 0 {
		o.Cmd = []string{"podman"}
	}
	if o.TempDir == "" {
		o.TempDir = os.Getenv("TMPDIR")
	}
	if o.TempDir == "" {
		// As podman: /tmp is often a small tmpfs.
		o.TempDir = "/var/tmp"
	}
	if abs, err := filepath.Abs(o.TempDir); err == nil {
		o.TempDir = abs
	}
	if o.Grace <= 0 {
		o.Grace = 10 * time.Second
	}
	return &Executor{o: o}
}

// Name returns "podman".
func (x *Executor) Name() string { return "podman" }
