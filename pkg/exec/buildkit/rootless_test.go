package buildkit

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What an ordinary user lacks for a daemon of their own is named, one piece
// after another; with all of it rootlesskit runs the daemon.
func TestRootless(t *testing.T) {
	bin, etc := t.TempDir(), t.TempDir()
	t.Setenv("PATH", bin)
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	owners := []string{"1000", "somebody"}
	for _, step := range []struct{ lacks, path, text string }{
		{"rootlesskit", filepath.Join(bin, "rootlesskit"), "#!/bin/sh\n"},
		{"newuidmap", filepath.Join(bin, "newuidmap"), "#!/bin/sh\n"},
		{"newgidmap", filepath.Join(bin, "newgidmap"), "#!/bin/sh\n"},
		{"/subuid", filepath.Join(etc, "subuid"), "other:1:65536\nsomebody:100000:65536\n"},
		{"/subgid", filepath.Join(etc, "subgid"), "1000:100000:65536\n"},
	} {
		_, err := rootless(owners, etc)
		if err == nil || !strings.Contains(err.Error(), step.lacks) {
			t.Errorf("error %v, want one that names %s", err, step.lacks)
		}
		write(step.path, step.text)
	}
	if prefix, err := rootless(owners, etc); err != nil || !slices.Equal(prefix, []string{"rootlesskit"}) {
		t.Errorf("prefix %q, %v; want rootlesskit", prefix, err)
	}
	write(filepath.Join(etc, "subgid"), "some:100000:65536\n")
	if _, err := rootless(owners, etc); err == nil {
		t.Error("a range of somebody else is taken")
	}
}
