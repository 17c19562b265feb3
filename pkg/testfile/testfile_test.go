package testfile_test

import (
	"os"
	osexec "os/exec"
	"path/filepath"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/testfile"
)

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	testfile.Write(t, path, "longer")
	testfile.Write(t, path, "short")
	if text, err := os.ReadFile(path); err != nil || string(text) != "short" {
		t.Errorf("the file says %q (%v)", text, err)
	}
}

func TestScript(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bin", "tool")
	testfile.Script(t, path, "echo called with $1")
	if out, err := osexec.Command(path, "x").Output(); err != nil || string(out) != "called with x\n" {
		t.Errorf("the script says %q (%v)", out, err)
	}
}
