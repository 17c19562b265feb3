package podman

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	osexec "os/exec"
	"runtime"
	"strings"
	"time"
)

// ended says how a podman process ended.
type ended struct {
	// code is its exit code, -1 when it did not start or a signal ended it.
	code int
	// signal is true when a signal ended it.
	signal bool
	// err is set when it could not be started.
	err error
}

// run runs podman and waits for it. A cancelled context sends it SIGINT, and
// after the grace time SIGKILL. stdin is /dev/null: podman may ask questions.
func (x *Executor) run(ctx context.Context, args, env []string, stdout, stderr io.Writer, started func(pid int)) ended {
	result := make(chan ended, 1)
	go func() {
		// The death signal of a child belongs to the thread that started it,
		// so that thread must live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		result <- x.runHere(ctx, args, env, stdout, stderr, started)
	}()
	return <-result
}

func (x *Executor) runHere(ctx context.Context, args, env []string, stdout, stderr io.Writer, started func(pid int)) ended {
	argv := append(append([]string(nil), x.o.Cmd...), args...)
	cmd := osexec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(append(os.Environ(), x.o.Env...), env...)
	cmd.Env = append(cmd.Env, "LC_ALL=C", "PODMAN_IGNORE_CGROUPSV1_WARNING=1")
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = childAttributes()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = x.o.Grace
	if err := cmd.Start(); err != nil {
		return ended{code: -1, err: err}
	}
	if started != nil {
		started(cmd.Process.Pid)
	}
	err := cmd.Wait()
	if ctx.Err() != nil {
		killGroup(cmd.Process.Pid)
	}
	var exit *osexec.ExitError
	switch {
	case errors.As(err, &exit):
		return ended{code: exit.ExitCode(), signal: exit.ExitCode() < 0}
	case err != nil && cmd.ProcessState == nil:
		return ended{code: -1, err: err}
	}
	// What is left are errors of waiting, such as pipes that a grandchild
	// keeps open; podman itself has an exit code.
	return ended{code: cmd.ProcessState.ExitCode()}
}

// output runs a short podman command and returns what it printed.
func (x *Executor) output(ctx context.Context, args ...string) (stdout, stderr string, e ended) {
	var out, errs bytes.Buffer
	e = x.run(ctx, args, nil, &out, &errs, nil)
	return out.String(), errs.String(), e
}

// detached is a context for work that must be done although the caller's is
// cancelled, within a bound.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}

// maxLine bounds a line of output; a longer one is cut into several.
const maxLine = 64 << 10

// output of podman, line by line.
type outputLine struct {
	text   string
	stderr bool
}

// lineWriter cuts what is written to it into lines. A carriage return ends a
// line too: progress bars have no other.
type lineWriter struct {
	buf    []byte
	stderr bool
	to     chan<- outputLine
}

// Write never fails.
func (w *lineWriter) Write(p []byte) (int, error) {
	for _, c := range p {
		if c == '\n' || c == '\r' {
			w.flush(c == '\n')
			continue
		}
		w.buf = append(w.buf, c)
		if len(w.buf) >= maxLine {
			w.flush(true)
		}
	}
	return len(p), nil
}

// flush sends the line; an empty one only where it is a line of its own.
func (w *lineWriter) flush(keepEmpty bool) {
	if len(w.buf) == 0 && !keepEmpty {
		return
	}
	w.to <- outputLine{text: strings.ToValidUTF8(string(w.buf), "\uFFFD"), stderr: w.stderr}
	w.buf = w.buf[:0]
}
