package content_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/terok-ai/terok-agent/pkg/layers/content"
)

// watchedFS notes which directories are read, and cannot read one of them.
type watchedFS struct {
	fstest.MapFS
	broken string
	mu     sync.Mutex
	dirs   []string
}

func (w *watchedFS) ReadDir(name string) ([]fs.DirEntry, error) {
	w.mu.Lock()
	w.dirs = append(w.dirs, name)
	w.mu.Unlock()
	if name == w.broken {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("input/output error")}
	}
	return w.MapFS.ReadDir(name)
}

// Directories are read ahead: each once, whoever comes to it first, with the
// error where it belongs, and none that is not copied.
func TestDirectoriesAreReadAhead(t *testing.T) {
	files := fstest.MapFS{}
	for i := range 40 {
		for j := range 3 {
			files[fmt.Sprintf("src/d%02d/e%d/f", i, j)] = &fstest.MapFile{Data: []byte("x"), Mode: 0o644}
			files[fmt.Sprintf("other/d%02d/e%d/f", i, j)] = &fstest.MapFile{Data: []byte("x"), Mode: 0o644}
		}
	}
	fsys := &watchedFS{MapFS: files}
	tree := content.New(fsys)
	set := copySet("src")
	set.Exclude = []string{"d07"}
	for range 2 { // the second time nothing is read again
		got, err := tree.Ingredients(set, 1)
		if err != nil {
			t.Fatal(err)
		}
		if want := 1 + 39 + 39*3 + 39*3; len(got) != want {
			t.Errorf("%d ingredients, want %d", len(got), want)
		}
	}
	slices.Sort(fsys.dirs)
	if twice := len(fsys.dirs) - len(slices.Compact(slices.Clone(fsys.dirs))); twice > 0 {
		t.Errorf("%d directories were read twice: %q", twice, fsys.dirs)
	}
	for _, d := range fsys.dirs {
		if strings.HasPrefix(d, "other") || strings.HasPrefix(d, "src/d07") {
			t.Errorf("%s was read and is not copied", d)
		}
	}

	_, err := content.New(&watchedFS{MapFS: files, broken: "src/d33"}).Ingredients(set, 1)
	if err == nil || !strings.Contains(err.Error(), `reading "src/d33": input/output error`) {
		t.Errorf("error %v does not name the directory that cannot be read", err)
	}
	if _, err := content.New(&watchedFS{MapFS: files, broken: "src/d07"}).Ingredients(set, 1); err != nil {
		t.Errorf("a directory that is not copied was missed: %v", err)
	}
}
