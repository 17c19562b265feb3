// Package testfile writes the files that tests read and run. It is test code.
package testfile

import (
	"os"
	"path/filepath"
	"testing"
)

// Write makes a file and the directories above it; what was there is replaced.
func Write(t testing.TB, path, text string) {
	t.Helper()
	write(t, path, text, 0o644)
}

// Script makes a program of a shell's words, without the shebang.
func Script(t testing.TB, path, words string) {
	t.Helper()
	write(t, path, "#!/bin/sh\n"+words+"\n", 0o755)
}

func write(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
