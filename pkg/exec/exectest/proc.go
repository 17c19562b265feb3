package exectest

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// Processes are those that have words (NUL between them) in their command line.
func Processes(t testing.TB, words string) []int {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, p := range lines {
		if text, err := os.ReadFile(p); err == nil && bytes.Contains(text, []byte(words)) {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(p))); err == nil {
				found = append(found, pid)
			}
		}
	}
	return found
}

// WaitForNone waits until no process has words in its command line. How soon
// that is does not matter; after a minute it fails the test.
func WaitForNone(t testing.TB, words string) {
	t.Helper()
	var left []int
	for range 600 {
		if left = Processes(t, words); len(left) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("still running: %v", left)
}

// EndAll ends the processes that have words, which no other process has, in
// their command line. One that is about to start is waited for a moment: what
// starts it has just said so.
func EndAll(t testing.TB, words string) {
	t.Helper()
	found := false
	for range 100 {
		pids := Processes(t, words)
		if found && len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			found = true
			if p, err := os.FindProcess(pid); err == nil {
				_ = p.Kill()
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	WaitForNone(t, words)
}
