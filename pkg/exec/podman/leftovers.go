package podman

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

// trace is what tells a build's leftovers from those of others.
type trace struct {
	start time.Time
	// images are IDs, or beginnings of them, of images that the build's
	// working containers were made from.
	images []string
}

// wasCutOff says whether podman had no chance to clean up after itself: it was
// ended, or had no room to.
func wasCutOff(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return true
	}
	var e *exec.Error
	return errors.As(err, &e) &&
		(e.Class == exec.ClassKilled || e.Class == exec.ClassInterrupted || e.Class == exec.ClassDiskFull)
}

func (x *Executor) enter() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.active++
}

// leave ends a build: its directory goes, and after a build that was cut off
// what podman left behind goes too. Working containers go when the last build
// leaves, because those of running builds look alike.
func (x *Executor) leave(ctx context.Context, d *runDir, cutOff bool) error {
	if cutOff {
		killProcessesOf(d.name())
		bounded, cancel := detached(ctx)
		forgetContainers(bounded, d.tmp())
		cancel()
	}
	x.mu.Lock()
	x.active--
	if cutOff {
		x.dead = append(x.dead, d.trace)
	}
	var dead []trace
	if x.active == 0 {
		dead, x.dead = x.dead, nil
	}
	x.mu.Unlock()
	if len(dead) == 0 {
		return d.remove()
	}
	bounded, cancel := detached(ctx)
	defer cancel()
	if x.removeLeftovers(bounded, dead) == nil {
		return d.remove()
	}
	for _, t := range dead {
		d.remember(t.images...)
	}
	return d.abandon()
}

// Clean removes what builds left behind whose process died: their files, their
// steps' processes and podman's working containers. Callers hold the store's
// lock, so that no other run of ours is under way.
func (x *Executor) Clean(ctx context.Context) error {
	paths, err := filepath.Glob(filepath.Join(x.o.TempDir, x.runPrefix()+"*"))
	if err != nil {
		return fmt.Errorf("looking for leftovers of builds: %w", err)
	}
	var dead []trace
	var dirs []string
	for _, p := range paths {
		dir, err := os.Open(p)
		if err != nil {
			continue // another run has just removed it
		}
		defer func() { _ = dir.Close() }()
		if free, err := lock(dir); err != nil || !free {
			continue
		}
		killProcessesOf(filepath.Base(p))
		forgetContainers(ctx, filepath.Join(p, "tmp"))
		dead = append(dead, readTrace(p))
		dirs = append(dirs, p)
	}
	if len(dead) == 0 {
		return nil
	}
	removeOne := removeTree
	err = x.removeLeftovers(ctx, dead)
	if err != nil {
		removeOne = removeAllButTraces
	}
	if errors.Is(err, errBusy) {
		err = nil // the traces stay, and a later Clean goes on
	}
	for _, d := range dirs {
		err = errors.Join(err, removeOne(d))
	}
	return err
}

func readTrace(dir string) trace {
	text, err := os.ReadFile(filepath.Join(dir, tracesFile))
	if err != nil {
		return trace{}
	}
	lines := strings.Fields(string(text))
	if len(lines) == 0 {
		return trace{}
	}
	seconds, err := strconv.ParseInt(lines[0], 10, 64)
	if err != nil {
		return trace{}
	}
	return trace{start: time.Unix(seconds, 0), images: lines[1:]}
}

// removeLeftovers removes what dead builds left in the storage.
func (x *Executor) removeLeftovers(ctx context.Context, dead []trace) error {
	// Half an image first: as long as it is there podman lists nothing.
	return errors.Join(x.removeHalfWritten(ctx), x.removeContainers(ctx, dead))
}

// container is the part of "podman ps" that is needed.
type container struct {
	ID      string `json:"Id"`
	ImageID string
	Status  string
	Command []string
	Created int64
}

// errBusy means that leftovers cannot be told from another's work now.
var errBusy = errors.New("another build uses the storage")

// removeContainers removes working containers that were left by dead builds.
// Nothing in a container says whose it is, so it must be made from an image
// that one of them used, after that one began, and nobody else may be building.
func (x *Executor) removeContainers(ctx context.Context, dead []trace) error {
	stdout, stderr, end := x.output(ctx, "ps", "-a", "--external", "--no-trunc", "--format", "json")
	if end.err != nil || end.code != 0 {
		_, message, _ := classify(end, ownOrAll(stderr))
		return fmt.Errorf("listing working containers: %s", message)
	}
	var all []container
	if err := json.Unmarshal([]byte(stdout), &all); err != nil {
		return fmt.Errorf("listing working containers: %w", err)
	}
	ids := leftBy(all, dead)
	if len(ids) == 0 {
		return nil
	}
	if x.othersRun(builders) {
		return errBusy
	}
	_, stderr, end = x.output(ctx, append([]string{"rm", "-f"}, ids...)...)
	if end.err != nil || end.code != 0 {
		_, message, _ := classify(end, ownOrAll(stderr))
		return fmt.Errorf("removing working containers: %s", message)
	}
	return nil
}

// leftBy picks the containers that dead builds left.
func leftBy(all []container, dead []trace) []string {
	var ids []string
	for _, c := range all {
		if c.Status != "Storage" || len(c.Command) != 1 || c.Command[0] != "buildah" {
			continue
		}
		for _, t := range dead {
			if t.made(c) {
				ids = append(ids, c.ID)
				break
			}
		}
	}
	return ids
}

func (t trace) made(c container) bool {
	if t.start.IsZero() || c.Created < t.start.Unix() {
		return false
	}
	// A stage FROM scratch has no image; the time must do.
	if c.ImageID == "" {
		return true
	}
	for _, image := range t.images {
		if strings.HasPrefix(c.ImageID, image) {
			return true
		}
	}
	return false
}
