package content_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tonistiigi/fsutil"
	fscopy "github.com/tonistiigi/fsutil/copy"

	"github.com/terok-ai/terok-agent/pkg/layers/content"
)

var fixed = time.Unix(1, 0)

// randomTree fills a directory with files, directories and links.
func randomTree(t *testing.T, r *rand.Rand) string {
	t.Helper()
	dir := t.TempDir()
	words := []string{"a", "b", "ab", "a.md", "b.md", "x", "y[1]"}
	dirs := []string{"."}
	for range 25 {
		in := dirs[r.IntN(len(dirs))]
		name := filepath.Join(in, words[r.IntN(len(words))])
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			continue
		}
		entry := name + "=" + fmt.Sprint(r.IntN(3))
		switch r.IntN(6) {
		case 0, 1:
			entry = name + "/"
			dirs = append(dirs, name)
		case 2:
			targets := []string{words[r.IntN(len(words))], "../" + words[r.IntN(len(words))], "/" + words[r.IntN(len(words))], "."}
			entry = name + " -> " + targets[r.IntN(len(targets))]
		}
		if err := makeFile(dir, entry); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var rules = []string{"a", "*", "*.md", "**/*.md", "a/*", "a/b", "**/b", "x/**", "ab", "y*", "**", "a/**/b", "b/", "?", "[ab]"}

func randomRules(r *rand.Rand, n int, exceptions bool) []string {
	var out []string
	for range n {
		rule := rules[r.IntN(len(rules))]
		if exceptions && len(out) > 0 && r.IntN(3) == 0 {
			rule = "!" + rule
		}
		out = append(out, rule)
	}
	return out
}

// What an ignore file leaves of a context is what BuildKit's client sends.
func TestIgnoreAgainstBuildkit(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		dir := randomTree(t, r)
		patterns := randomRules(r, 1+r.IntN(4), true)
		tree, err := content.OpenDir(dir, patterns, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tree.Ingredients(copySet("."), 1)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		err = fsutil.Walk(context.Background(), dir, &fsutil.FilterOpt{ExcludePatterns: patterns}, func(path string, _ os.FileInfo, err error) error {
			want = append(want, path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(want)
		if names(got) != strings.Join(want, " ") {
			t.Fatalf("seed %d, rules %q\n got %s\nwant %s", seed, patterns, names(got), strings.Join(want, " "))
		}
	}
}

// What a COPY selects is what BuildKit's copy puts into the image.
func TestCopyAgainstBuildkit(t *testing.T) {
	sources := []string{"a", "b", "ab", "*", "*.md", "a/*", "*/b", "a/b", "[ab]*", "y*", "y[[]1]", "?/*", "a/?/*", "x/a.md", "."}
	compared := 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 2))
		dir := randomTree(t, r)
		set := copySet(sources[r.IntN(len(sources))])
		if r.IntN(2) == 0 {
			set.Exclude = randomRules(r, 1+r.IntN(3), true)
		}
		if r.IntN(4) == 0 {
			set.Parents = true
		}
		got, err := open(t, dir).Ingredients(set, 1)
		want, wantErr := copied(t, dir, set.Patterns[0], set.Exclude, set.Parents)
		if wantErr != nil {
			continue // what cannot be copied is the builder's to refuse
		}
		compared++
		if err != nil {
			t.Fatalf("seed %d, %q but %q: %v, and it can be copied: %v", seed, set.Patterns, set.Exclude, err, want)
		}
		var have []string
		for _, in := range got {
			have = append(have, in.Name+" "+in.Attr)
		}
		if strings.Join(have, "\n") != strings.Join(want, "\n") {
			t.Fatalf("seed %d, %q but %q, parents %t\n got %q\nwant %q", seed, set.Patterns, set.Exclude, set.Parents, have, want)
		}
	}
	if compared < 150 {
		t.Errorf("only %d copies could be compared", compared)
	}
}

// errRoot is for links to the root of the context, whose mode is nobody's.
var errRoot = errors.New("a link to the root")

// copied copies with the code that BuildKit runs and lists what arrived, under
// the names that it has in the context.
func copied(t *testing.T, dir, pattern string, exclude []string, parents bool) ([]string, error) {
	t.Helper()
	if parents {
		to := t.TempDir()
		err := fscopy.Copy(context.Background(), dir, "/", to, "/", fscopy.WithCopyInfo(fscopy.CopyInfo{
			FollowLinks: true, CopyDirContents: true, IncludePatterns: []string{pattern}, ExcludePatterns: exclude, XAttrErrorHandler: func(_, _, _ string, err error) error { return err },
		}))
		list, err := listed(t, to, "", err)
		if err == nil && len(list) == 0 && !strings.ContainsAny(pattern, "*?[") {
			err = fs.ErrNotExist // BuildKit asks for what has no wildcard
		}
		return list, err
	}
	matches, err := fscopy.ResolveWildcards(dir, pattern, true)
	if err != nil {
		return nil, err
	}
	var out []string
	seen := map[string]bool{}
	for _, m := range matches {
		if at, err := filepath.EvalSymlinks(filepath.Join(dir, m)); err == nil && at == dir && pattern != "." {
			return nil, errRoot
		}
		to := t.TempDir()
		err := fscopy.Copy(context.Background(), dir, m, to, "/to", fscopy.WithCopyInfo(fscopy.CopyInfo{
			FollowLinks: true, CopyDirContents: true, ExcludePatterns: exclude, XAttrErrorHandler: func(_, _, _ string, err error) error { return err },
		}))
		list, err := listed(t, filepath.Join(to, "to"), asWritten(pattern, m), err)
		if err != nil {
			return nil, err
		}
		for _, l := range list {
			if !seen[l] {
				seen[l] = true
				out = append(out, l)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

// asWritten is the name of a match; links in a pattern's fixed part are
// resolved by BuildKit, and stay as they are written here.
func asWritten(pattern, match string) string {
	words, names := strings.Split(filepath.Clean(pattern), "/"), strings.Split(strings.TrimPrefix(filepath.Clean(match), "/"), "/")
	for i, w := range words {
		j := len(names) - len(words) + i
		if strings.ContainsAny(w, "*?[") && j >= 0 {
			words[i] = names[j]
		}
	}
	return strings.Join(words, "/")
}

func listed(t *testing.T, root, name string, copyErr error) ([]string, error) {
	t.Helper()
	if copyErr != nil {
		return nil, copyErr
	}
	var out []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		as := filepath.Join(name, rel)
		if as == "." {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		letter := map[fs.FileMode]string{fs.ModeDir: "d", fs.ModeSymlink: "l", 0: "f"}[info.Mode().Type()]
		if letter != "l" {
			letter += fmt.Sprintf("%04o", info.Mode().Perm())
		}
		out = append(out, as+" "+letter)
		return nil
	})
	slices.Sort(out)
	return out, err
}
