package content_test

import (
	"errors"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/content"
	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

// files makes a directory of paths: "name" a file that holds its name, "name/" a
// directory, "name -> target" a link, "name=text" a file with that text.
func files(t *testing.T, list ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range list {
		if err := makeFile(dir, f); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func makeFile(dir, f string) error {
	if name, target, isLink := strings.Cut(f, " -> "); isLink {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			return err
		}
		return os.Symlink(target, filepath.Join(dir, name))
	}
	if strings.HasSuffix(f, "/") {
		return os.MkdirAll(filepath.Join(dir, f), 0o755)
	}
	name, text, given := strings.Cut(f, "=")
	if !given {
		text = name
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)
}

func open(t *testing.T, dir string, patterns ...string) *content.Tree {
	t.Helper()
	tree, err := content.OpenDir(dir, patterns, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func copySet(patterns ...string) dockerfile.SourceSet {
	return dockerfile.SourceSet{Patterns: patterns, Follow: true, Wildcards: true}
}

func names(list []graph.Ingredient) string {
	var out []string
	for _, in := range list {
		out = append(out, in.Name)
	}
	return strings.Join(out, " ")
}

var tree = []string{
	"a", "b.txt", "c.txt", ".hidden", "d/e", "d/f.txt", "d/g/h.txt", "empty/", "odd [x]/y", "sp ace",
	"link -> a", "dirlink -> d", "abs -> /d/e", "up -> ../../../a", "loop -> loop", "nowhere -> none", "d/in -> ../a", "chain -> dirlink/g",
}

func TestSelect(t *testing.T) {
	parents := func(patterns ...string) dockerfile.SourceSet {
		s := copySet(patterns...)
		s.Parents = true
		return s
	}
	exclude := func(s dockerfile.SourceSet, patterns ...string) dockerfile.SourceSet {
		s.Exclude = patterns
		return s
	}
	for name, tc := range map[string]struct {
		set  dockerfile.SourceSet
		want string
	}{
		"file":                          {copySet("a"), "a"},
		"directory, with its own mode":  {copySet("d"), "d d/e d/f.txt d/g d/g/h.txt d/in"},
		"empty directory":               {copySet("empty"), "empty"},
		"two that overlap":              {copySet("d", "d/e"), "d d/e d/f.txt d/g d/g/h.txt d/in"},
		"wildcard":                      {copySet("*.txt"), "b.txt c.txt"},
		"wildcard and hidden files":     {copySet("*a"), "a"},
		"wildcard sees hidden files":    {copySet(".h*"), ".hidden"},
		"wildcard for directories":      {copySet("e?pty"), "empty"},
		"wildcard in a directory":       {copySet("d/*.txt"), "d/f.txt"},
		"wildcard for a directory":      {copySet("*/e"), "d/e"},
		"wildcard does not cross":       {copySet("*h.txt"), ""},
		"wildcard that finds nothing":   {copySet("*.go"), ""},
		"wildcard behind a link":        {copySet("dirlink/*.txt"), "dirlink/f.txt"},
		"wildcard finds a link":         {copySet("lin?"), "link"},
		"wildcard finds a linked dir":   {copySet("dirlin*"), "dirlink dirlink/e dirlink/f.txt dirlink/g dirlink/g/h.txt dirlink/in"},
		"escaped wildcard":              {copySet("odd [[]x]/y"), "odd [x]/y"},
		"space":                         {copySet("sp ace"), "sp ace"},
		"link to a file":                {copySet("link"), "link"},
		"link to a directory":           {copySet("dirlink"), "dirlink dirlink/e dirlink/f.txt dirlink/g dirlink/g/h.txt dirlink/in"},
		"through a link":                {copySet("dirlink/g/h.txt"), "dirlink/g/h.txt"},
		"chain of links":                {copySet("chain"), "chain chain/h.txt"},
		"absolute link in the context":  {copySet("abs"), "abs"},
		"link above the root":           {copySet("up"), "up"},
		"exclude":                       {exclude(copySet("d"), "*.txt"), "d d/e d/g d/g/h.txt d/in"},
		"exclude in all directories":    {exclude(copySet("d"), "**/*.txt"), "d d/e d/g d/in"},
		"exclude a directory":           {exclude(copySet("d"), "g"), "d d/e d/f.txt d/in"},
		"exclude, and take back":        {exclude(copySet("d"), "g", "!g/h.txt", "e"), "d d/f.txt d/g d/g/h.txt d/in"},
		"exclude names the source":      {exclude(copySet("a"), "a"), "a"},
		"parents of a file":             {parents("d/g/h.txt"), "d d/g d/g/h.txt"},
		"parents of a wildcard":         {parents("d/*.txt"), "d d/f.txt"},
		"parents in all directories":    {parents("**/h.txt"), "d d/g d/g/h.txt"},
		"parents of a directory":        {parents("d/g"), "d d/g d/g/h.txt"},
		"parents follow no link inside": {parents("dirlink"), "dirlink"},
		"parents and exclude":           {exclude(parents("d"), "**/*.txt"), "d d/e d/g d/in"},
		"bind of a file":                {dockerfile.SourceSet{Patterns: []string{"a"}, Bind: true}, "a"},
		"bind of a directory":           {dockerfile.SourceSet{Patterns: []string{"d"}, Bind: true}, "d d/e d/f.txt d/g d/g/h.txt d/in"},
		"bind follows":                  {dockerfile.SourceSet{Patterns: []string{"link"}, Bind: true}, "link"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := open(t, files(t, tree...)).Ingredients(tc.set, 1)
			if err != nil || names(got) != tc.want {
				t.Errorf("got  %s (%v)\nwant %s", names(got), err, tc.want)
			}
		})
	}
}

func TestWholeContext(t *testing.T) {
	got, err := open(t, files(t, "a", "d/e", "loop -> loop", "empty/")).Ingredients(copySet("."), 1)
	if want := "a d d/e empty loop"; err != nil || names(got) != want {
		t.Errorf("got  %s (%v)\nwant %s", names(got), err, want)
	}
}

func TestMissing(t *testing.T) {
	tree := open(t, files(t, tree...), "b.txt")
	for _, set := range []dockerfile.SourceSet{
		copySet("none"), copySet("a/b"), copySet("nowhere"), copySet("b.txt"),
		{Patterns: []string{"none"}, Bind: true},
		{Patterns: []string{"d/none"}, Parents: true, Wildcards: true},
	} {
		if got, err := tree.Ingredients(set, 1); err == nil || !strings.Contains(err.Error(), "not in the build context") {
			t.Errorf("%v: %s, %v", set.Patterns, names(got), err)
		}
	}
	if _, err := tree.Ingredients(copySet("loop"), 1); err == nil || !strings.Contains(err.Error(), "too many links") {
		t.Errorf("a link to itself: %v", err)
	}
	if _, err := content.OpenDir(filepath.Join(t.TempDir(), "none"), nil, nil); err == nil {
		t.Error("a directory that is not there was opened")
	}
}

// one is the only ingredient of a file.
func one(t *testing.T, dir, name string) graph.Ingredient {
	t.Helper()
	got, err := open(t, dir).Ingredients(copySet(name), 1)
	if err != nil || len(got) != 1 {
		t.Fatalf("%s: %v, %v", name, got, err)
	}
	return got[0]
}

// What of a file counts, and what does not.
func TestWhatCounts(t *testing.T) {
	for name, tc := range map[string]struct {
		edit   func(file string) error
		counts bool
	}{
		"content":        {func(f string) error { return os.WriteFile(f, []byte("x"), 0o644) }, true},
		"permission bit": {func(f string) error { return os.Chmod(f, 0o640) }, true},
		"setuid":         {func(f string) error { return os.Chmod(f, 0o644|os.ModeSetuid) }, true},
		"setgid":         {func(f string) error { return os.Chmod(f, 0o644|os.ModeSetgid) }, true},
		"sticky":         {func(f string) error { return os.Chmod(f, 0o644|os.ModeSticky) }, true},
		"user xattr":     {func(f string) error { return syscall.Setxattr(f, "user.a", []byte("b"), 0) }, true},
		"a link to equal content": {func(f string) error {
			if err := os.Rename(f, f+"2"); err != nil {
				return err
			}
			return os.Symlink("a2", f)
		}, false},
		"time": {func(f string) error { return os.Chtimes(f, fixed, fixed) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := files(t, "a")
			was := one(t, dir, "a")
			if err := tc.edit(filepath.Join(dir, "a")); err != nil {
				if errors.Is(err, syscall.ENOTSUP) {
					t.Fatalf("the file system of %s has no extended attributes: %v", dir, err)
				}
				t.Fatal(err)
			}
			if now := one(t, dir, "a"); (now != was) != tc.counts {
				t.Errorf("%+v\n%+v", was, now)
			}
		})
	}
}

func TestDirectoriesCount(t *testing.T) {
	list := func(dir string) []graph.Ingredient {
		got, err := open(t, dir).Ingredients(copySet("d"), 1)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for name, edit := range map[string]func(dir string) error{
		"mode of the copied one": func(dir string) error { return os.Chmod(filepath.Join(dir, "d"), 0o700) },
		"mode of one inside":     func(dir string) error { return os.Chmod(filepath.Join(dir, "d/g"), 0o700) },
		"xattr":                  func(dir string) error { return syscall.Setxattr(filepath.Join(dir, "d/g"), "user.a", nil, 0) },
		"empty one":              func(dir string) error { return os.Mkdir(filepath.Join(dir, "d/new"), 0o755) },
		"link's target": func(dir string) error {
			if err := os.Remove(filepath.Join(dir, "d/l")); err != nil {
				return err
			}
			return os.Symlink("g", filepath.Join(dir, "d/l"))
		},
		"file becomes a link": func(dir string) error {
			if err := os.Remove(filepath.Join(dir, "d/f")); err != nil {
				return err
			}
			return os.Symlink("f2", filepath.Join(dir, "d/f"))
		},
		"file becomes a directory": func(dir string) error {
			if err := os.Remove(filepath.Join(dir, "d/f")); err != nil {
				return err
			}
			return os.Mkdir(filepath.Join(dir, "d/f"), 0o644)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := files(t, "d/f=x", "d/f2=x", "d/g/h", "d/l -> f")
			was := list(dir)
			if err := edit(dir); err != nil {
				t.Fatal(err)
			}
			if same(was, list(dir)) {
				t.Error("nothing changed")
			}
		})
	}
}

func same(a, b []graph.Ingredient) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// A name need not be text; the ingredient's is.
func TestOddNames(t *testing.T) {
	dir := files(t, "bad\xff=x", "new\nline=y", "-rf=z")
	got, err := open(t, dir).Ingredients(copySet("."), 1)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, in := range got {
		list = append(list, in.Name)
	}
	sort.Strings(list)
	if want := "\"bad\\xff\"|-rf|new\nline"; strings.Join(list, "|") != want {
		t.Errorf("got %q, want %q", strings.Join(list, "|"), want)
	}
}

// A generated context and the same files on disk are the same.
func TestGeneratedIsTheSame(t *testing.T) {
	dir := files(t, "a=1", "d/b=2")
	onDisk, err := open(t, dir).Ingredients(copySet("."), 1)
	if err != nil {
		t.Fatal(err)
	}
	inMemory, err := content.New(fstest.MapFS{"a": {Data: []byte("1"), Mode: 0o644}, "d": {Mode: os.ModeDir | 0o755}, "d/b": {Data: []byte("2"), Mode: 0o644}}).Ingredients(copySet("."), 1)
	if err != nil || !same(onDisk, inMemory) {
		t.Errorf("on disk %v\nin memory %v (%v)", onDisk, inMemory, err)
	}
	none, err := content.New(nil).Ingredients(copySet("."), 1)
	if err != nil || len(none) > 0 {
		t.Errorf("an empty context has %v (%v)", none, err)
	}
}
