package content_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/layers/content"
)

// BenchmarkContext lists a context of 10,000 files of 4 KiB: read, remembered
// from the run before, and, to compare with, a walk that asks for each file's
// status and nothing else.
func BenchmarkContext(b *testing.B) { benchContext(b, 10_000) }

// BenchmarkLargeContext is the same with 100,000 files.
func BenchmarkLargeContext(b *testing.B) {
	if testing.Short() {
		b.Skip("a hundred thousand files take their time")
	}
	benchContext(b, 100_000)
}

func benchContext(b *testing.B, n int) {
	dir, cache := b.TempDir(), b.TempDir()
	text := make([]byte, 4096)
	for i := range n {
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
	b.Run("walk", func(b *testing.B) {
		for b.Loop() {
			if found := walk(b, dir); found != n {
				b.Fatalf("%d files", found)
			}
		}
	})
}

// walk asks for the status of all that is in a directory and counts the files.
func walk(b *testing.B, dir string) (files int) {
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().IsRegular() {
			files++
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return files
}
