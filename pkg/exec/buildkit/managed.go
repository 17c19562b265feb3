package buildkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

// Managed says how a daemon of our own is run.
type Managed struct {
	// Binary is the buildkitd to start; "" means the one on PATH.
	Binary string
	// Root is where it keeps its cache, which outlives it; "" means a
	// directory below the user's cache directory.
	Root string
	// Grace is how long it may take to end; 0 means ten seconds.
	Grace time.Duration
}

func (m Managed) complete(getenv func(string) string) Managed {
	if m.Binary == "" {
		m.Binary = "buildkitd"
	}
	if m.Root == "" {
		m.Root = filepath.Join(CacheDir(getenv), "buildkitd")
	}
	if m.Grace <= 0 {
		m.Grace = 10 * time.Second
	}
	return m
}

// CacheDir is where this program keeps what may be lost: a directory below
// XDG_CACHE_HOME, else below the home directory, else a temporary one of the
// user's.
func CacheDir(getenv func(string) string) string {
	if dir := getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "terok-agent")
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".cache", "terok-agent")
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("terok-agent-%d", os.Getuid()))
}

// child is a daemon of our own.
type child struct {
	process *os.Process
	dir     string
	grace   time.Duration
	// output is a file, not a pipe: the daemon has to outlive us for the moment
	// it needs to end its steps, and a broken pipe would end it first.
	output outputFile
	// dismiss ends who watches over us.
	dismiss func()
	// ended is closed when the process has ended.
	ended chan struct{}
}

// startOwn starts a daemon and connects to it.
func (x *Executor) startOwn(ctx context.Context) error {
	binary, err := osexec.LookPath(x.o.Managed.Binary)
	if err != nil {
		return noDaemon(err)
	}
	command, err := rootlessPrefix()
	if err != nil {
		return err
	}
	c, err := startChild(append(command, binary), x.o.Managed)
	if err != nil {
		return err
	}
	d, err := x.awaitChild(ctx, c)
	if err != nil {
		_ = c.stop()
		return err
	}
	x.child, x.daemons = c, []*daemon{d}
	return nil
}

// awaitChild polls until the daemon answers: that takes some tenths of a
// second, on a busy machine more.
func (x *Executor) awaitChild(ctx context.Context, c *child) (*daemon, error) {
	bounded, cancel := context.WithTimeout(ctx, 6*x.o.Deadline)
	defer cancel()
	for {
		if _, err := os.Stat(c.socket()); err == nil {
			d, err := x.o.dial(bounded, "unix://"+c.socket())
			if err == nil {
				d.hostNetwork = true
				return d, nil
			}
		}
		select {
		case <-c.ended:
			return nil, c.failure("it ended at once")
		case <-bounded.Done():
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, c.failure("it does not answer")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (c *child) socket() string { return filepath.Join(c.dir, "bk.sock") }

// failure explains a daemon that did not come up with its own words.
func (c *child) failure(what string) error {
	words := c.output.reason()
	e := &exec.Error{
		Class: exec.ClassNoEngine, ExitCode: -1, Tail: c.output.lines(),
		Message: fmt.Sprintf("the BuildKit daemon that was started cannot be used: %s", what),
	}
	if words != "" {
		e.Message += ": " + words
	}
	switch {
	case strings.Contains(words, "could not lock"):
		e.Hint = "another run has started it already: wait for that run to end, or give another --buildkit-addr"
	case strings.Contains(words, "binary") && strings.Contains(words, "failed to find"):
		e.Hint = "install runc"
	}
	return e
}

// startChild starts the daemon on a private socket. Its output is kept, and
// shown only when it fails.
func startChild(command []string, m Managed) (*child, error) {
	if err := os.MkdirAll(m.Root, 0o700); err != nil {
		return nil, fmt.Errorf("making the daemon's directory: %w", err)
	}
	dir, err := os.MkdirTemp(socketParent(), "terok-bk-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for the daemon's socket: %w", err)
	}
	c := &child{dir: dir, grace: m.Grace, output: outputFile(filepath.Join(dir, "log")), ended: make(chan struct{})}
	log, err := os.Create(string(c.output))
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("making a file for the daemon's output: %w", err)
	}
	defer func() { _ = log.Close() }()
	cmd := osexec.Command(command[0], append(command[1:], daemonArgs(c.socket(), m.Root)...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttributes()
	started := make(chan error)
	go c.run(cmd, started)
	if err := <-started; err != nil {
		_ = os.RemoveAll(dir)
		return nil, noDaemon(err)
	}
	return c, nil
}

// socketParent is a directory with a short path: a socket's may have about a
// hundred bytes.
func socketParent() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" && len(dir) < 60 {
		if info, err := os.Stat(dir); err == nil && info.IsDir() { //nolint:gosec // only looked at, and the user who sets the variable is us
			return dir
		}
	}
	if dir := os.TempDir(); len(dir) < 60 {
		return dir
	}
	return "/tmp"
}

func daemonArgs(socket, root string) []string {
	args := []string{
		"--addr", "unix://" + socket, "--root", root, "--containerd-worker=false",
		"--oci-worker-net", "host", "--allow-insecure-entitlement", "network.host",
	}
	if os.Getuid() != 0 {
		return append(args, "--rootless")
	}
	if _, err := osexec.LookPath("runc"); err == nil {
		args = append(args, "--oci-worker-binary", "runc")
	}
	return args
}

// stop ends the daemon. All builds must have been cancelled or ended: it waits
// for those that run.
func (c *child) stop() error {
	defer func() { _ = os.RemoveAll(c.dir) }()
	c.dismiss()
	_ = c.process.Signal(syscall.SIGTERM)
	select {
	case <-c.ended:
		return nil
	case <-time.After(c.grace):
	}
	_ = c.process.Kill()
	<-c.ended
	return errors.New("the BuildKit daemon that was started did not end in time and was killed")
}
