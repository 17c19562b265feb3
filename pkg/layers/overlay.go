package layers

import (
	"errors"
	"io/fs"
	"path"
	"sort"
	"strings"
)

// whiteout, before the name of an empty file of the upper tree, hides that name
// of the lower one, as in image layers.
const whiteout = ".wh."

// Overlay shows the files of over on top of those of under: a file that both
// have is over's, directories are joined, and ".wh.NAME" in over hides NAME. It
// is how people add, replace or drop a script, a template or an entry.
func Overlay(over, under fs.FS) fs.FS { return overlay{over, under} }

type overlay struct{ over, under fs.FS }

// Open implements fs.FS.
func (o overlay) Open(name string) (fs.File, error) {
	f, err := o.over.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		if o.hidden(name) {
			return nil, err
		}
		return o.under.Open(name)
	}
	return f, err
}

// hidden reports whether a whiteout covers name or a directory above it.
func (o overlay) hidden(name string) bool {
	for p := name; p != "."; p = path.Dir(p) {
		if _, err := fs.Stat(o.over, path.Join(path.Dir(p), whiteout+path.Base(p))); err == nil {
			return true
		}
	}
	return false
}

// ReadDir implements fs.ReadDirFS.
func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	top, errTop := fs.ReadDir(o.over, name)
	bottom, errBottom := fs.ReadDir(o.under, name)
	if o.hidden(name) {
		bottom, errBottom = nil, fs.ErrNotExist
	}
	switch {
	case errTop != nil && errBottom != nil:
		return nil, errBottom
	case errTop != nil && !errors.Is(errTop, fs.ErrNotExist):
		return nil, errTop
	}
	seen := map[string]bool{}
	for _, e := range top {
		if hides, ok := strings.CutPrefix(e.Name(), whiteout); ok {
			seen[hides], seen[e.Name()] = true, true
		}
	}
	var out []fs.DirEntry
	for _, list := range [][]fs.DirEntry{top, bottom} {
		for _, e := range list {
			if !seen[e.Name()] {
				seen[e.Name()] = true
				out = append(out, e)
			}
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name() < out[j].Name() })
	return out, nil
}
