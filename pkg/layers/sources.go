package layers

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sort"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

// hashContext lists what a COPY, ADD or bind mount reads from a context, as
// ingredients: every file, directory and link with its mode and content, by
// path in order. A source that matches nothing is an error.
func hashContext(fsys fs.FS, set dockerfile.SourceSet, step int) ([]graph.Ingredient, error) {
	seen := map[string]bool{}
	var out []graph.Ingredient
	for _, pattern := range set.Patterns {
		matches, err := expandPattern(fsys, pattern, set.Wildcards)
		if err != nil {
			return nil, err
		}
		for _, m := range matches {
			if err := hashTree(fsys, m, set, step, seen, &out); err != nil {
				return nil, err
			}
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, nil
}

func expandPattern(fsys fs.FS, pattern string, wildcards bool) ([]string, error) {
	pattern = path.Clean(strings.TrimPrefix(pattern, "/"))
	if fsys == nil {
		return nil, fmt.Errorf("copying %q: there is no build context", pattern)
	}
	if !wildcards || !strings.ContainsAny(pattern, "*?[\\") {
		if _, err := fs.Stat(fsys, pattern); err != nil {
			return nil, fmt.Errorf("copying %q: not in the build context", pattern)
		}
		return []string{pattern}, nil
	}
	matches, err := fs.Glob(fsys, pattern)
	if err != nil {
		return nil, fmt.Errorf("copying %q: %w", pattern, err)
	}
	if len(matches) == 0 {
		return nil, fmt.Errorf("copying %q: nothing in the build context matches", pattern)
	}
	sort.Strings(matches)
	return matches, nil
}

func hashTree(fsys fs.FS, root string, set dockerfile.SourceSet, step int, seen map[string]bool, out *[]graph.Ingredient) error {
	return fs.WalkDir(fsys, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("reading %q: %w", name, err)
		}
		if seen[name] || excluded(name, root, set.Exclude) {
			if d.IsDir() && name != root && excluded(name, root, set.Exclude) {
				return fs.SkipDir
			}
			return nil
		}
		seen[name] = true
		in, err := hashEntry(fsys, name, d)
		if err != nil {
			return err
		}
		in.Step = step
		// The root of a copied directory gives its content, not itself.
		if d.IsDir() && name == root && !set.Parents && !set.Bind {
			return nil
		}
		*out = append(*out, in)
		return nil
	})
}

func excluded(name, root string, patterns []string) bool {
	rel := strings.TrimPrefix(strings.TrimPrefix(name, root), "/")
	for _, p := range patterns {
		if ok, err := path.Match(p, rel); err == nil && ok {
			return true
		}
	}
	return false
}

// hashEntry digests one path: the letter of its type and its full mode are its
// attribute; times and owners do not count.
func hashEntry(fsys fs.FS, name string, d fs.DirEntry) (graph.Ingredient, error) {
	info, err := d.Info()
	if err != nil {
		return graph.Ingredient{}, fmt.Errorf("reading %q: %w", name, err)
	}
	in := graph.Ingredient{Kind: graph.File, Name: name, Attr: fileAttr(info.Mode())}
	switch {
	case info.IsDir():
	case info.Mode().IsRegular():
		in.Digest, err = hashFile(fsys, name)
	case info.Mode()&fs.ModeSymlink != 0:
		var target string
		target, err = fs.ReadLink(fsys, name)
		in.Digest = graph.DigestOf("link", target)
	default:
		in.Digest = graph.DigestOf("special", info.Mode().Type().String())
	}
	if err != nil {
		return in, fmt.Errorf("reading %q: %w", name, err)
	}
	return in, nil
}

func fileAttr(m fs.FileMode) string {
	bits := uint32(m.Perm())
	for _, b := range []struct {
		mode fs.FileMode
		bit  uint32
	}{{fs.ModeSetuid, 0o4000}, {fs.ModeSetgid, 0o2000}, {fs.ModeSticky, 0o1000}} {
		if m&b.mode != 0 {
			bits |= b.bit
		}
	}
	letter := "f"
	switch {
	case m.IsDir():
		letter = "d"
	case m&fs.ModeSymlink != 0:
		return "l" // a link's own bits mean nothing
	case !m.IsRegular():
		letter = "s"
	}
	return fmt.Sprintf("%s%04o", letter, bits)
}

func hashFile(fsys fs.FS, name string) (string, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read
	h := graph.NewContentHash()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return graph.ContentDigest(h), nil
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
