package podman

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/fstest"
)

// The umask of whoever runs us must not reach the image.
func TestWriteContextKeepsModes(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	files := fstest.MapFS{
		"bin":       &fstest.MapFile{Mode: fs.ModeDir | 0o555},
		"bin/tool":  &fstest.MapFile{Data: []byte("x"), Mode: 0o755 | fs.ModeSetuid},
		"bin/text":  &fstest.MapFile{Data: []byte("y"), Mode: 0o444},
		"open":      &fstest.MapFile{Mode: fs.ModeDir | 0o777 | fs.ModeSticky},
		"link":      &fstest.MapFile{Data: []byte("bin/tool"), Mode: fs.ModeSymlink | 0o777},
		"deep/a/b":  &fstest.MapFile{Data: []byte("z"), Mode: 0o600},
		"dir/empty": &fstest.MapFile{Mode: fs.ModeDir | 0o700},
	}
	dir := filepath.Join(t.TempDir(), "context")
	if err := writeContext(files, dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		info, err := os.Lstat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if want.Mode&fs.ModeSymlink == 0 && info.Mode() != want.Mode {
			t.Errorf("%s: mode %v, want %v", name, info.Mode(), want.Mode)
		}
		if want.Mode&fs.ModeSymlink == 0 && !info.ModTime().Equal(contextTime) {
			t.Errorf("%s: time %v, want %v", name, info.ModTime(), contextTime)
		}
	}
	if target, err := os.Readlink(filepath.Join(dir, "link")); err != nil || target != "bin/tool" {
		t.Errorf("link leads to %q, %v", target, err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the context itself: %v, %v, want mode 0755", info.Mode(), err)
	}
	if err := removeTree(dir); err != nil {
		t.Error(err)
	}
}

func TestWriteContextRefusesDevices(t *testing.T) {
	files := fstest.MapFS{"pipe": &fstest.MapFile{Mode: fs.ModeNamedPipe}}
	if err := writeContext(files, filepath.Join(t.TempDir(), "context")); err == nil {
		t.Error("a pipe was written")
	}
}

// A run directory can be taken from nobody who lives.
func TestRunDirIsLocked(t *testing.T) {
	d, err := newRunDir(t.TempDir(), runPrefix)
	if err != nil {
		t.Fatal(err)
	}
	d.remember("abc", "")
	again, err := os.Open(d.path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if free, err := lock(again); free || err != nil {
		t.Errorf("lock = %v, %v while the owner lives", free, err)
	}
	if tr := readTrace(d.path); len(tr.images) != 1 || tr.images[0] != "abc" || tr.start.Unix() != d.trace.start.Unix() {
		t.Errorf("trace = %+v", tr)
	}
	if err := d.abandon(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(d.path); err != nil || len(left) != 1 {
		t.Errorf("after abandon: %v, %v, want the traces alone", left, err)
	}
	if free, err := lock(again); !free || err != nil {
		t.Errorf("lock = %v, %v when the owner is gone", free, err)
	}
}
