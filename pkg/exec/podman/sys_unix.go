//go:build unix

package podman

import (
	"errors"
	"os"
	"syscall"
)

// killGroup ends what is left of a process group; most often nothing.
func killGroup(leader int) { _ = syscall.Kill(-leader, syscall.SIGKILL) }

// lock takes the lock of a directory for as long as the file is open, and so
// for as long as this process lives. It reports whether the lock was free.
func lock(dir *os.File) (bool, error) {
	err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// guardAttributes gives a process a session of its own, out of reach of
// signals to ours.
func guardAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
