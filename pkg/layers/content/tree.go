// Package content tells what a step reads of a build context: which files a
// COPY, ADD or bind mount selects, as builders select them, and what of each
// file enters a key.
package content

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// Tree is a build context as a builder sees it: without what the ignore file
// leaves out. Directories are read when something looks into them, files when
// something copies them, each once. It is not for concurrent use.
type Tree struct {
	from source
	// digests are remembered between runs; nil remembers nothing.
	digests *Digests
	ignore  *patternmatcher.PatternMatcher
	root    *node
	buf     []byte // files are read with it, one after another
}

// source is where a context's files are. Names are separated by slashes and
// relative to the context's root, which is "."; they need not be UTF-8.
type source interface {
	readDir(name string) ([]fs.DirEntry, error)
	open(name string) (fs.File, error)
	readLink(name string) (string, error)
	// xattrs are the extended attributes that builders copy, by name.
	xattrs(name string) (map[string]string, error)
}

// node is one path of a context.
type node struct {
	path string
	info fs.FileInfo // nil for the root
	// ignored is true when the ignore file leaves it out, match what the matcher
	// wants to know again for what is in it.
	ignored bool
	match   patternmatcher.MatchInfo

	ahead    func() ([]entry, error) // what readAhead reads; nil when it does not
	listed   bool
	children []*node // sorted by name
	digest   string  // of a file or a link; "" until asked for
}

// New makes a context of files that need no ignore file. A nil fsys is an
// empty one.
func New(fsys fs.FS) *Tree {
	t := &Tree{from: fsSource{fsys}, root: &node{path: "."}}
	if fsys == nil {
		t.root.listed = true
	}
	return t
}

func (n *node) isDir() bool { return n.info == nil || n.info.IsDir() }

func (n *node) isLink() bool { return n.info != nil && n.info.Mode()&fs.ModeSymlink != 0 }

// list returns what is in a directory, sorted by name, ignored things included.
func (t *Tree) list(n *node) ([]*node, error) {
	if n.listed {
		return n.children, nil
	}
	entries, err := t.entriesOf(n)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", n.path, plain(err))
	}
	nodes := make([]node, len(entries))
	n.children = make([]*node, 0, len(entries))
	for i, e := range entries {
		child := &nodes[i]
		child.path = path.Join(n.path, e.name)
		if errors.Is(e.err, fs.ErrNotExist) {
			continue // it went away meanwhile
		}
		if e.err != nil {
			return nil, fmt.Errorf("reading %q: %w", child.path, plain(e.err))
		}
		child.info = e.info
		if t.ignore != nil {
			child.ignored, child.match, err = t.ignore.MatchesUsingParentResults(child.path, n.match)
			if err != nil {
				return nil, fmt.Errorf("ignoring %q: %w", child.path, err)
			}
		}
		n.children = append(n.children, child)
	}
	slices.SortFunc(n.children, func(a, b *node) int { return strings.Compare(a.path, b.path) })
	n.listed = true
	return n.children, nil
}

// visible returns what of a directory a builder sees.
func (t *Tree) visible(n *node) ([]*node, error) {
	all, err := t.list(n)
	if err != nil || t.ignore == nil {
		return all, err
	}
	out := make([]*node, 0, len(all))
	for _, c := range all {
		see, err := t.sees(c)
		if err != nil {
			return nil, err
		}
		if see {
			out = append(out, c)
		}
	}
	return out, nil
}

// sees reports whether a builder sees a path: it is not ignored, or it is the
// directory of something that a later rule takes back.
func (t *Tree) sees(n *node) (bool, error) {
	if !n.ignored {
		return true, nil
	}
	if !n.isDir() || !t.ignore.Exclusions() || !t.mayTakeBack(n.path) {
		return false, nil
	}
	inside, err := t.visible(n)
	return len(inside) > 0, err
}

// mayTakeBack reports whether an exception could be about something below a
// directory. It only saves reading what is ignored, such as node_modules.
func (t *Tree) mayTakeBack(dir string) bool {
	for _, p := range t.ignore.Patterns() {
		if !p.Exclusion() {
			continue
		}
		fixed, _, wild := strings.Cut(p.String()+"/", "*")
		if i := strings.IndexAny(fixed, `?[\`); i >= 0 {
			fixed, wild = fixed[:i], true
		}
		if strings.HasPrefix(fixed, dir+"/") || (wild && strings.HasPrefix(dir+"/", fixed)) {
			return true
		}
	}
	return false
}

// maxLinks is how many links in a row are followed.
const maxLinks = 255

// find returns what a path leads to, links on the way followed within the
// context; last says whether one at its end is followed too. Nil when there is
// no such thing.
func (t *Tree) find(name string, last bool) (*node, error) {
	rest := strings.Split(name, "/")
	at := []*node{t.root}
	for links := 0; len(rest) > 0; {
		word := rest[0]
		rest = rest[1:]
		switch word {
		case "", ".":
			continue
		case "..":
			at = at[:max(1, len(at)-1)]
			continue
		}
		here := at[len(at)-1]
		if !here.isDir() {
			return nil, nil
		}
		child, err := t.child(here, word)
		if err != nil || child == nil {
			return nil, err
		}
		if !child.isLink() || (len(rest) == 0 && !last) {
			at = append(at, child)
			continue
		}
		if links++; links > maxLinks {
			return nil, fmt.Errorf("following %q: too many links", name)
		}
		target, err := t.from.readLink(child.path)
		if err != nil {
			return nil, fmt.Errorf("following %q: %w", child.path, plain(err))
		}
		if path.IsAbs(target) {
			at = at[:1]
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return at[len(at)-1], nil
}

// child returns what has this name in a directory and can be seen.
func (t *Tree) child(n *node, name string) (*node, error) {
	all, err := t.list(n)
	if err != nil {
		return nil, err
	}
	want := path.Join(n.path, name)
	i, found := slices.BinarySearchFunc(all, want, func(c *node, s string) int { return strings.Compare(c.path, s) })
	if !found {
		return nil, nil
	}
	if t.ignore != nil {
		if see, err := t.sees(all[i]); err != nil || !see {
			return nil, err
		}
	}
	return all[i], nil
}

// contentOf is the digest of a file's content, of a link's target, or of what
// kind of thing it is, with the extended attributes.
func (t *Tree) contentOf(n *node) (string, error) {
	if n.digest != "" || n.info == nil {
		return n.digest, nil
	}
	digest, err := t.read(n)
	if err != nil {
		return "", fmt.Errorf("reading %q: %w", n.path, plain(err))
	}
	n.digest = digest
	return digest, nil
}

func (t *Tree) read(n *node) (string, error) {
	mode := n.info.Mode()
	switch {
	case mode.IsDir():
		return t.withXattrs(n, "")
	case mode.IsRegular():
		return t.file(n)
	case mode&fs.ModeSymlink != 0:
		target, err := t.from.readLink(n.path)
		return graph.DigestOf("link", target), err
	default:
		return graph.DigestOf("special", mode.Type().String()), nil
	}
}

// withXattrs adds the extended attributes to a digest, if there are any.
func (t *Tree) withXattrs(n *node, digest string) (string, error) {
	attrs, err := t.from.xattrs(n.path)
	if err != nil || len(attrs) == 0 {
		return digest, err
	}
	fields := []string{"xattr", digest}
	for _, name := range sortedNames(attrs) {
		fields = append(fields, name, attrs[name])
	}
	return graph.DigestOf(fields...), nil
}

// file is the digest of a file with its extended attributes, which is read unless
// it is remembered: a change of either is one of the inode.
func (t *Tree) file(n *node) (string, error) {
	if digest, ok := t.digests.lookup(n.info); ok {
		return digest, nil
	}
	f, err := t.from.open(n.path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read
	h := graph.NewContentHash()
	if _, err := io.CopyBuffer(h, onlyReader{f}, t.buffer()); err != nil {
		return "", err
	}
	digest, err := t.withXattrs(n, graph.ContentDigest(h))
	if err != nil {
		return "", err
	}
	if after, err := f.Stat(); err == nil {
		t.digests.add(n.info, after, digest)
	}
	return digest, nil
}

// onlyReader hides what else a file can do, so that it is read with the buffer it
// is given and not with a new one for each file.
type onlyReader struct{ io.Reader }

func (t *Tree) buffer() []byte {
	if t.buf == nil {
		t.buf = make([]byte, 128<<10)
	}
	return t.buf
}

func digestOf(text string) string { return graph.DigestOf(text) }

// plain is an error without the path that the message has already.
func plain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
