package content_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/layers/content"
)

// BenchmarkContext lists a context of 10,000 files of 4 KiB: read, and
// remembered from the run before.
func BenchmarkContext(b *testing.B) {
	dir, cache := b.TempDir(), b.TempDir()
	text := make([]byte, 4096)
	for i := range 10000 {
		sub := filepath.Join(dir, fmt.Sprint("d", i%100))
		if err := os.MkdirAll(sub, 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprint("f", i)), text, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	list := func(d *content.Digests) {
		tree, err := content.OpenDir(dir, []string{"*.log"}, d)
		if err == nil {
			_, err = tree.Ingredients(copySet("."), 1)
		}
		if err != nil {
			b.Fatal(err)
		}
		d.Save()
	}
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			list(nil)
		}
	})
	time.Sleep(3 * time.Second) // files that were just written are not remembered
	list(content.OpenDigests(cache, dir))
	b.Run("remembered", func(b *testing.B) {
		for b.Loop() {
			list(content.OpenDigests(cache, dir))
		}
	})
}
