package buildkit_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// waitForNone waits until no process has words (NUL between them) in its
// command line.
func waitForNone(t *testing.T, words string) {
	t.Helper()
	var left []string
	for range 600 {
		left = nil
		lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range lines {
			if text, err := os.ReadFile(p); err == nil && bytes.Contains(text, []byte(words)) {
				left = append(left, p)
			}
		}
		if len(left) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("still running: %q", left)
}
