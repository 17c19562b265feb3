package content_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/content"
)

func TestIgnorePatterns(t *testing.T) {
	both := []string{".dockerignore=# all\n\n/a\n !b/ \n", "sub/dev.Dockerfile.dockerignore=c\n"}
	for name, tc := range map[string]struct {
		files      []string
		dockerfile string
		want       string
	}{
		"the directory's":             {both, "dev.Dockerfile", "a !b"},
		"the Dockerfile's own":        {both, "sub/dev.Dockerfile", "c"},
		"none":                        {nil, "dev.Dockerfile", ""},
		"an empty one beats the rest": {[]string{".dockerignore=a", "d.dockerignore="}, "d", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := files(t, tc.files...)
			got, err := content.IgnorePatterns(dir, filepath.Join(dir, tc.dockerfile))
			if err != nil || strings.Join(got, " ") != tc.want {
				t.Errorf("got %q (%v), want %q", got, err, tc.want)
			}
		})
	}
}

func TestIgnoreMistakes(t *testing.T) {
	dir := files(t, ".dockerignore=a\n[b\n")
	_, err := content.IgnorePatterns(dir, filepath.Join(dir, "Dockerfile"))
	var e *content.IgnoreError
	if !errors.As(err, &e) || e.Line != 2 || !strings.Contains(err.Error(), ".dockerignore:2: ") {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(filepath.Join(dir, ".dockerignore")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, ".dockerignore"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := content.IgnorePatterns(dir, filepath.Join(dir, "Dockerfile")); !errors.As(err, &e) {
		t.Errorf("a directory for an ignore file: %v", err)
	}
}

// What is ignored is not read, however large it is or whatever its mode.
func TestIgnoredIsNotRead(t *testing.T) {
	dir := files(t, "a", "node_modules/x")
	if err := os.Symlink("node_modules", filepath.Join(dir, "l")); err != nil {
		t.Fatal(err)
	}
	tree := open(t, dir, "node_modules", "!docs/**/keep")
	if err := os.RemoveAll(filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	got, err := tree.Ingredients(copySet("."), 1)
	if err != nil || names(got) != "a l" {
		t.Errorf("got %s (%v)", names(got), err)
	}
}

func FuzzIgnore(f *testing.F) {
	f.Add([]byte("a\n!b\n**/c\n"))
	f.Add([]byte("\xef\xbb\xbf# x\n[a-\n"))
	dir := f.TempDir()
	for _, name := range []string{"a", "b/c", "d -> a"} {
		if err := makeFile(dir, name); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file := filepath.Join(t.TempDir(), "Dockerfile")
		if err := os.WriteFile(file+".dockerignore", text, 0o600); err != nil {
			t.Fatal(err)
		}
		patterns, err := content.IgnorePatterns(dir, file)
		if err != nil {
			return
		}
		tree, err := content.OpenDir(dir, patterns, nil)
		if err != nil {
			t.Fatalf("read %q, which cannot be matched: %v", patterns, err)
		}
		if _, err := tree.Ingredients(copySet("."), 1); err != nil {
			t.Error(err)
		}
	})
}
