package build_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/testfile"
)

// A layer with more files than its label has space for: on the machine that
// built it a plan names the file, on another one the directory.
func TestManyFilesAreNamed(t *testing.T) {
	u := newUsers(t, newLayoutProject(t))
	u.write(t, "many.Dockerfile", "FROM scratch\nCOPY src /src\n")
	for i := range 4000 {
		u.write(t, fmt.Sprintf("src/d%02d/f%d", i/100, i), fmt.Sprint(i))
	}
	u.declare("many", "many:1")
	cache := os.Getenv("XDG_CACHE_HOME")
	for i := range 80 {
		old := filepath.Join(cache, "terok-agent/records", fmt.Sprintf("%064d.json", i))
		testfile.Write(t, old, "{}")
		if err := os.Chtimes(old, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if got := u.apply(t); got != "many" {
		t.Fatalf("built %q", got)
	}
	u.upToDate(t)
	if kept, err := os.ReadDir(filepath.Join(cache, "terok-agent/records")); err != nil || len(kept) != 64 {
		t.Errorf("%d records are kept, %v; want 64", len(kept), err)
	}
	u.write(t, "src/d07/f742", "new")
	u.expect(t, "many file-changed(src/d07/f742)")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	u.expect(t, "many file-changed(src/d07)")
}
