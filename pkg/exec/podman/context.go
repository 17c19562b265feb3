package podman

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// contextTime is the time of everything in a context that is written out. No
// builder's key has it; that two runs give equal trees is worth having.
var contextTime = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// contextDir returns the directory that is the recipe's build context: where
// it lies already, or a copy in the run directory.
func contextDir(r graph.Recipe, d *runDir) (string, error) {
	if r.ContextDir != "" {
		info, err := os.Stat(r.ContextDir)
		if err == nil && !info.IsDir() {
			err = fmt.Errorf("%q is not a directory", r.ContextDir)
		}
		if err != nil {
			return "", fmt.Errorf("reading the build context: %w", err)
		}
		return filepath.Abs(r.ContextDir)
	}
	dir := d.file("context")
	if err := writeContext(r.Context, dir); err != nil {
		return "", fmt.Errorf("writing the build context: %w", err)
	}
	return dir, nil
}

// writeContext writes a tree with the modes it has, whatever the umask. A nil
// tree is an empty one.
func writeContext(fsys fs.FS, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if fsys == nil {
		return finish(dir, 0o755)
	}
	type made struct {
		path string
		mode fs.FileMode
	}
	// A directory that forbids writing must be filled first.
	var dirs []made
	err := fs.WalkDir(fsys, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(name))
		if e.IsDir() {
			if name == "." {
				// The root's own mode is whatever the tree's maker has it be.
				dirs = append(dirs, made{to, 0o755})
				return nil
			}
			dirs = append(dirs, made{to, info.Mode()})
			return os.Mkdir(to, 0o700)
		}
		return writeEntry(fsys, name, to, info)
	})
	for i := len(dirs) - 1; i >= 0 && err == nil; i-- {
		err = finish(dirs[i].path, dirs[i].mode)
	}
	return err
}

func writeEntry(fsys fs.FS, name, to string, info fs.FileInfo) error {
	switch info.Mode().Type() {
	case fs.ModeSymlink:
		target, err := fs.ReadLink(fsys, name)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case 0:
		if err := writeFile(fsys, name, to); err != nil {
			return err
		}
		return finish(to, info.Mode())
	}
	return fmt.Errorf("%q is neither file, directory nor link", name)
}

func writeFile(fsys fs.FS, name, to string) error {
	from, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer from.Close()
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, from); err != nil {
		_ = f.Close()
		return fmt.Errorf("writing %q: %w", name, err)
	}
	return f.Close()
}

// finish sets mode, all of it, and time.
func finish(path string, mode fs.FileMode) error {
	const bits = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	if err := os.Chmod(path, mode&bits); err != nil {
		return err
	}
	return os.Chtimes(path, contextTime, contextTime)
}
