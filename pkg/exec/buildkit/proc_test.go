package buildkit_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// waitForNone waits until no process has words (NUL between them) in its
// command line.
func waitForNone(t *testing.T, words string) {
	t.Helper()
	var left []int
	for range 600 {
		if left = processes(t, words); len(left) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("still running: %v", left)
}

// processes are those that have words in their command line.
func processes(t *testing.T, words string) []int {
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

// endAll ends the processes that have words, which no other process has, in
// their command line.
func endAll(t *testing.T, words string) {
	t.Helper()
	for _, pid := range processes(t, words) {
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill()
		}
	}
	waitForNone(t, words)
}
