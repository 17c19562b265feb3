package content

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
)

// fsSource is a generated context.
type fsSource struct{ fsys fs.FS }

func (s fsSource) readDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(s.fsys, name) }

func (s fsSource) open(name string) (fs.File, error) { return s.fsys.Open(name) }

func (s fsSource) readLink(name string) (string, error) { return fs.ReadLink(s.fsys, name) }

func (s fsSource) xattrs(string) (map[string]string, error) { return nil, nil }

// dirSource is a directory on disk. It is no os.DirFS, because that refuses
// names that are not UTF-8, and builders take them.
type dirSource struct{ dir string }

// OpenDir makes a context of a directory; patterns are what of it builders do
// not see, in the grammar of a .dockerignore as IgnorePatterns returns it.
// digests, if not nil, spare reading files again.
func OpenDir(dir string, patterns []string, digests *Digests) (*Tree, error) {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return nil, fmt.Errorf("opening the build context %q: %w", dir, plain(err))
	case !info.IsDir():
		return nil, fmt.Errorf("opening the build context %q: it is not a directory", dir)
	}
	t := &Tree{from: dirSource{dir}, root: &node{path: "."}, digests: digests}
	if len(patterns) == 0 {
		return t, nil
	}
	if t.ignore, err = patternmatcher.New(patterns); err != nil {
		return nil, fmt.Errorf("opening the build context %q: %w", dir, err)
	}
	return t, nil
}

func (s dirSource) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

func (s dirSource) readDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(s.path(name)) }

func (s dirSource) open(name string) (fs.File, error) { return os.Open(s.path(name)) }

func (s dirSource) readLink(name string) (string, error) { return os.Readlink(s.path(name)) }

func (s dirSource) xattrs(name string) (map[string]string, error) { return readXattrs(s.path(name)) }

// copied reports whether builders copy an extended attribute whoever runs them.
// Others belong to the file system it lies on, or can only be seen by root.
func copied(attr string) bool {
	return strings.HasPrefix(attr, "user.") || attr == "security.capability"
}

func sortedNames(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
