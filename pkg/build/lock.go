package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

// lockPoll is how often a taken lock is tried again.
const lockPoll = 100 * time.Millisecond

// lock takes the store's lock, so that two applies on one store take turns. It
// is a kernel lock on a file of the user's state directory: it goes with the
// process, however that ends.
func (o Options) lock(ctx context.Context) (release func(), err error) {
	dir := filepath.Join(StateDir(o.Getenv), "locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of the lock: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, shortName(o.Engine.LockName())+".lock"), os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock: %w", err)
	}
	told := false
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = f.Close()
			return nil, fmt.Errorf("taking the lock: %w", err)
		}
		if !told && o.Sink != nil {
			told = true
			o.Sink.Event(exec.Event{Kind: exec.WaitingLock, Text: holder(f), Time: o.Now()})
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, ctx.Err()
		case <-time.After(lockPoll):
		}
	}
	// Only for the message of those who wait.
	_ = f.Truncate(0)
	_, _ = fmt.Fprintf(f, "%d\n", os.Getpid())
	return func() { _ = f.Close() }, nil
}

func holder(f *os.File) string {
	b := make([]byte, 32)
	n, _ := f.ReadAt(b, 0)
	if pid := strings.TrimSpace(string(b[:n])); pid != "" {
		return "another apply on this store is under way (process " + pid + ")"
	}
	return "another apply on this store is under way"
}

// StateDir is where what outlives a run is kept: per user, not per project.
func StateDir(getenv func(string) string) string {
	base := getenv("XDG_STATE_HOME")
	if base == "" {
		if home := getenv("HOME"); home != "" {
			base = filepath.Join(home, ".local", "state")
		} else {
			base = filepath.Join(os.TempDir(), fmt.Sprintf("terok-agent-%d", os.Getuid()))
		}
	}
	return filepath.Join(base, "terok-agent")
}
