package content_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/layers/content"
)

// digestsOf reads a context as one run does and returns what it found of "a".
func digestsOf(t *testing.T, cache, dir string) string {
	t.Helper()
	d := content.OpenDigests(cache, dir)
	tree, err := content.OpenDir(dir, nil, d)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tree.Ingredients(copySet("a"), 1)
	if err != nil {
		t.Fatal(err)
	}
	d.Save()
	return got[0].Digest
}

func remembered(t *testing.T, cache string) int {
	t.Helper()
	list, err := os.ReadDir(cache)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// An edit is seen however soon it comes, and even if it keeps size and time.
func TestDigestsSeeEveryEdit(t *testing.T) {
	cache, dir := t.TempDir(), files(t, "a=one")
	file := filepath.Join(dir, "a")
	was := digestsOf(t, cache, dir)
	if remembered(t, cache) > 0 {
		t.Error("a file that was just written is remembered")
	}
	for range 20 {
		for _, text := range []string{"two", "one"} {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(file, fixed, fixed); err != nil {
				t.Fatal(err)
			}
			if now := digestsOf(t, cache, dir); (now == was) != (text == "one") {
				t.Fatalf("%q has the digest %s", text, now)
			}
			if remembered(t, cache) > 0 {
				t.Fatal("a file is remembered whose inode just changed")
			}
		}
	}
}

// What is old enough is remembered, and then not read again.
func TestDigestsSpareReading(t *testing.T) {
	cache, dir := t.TempDir(), files(t, "a=one")
	was := digestsOf(t, cache, dir)
	time.Sleep(2100 * time.Millisecond) // for the inode's own time there is no other way
	if again := digestsOf(t, cache, dir); again != was || remembered(t, cache) != 1 {
		t.Fatalf("digest %s, want %s; %d files in the cache", again, was, remembered(t, cache))
	}
	// The proof that it is not read: what is remembered is believed.
	list, _ := os.ReadDir(cache)
	name := filepath.Join(cache, list[0].Name())
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	fake := []byte("sha256:" + string(make64('f')))
	if err := os.WriteFile(name, append(text[:len(text)-len(fake)-1], append(fake, '\n')...), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := digestsOf(t, cache, dir); got != string(fake) {
		t.Errorf("the file was read: %s", got)
	}
	for _, broken := range []string{"", "nonsense", "terok-agent/digests/2\n1 2 3", strings.Replace(string(text), "digests/2", "digests/1", 1)} {
		if err := os.WriteFile(name, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := digestsOf(t, cache, dir); got != was {
			t.Errorf("with the cache %q: %s", broken, got)
		}
	}
}

// An extended attribute that comes to a remembered file is seen.
func TestDigestsSeeXattrs(t *testing.T) {
	cache, dir := t.TempDir(), files(t, "a=one")
	time.Sleep(2100 * time.Millisecond)
	was := digestsOf(t, cache, dir)
	if remembered(t, cache) != 1 {
		t.Fatal("the file is not remembered")
	}
	if err := syscall.Setxattr(filepath.Join(dir, "a"), "user.a", []byte("b"), 0); err != nil {
		t.Fatal(err)
	}
	if now := digestsOf(t, cache, dir); now == was {
		t.Error("the attribute is not seen")
	}
}

func make64(c byte) []byte {
	out := make([]byte, 64)
	for i := range out {
		out[i] = c
	}
	return out
}
