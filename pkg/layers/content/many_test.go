package content_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/content"
)

// A directory with many files, whose status is asked for by several at a time,
// is listed whole and in order.
func TestManyFilesInADirectory(t *testing.T) {
	for _, n := range []int{1, 255, 256, 257, 512, 513, 3000} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "d"), 0o755); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if err := os.WriteFile(filepath.Join(dir, "d", fmt.Sprintf("f%04d", i)), []byte(fmt.Sprint(i)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		tree, err := content.OpenDir(dir, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tree.Ingredients(copySet("d"), 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != n+1 {
			t.Fatalf("%d files: %d ingredients", n, len(got))
		}
		for i, in := range got[1:] {
			if want := fmt.Sprintf("d/f%04d", i); in.Name != want || in.Attr != "f0600" {
				t.Errorf("%d files: %s %s, want %s", n, in.Name, in.Attr, want)
			}
		}
	}
}
