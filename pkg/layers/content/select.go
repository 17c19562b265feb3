package content

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/moby/patternmatcher"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

// Ingredients lists what a COPY, ADD or bind mount reads, sorted by path: every
// file, directory and link with its mode and content. A path that is followed
// is listed under the name by which it was reached. A source without wildcards
// that is not there is an error.
func (t *Tree) Ingredients(set dockerfile.SourceSet, step int) ([]graph.Ingredient, error) {
	s := &selection{tree: t, set: set, step: step}
	if len(set.Exclude) > 0 {
		var err error
		if s.exclude, err = patternmatcher.New(set.Exclude); err != nil {
			return nil, fmt.Errorf("excluding %q: %w", strings.Join(set.Exclude, " "), err)
		}
	}
	for _, pattern := range set.Patterns {
		if err := s.add(path.Clean(strings.TrimPrefix(pattern, "/"))); err != nil {
			return nil, fmt.Errorf("copying %q: %w", pattern, err)
		}
	}
	slices.SortFunc(s.out, func(a, b graph.Ingredient) int { return strings.Compare(a.Name, b.Name) })
	// Two patterns may reach the same; under one name that is one file.
	return slices.CompactFunc(s.out, func(a, b graph.Ingredient) bool { return a.Name == b.Name }), nil
}

type selection struct {
	tree    *Tree
	set     dockerfile.SourceSet
	step    int
	exclude *patternmatcher.PatternMatcher
	out     []graph.Ingredient
}

func (s *selection) add(pattern string) error {
	wild := s.set.Wildcards && hasWildcards(pattern)
	switch {
	case s.set.Parents:
		return s.addParents(pattern, wild)
	case wild:
		return s.addMatches(pattern)
	}
	n, err := s.tree.find(pattern, s.set.Follow || s.set.Bind)
	if err != nil {
		return err
	}
	if n == nil {
		return errMissing
	}
	return s.addTree(n, pattern)
}

var errMissing = fmt.Errorf("not in the build context: %w", fs.ErrNotExist)

// hasWildcards reports whether builders take a source for a pattern.
func hasWildcards(p string) bool {
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '*', '?', '[':
			return true
		case '\\':
			i++
		}
	}
	return false
}

// addMatches adds what a pattern matches. Links in the part before the first
// wildcard are followed; a pattern that matches nothing selects nothing.
func (s *selection) addMatches(pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil {
		return err
	}
	words := strings.Split(pattern, "/")
	fixed := slices.IndexFunc(words, hasWildcards)
	at, err := s.tree.find(strings.Join(words[:fixed], "/"), true)
	if err != nil || at == nil || !at.isDir() {
		return err
	}
	return s.match(at, strings.Join(words[:fixed], "/"), pattern, len(words)-fixed)
}

// match looks for the pattern in a directory, which was reached as name, so
// many levels deep.
func (s *selection) match(dir *node, name, pattern string, depth int) error {
	children, err := s.tree.visible(dir)
	if err != nil {
		return err
	}
	for _, c := range children {
		as := path.Join(name, path.Base(c.path))
		if depth > 1 {
			if c.isDir() {
				if err := s.match(c, as, pattern, depth-1); err != nil {
					return err
				}
			}
			continue
		}
		if ok, err := path.Match(pattern, as); err != nil || !ok {
			continue
		}
		if c.isLink() && s.set.Follow {
			followed, err := s.tree.find(c.path, true)
			if err != nil {
				return err
			}
			if followed == nil {
				return fmt.Errorf("%q is a link that leads nowhere: %w", as, errMissing)
			}
			c = followed
		}
		if err := s.addTree(c, as); err != nil {
			return err
		}
	}
	return nil
}

// addTree adds a path that was reached as name, and all below it.
func (s *selection) addTree(n *node, name string) error {
	if !n.isDir() {
		return s.emit(n, name)
	}
	// The root of the context is no part of it.
	if n.info != nil && name != "." {
		if err := s.emit(n, name); err != nil {
			return err
		}
	}
	_, err := s.addBelow(n, name, "", nil, patternmatcher.MatchInfo{}, patternmatcher.MatchInfo{})
	return err
}

// addBelow adds what is in a directory, which was reached as name and is below,
// as the patterns see it. It reports whether anything was added.
func (s *selection) addBelow(dir *node, name, below string, include *patternmatcher.PatternMatcher, in, out patternmatcher.MatchInfo) (bool, error) {
	children, err := s.tree.visible(dir)
	if err != nil {
		return false, err
	}
	type step struct {
		*node
		as, rel       string
		in, out       patternmatcher.MatchInfo
		wanted, enter bool
	}
	steps, enter := make([]step, len(children)), []*node(nil)
	for i, c := range children {
		base := path.Base(c.path)
		st := step{node: c, as: path.Join(name, base), rel: path.Join(below, base)}
		var dropped bool
		if st.wanted, st.in, err = matches(include, st.rel, in, true); err != nil {
			return false, err
		}
		if dropped, st.out, err = matches(s.exclude, st.rel, out, false); err != nil {
			return false, err
		}
		st.wanted = st.wanted && !dropped
		if st.enter = c.isDir() && s.worthEntering(include, st.rel, st.wanted, dropped); st.enter {
			enter = append(enter, c)
		}
		steps[i] = st
	}
	s.tree.readAhead(enter)
	found := false
	for _, st := range steps {
		inside := false
		if st.enter {
			if inside, err = s.addBelow(st.node, st.as, st.rel, include, st.in, st.out); err != nil {
				return found, err
			}
		}
		if st.wanted || inside {
			found = true
			if err := s.emit(st.node, st.as); err != nil {
				return found, err
			}
		}
	}
	return found, nil
}

func matches(m *patternmatcher.PatternMatcher, rel string, parent patternmatcher.MatchInfo, otherwise bool) (bool, patternmatcher.MatchInfo, error) {
	if m == nil {
		return otherwise, parent, nil
	}
	return m.MatchesUsingParentResults(rel, parent)
}

// worthEntering reports whether something below a directory may be wanted.
func (s *selection) worthEntering(include *patternmatcher.PatternMatcher, rel string, wanted, dropped bool) bool {
	switch {
	case wanted:
		return true
	case dropped:
		return s.exclude.Exclusions()
	case include == nil:
		return true
	}
	for _, p := range include.Patterns() {
		if leadsTo(p.String(), rel) {
			return true
		}
	}
	return false
}

// leadsTo reports whether a pattern may match something below a directory.
func leadsTo(pattern, dir string) bool {
	words := strings.Split(pattern, "/")
	for i, d := range strings.Split(dir, "/") {
		if i >= len(words) {
			return false
		}
		if strings.Contains(words[i], "**") {
			return true
		}
		if ok, err := path.Match(words[i], d); err == nil && !ok {
			return false
		}
	}
	return true
}

// addParents adds what COPY --parents copies: what the pattern matches, with
// the directories above.
func (s *selection) addParents(pattern string, wild bool) error {
	if pattern == "." {
		return s.addTree(s.tree.root, ".")
	}
	include, err := patternmatcher.New([]string{pattern})
	if err != nil {
		return err
	}
	found, err := s.addBelow(s.tree.root, "", "", include, patternmatcher.MatchInfo{}, patternmatcher.MatchInfo{})
	if err == nil && !found && !wild {
		return errMissing
	}
	return err
}

// emit adds one path.
func (s *selection) emit(n *node, name string) error {
	digest, err := s.tree.contentOf(n)
	if err != nil {
		return err
	}
	if !utf8.ValidString(name) {
		name = strconv.Quote(name) // records hold text
	}
	s.out = append(s.out, graph.Ingredient{
		Kind: graph.File, Name: name, Attr: attr(n.info.Mode()), Digest: digest, Step: s.step,
	})
	return nil
}

// attr is the letter of a file's type with its full mode; a link's own bits
// mean nothing.
func attr(m fs.FileMode) string {
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
		return "l"
	case !m.IsRegular():
		letter = "s"
	}
	octal := strconv.FormatUint(uint64(bits), 8)
	return letter + "0000"[min(4, len(octal)):] + octal
}
