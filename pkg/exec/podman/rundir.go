package podman

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// runPrefix begins the name of every run directory; after it comes a word for
// the storage, because only a podman on the same storage can remove what a dead
// build left in it.
const runPrefix = "terok-podman-run-"

// runPrefix begins the names of the run directories of this storage.
func (x *Executor) runPrefix() string {
	identity := append([]string{strconv.Itoa(os.Getuid()), x.storageConf()}, x.o.Cmd...)
	return runPrefix + strings.TrimPrefix(graph.DigestOf(identity...), "sha256:")[:8] + "-"
}

// tracesFile is where a run directory keeps its trace.
const tracesFile = "traces"

// runDir holds the files of one build. Its owner keeps a lock on it, so that a
// directory whose lock is free belongs to a process that died.
type runDir struct {
	path string
	lock *os.File
	// trace remembers what may be left when the build is cut off, and traces
	// is the file it is kept in for when this process dies too.
	trace  trace
	traces *os.File
}

// newRunDir makes a run directory below temp. It gets its lasting name only
// when the lock is held: nobody may take it for a dead one's before.
func newRunDir(temp, prefix string) (*runDir, error) {
	fresh, err := os.MkdirTemp(temp, "terok-podman-new-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for the build: %w", err)
	}
	d, err := claim(fresh, prefix)
	if err != nil {
		_ = os.RemoveAll(fresh)
		return nil, fmt.Errorf("making a directory for the build: %w", err)
	}
	return d, nil
}

func claim(fresh, prefix string) (*runDir, error) {
	f, err := os.Open(fresh)
	if err != nil {
		return nil, err
	}
	d := &runDir{lock: f, path: strings.Replace(fresh, "terok-podman-new-", prefix, 1)}
	if err := d.fill(fresh); err != nil {
		_ = f.Close()
		return nil, err
	}
	return d, nil
}

func (d *runDir) fill(fresh string) error {
	if _, err := lock(d.lock); err != nil {
		return fmt.Errorf("locking %q: %w", fresh, err)
	}
	info, err := d.lock.Stat()
	if err != nil {
		return err
	}
	d.trace.start = info.ModTime()
	d.traces, err = os.OpenFile(filepath.Join(fresh, tracesFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(d.traces, d.trace.start.Unix()); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(fresh, "tmp"), 0o700); err != nil {
		return err
	}
	return os.Rename(fresh, d.path)
}

// name is unique among all runs of the machine, for all practical purposes.
func (d *runDir) name() string { return filepath.Base(d.path) }

func (d *runDir) file(name string) string { return filepath.Join(d.path, name) }

// tmp is podman's TMPDIR.
func (d *runDir) tmp() string { return d.file("tmp") }

// remember notes images that working containers of this build may be made
// from: without that nobody could tell whose such a container is. That the
// note cannot be written is no reason to fail.
func (d *runDir) remember(images ...string) {
	for _, id := range images {
		if id != "" {
			d.trace.images = append(d.trace.images, id)
			_, _ = fmt.Fprintln(d.traces, id)
		}
	}
}

// remove removes everything and gives the lock back.
func (d *runDir) remove() error {
	err := removeTree(d.path)
	return errors.Join(err, d.traces.Close(), d.lock.Close())
}

// abandon removes everything but the traces, for a later Clean.
func (d *runDir) abandon() error {
	return errors.Join(removeAllButTraces(d.path), d.traces.Close(), d.lock.Close())
}

func removeAllButTraces(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() != tracesFile {
			err = errors.Join(err, removeTree(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// removeTree removes a tree even where directories in it forbid that to their
// owner.
func removeTree(path string) error {
	if os.RemoveAll(path) == nil {
		return nil
	}
	openUp(path)
	return os.RemoveAll(path)
}

// openUp makes the directories of a tree writable. It stays within the tree
// whatever links lead elsewhere.
func openUp(path string) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return
	}
	defer func() { _ = root.Close() }()
	_ = fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			_ = root.Chmod(name, 0o700)
		}
		return nil
	})
}
