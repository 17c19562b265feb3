package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	osexec "os/exec"
	"slices"
	"time"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// Podman looks at podman's storage.
type Podman struct {
	// Cmd is the command with its global options; empty means {"podman"}.
	Cmd []string
	// Env is added to the process's environment.
	Env []string
	// WorkDir is where the process runs; "" means where we do.
	WorkDir string
}

// listed is one entry of "podman images --format json".
type listed struct {
	ID       string `json:"Id"`
	ParentID string `json:"ParentId"`
	Digest   string
	Names    []string
	Labels   map[string]string
	Created  int64
	Size     int64
}

// Observe returns all images of the storage, by one call of podman. Trouble is
// an *Error, never an empty snapshot.
func (p Podman) Observe(ctx context.Context) (graph.Snapshot, error) {
	images, err := p.list(ctx, "looking at podman's images")
	if err != nil {
		return graph.Snapshot{}, err
	}
	return graph.NewSnapshot(images), nil
}

// list returns the images that "podman images" shows with more arguments.
func (p Podman) list(ctx context.Context, doing string, args ...string) ([]graph.Image, error) {
	out, err := p.run(ctx, doing, append([]string{"images", "--format", "json"}, args...)...)
	if err != nil {
		return nil, err
	}
	var entries []listed
	if err := json.Unmarshal(out, &entries); err != nil {
		return nil, badAnswer(doing, err)
	}
	images, err := toImages(entries)
	if err != nil {
		return nil, badAnswer(doing, err)
	}
	return images, nil
}

// toImages converts podman's entries. An image with several names is listed
// several times; it becomes one.
func toImages(entries []listed) ([]graph.Image, error) {
	images := make([]graph.Image, 0, len(entries))
	at := make(map[string]int, len(entries))
	for _, e := range entries {
		if !isHex64(e.ID) {
			return nil, fmt.Errorf("image ID %q is not 64 hex digits", e.ID)
		}
		if i, seen := at[e.ID]; seen {
			images[i].Names = union(images[i].Names, e.Names)
			continue
		}
		at[e.ID] = len(images)
		parent := e.ParentID
		if parent != "" {
			parent = "sha256:" + parent
		}
		images = append(images, graph.Image{
			ID: "sha256:" + e.ID, Parent: parent, Manifest: e.Digest, Names: e.Names, Labels: e.Labels,
			Created: time.Unix(e.Created, 0).UTC(), Size: e.Size,
		})
	}
	return images, nil
}

// union adds to list what it lacks.
func union(list, more []string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

func badAnswer(doing string, err error) *Error {
	return &Error{
		Class: ClassUnknown, Message: fmt.Sprintf("%s: podman's answer cannot be read: %v", doing, err),
		Hint: "is it podman 4.3 or newer? See what podman images --format json prints",
		Err:  fmt.Errorf("%w: %w", ErrBadAnswer, err),
	}
}

// run runs podman and returns its stdout alone: stderr may hold warnings on a
// machine where all is well.
func (p Podman) run(ctx context.Context, doing string, args ...string) ([]byte, error) {
	argv := p.argv(args)
	cmd := osexec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = p.WorkDir
	// GOGC: a look is over before collecting garbage pays.
	cmd.Env = append(append(append([]string{"GOGC=400"}, os.Environ()...), "LC_ALL=C", "PODMAN_IGNORE_CGROUPSV1_WARNING=1"), p.Env...)
	// A grandchild that keeps the pipes open must not keep us.
	cmd.WaitDelay = 2 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.Bytes(), failure(ctx, doing, argv[0], stderr.String(), err)
	}
	return stdout.Bytes(), nil
}

func (p Podman) argv(args []string) []string {
	cmd := p.Cmd
	if len(cmd) == 0 {
		cmd = []string{"podman"}
	}
	return append(append(make([]string, 0, len(cmd)+len(args)), cmd...), args...)
}

func isHex64(s string) bool {
	if len(s) != 64 {
		return false
	}
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
