package podman

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"sort"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

// Pull fetches an external image and returns its ID. Failures are *exec.Error.
func (x *Executor) Pull(ctx context.Context, ref string, sink exec.Sink) (exec.Result, error) {
	sink.Event(exec.Event{Kind: exec.PullStarted, Text: ref})
	args := []string{"pull", "-q"}
	if isLoopback(ref) {
		args = append(args, "--tls-verify=false")
	}
	stdout, stderr, end := x.output(ctx, append(args, "--", ref)...)
	if end.err != nil || end.code != 0 || ctx.Err() != nil {
		e := engineError(ctx, "pulling "+ref, stderr, end)
		if e.Class == exec.ClassUnknown && end.err == nil {
			// What podman has no word for is the registry's answer.
			e.Class = exec.ClassRegistry
		}
		return exec.Result{}, e
	}
	lines := strings.Fields(stdout)
	if len(lines) == 0 || !isImageID("sha256:"+bareID(lines[len(lines)-1])) {
		return exec.Result{}, failed(exec.ClassUnverified, fmt.Errorf("pulling %q: podman reports success but shows no image ID", ref))
	}
	id := "sha256:" + bareID(lines[len(lines)-1])
	got, err := x.inspect(ctx, id)
	if err != nil {
		return exec.Result{}, err
	}
	return exec.Result{Image: id, Manifest: got.Digest}, nil
}

// engineError explains a short podman command that failed.
func engineError(ctx context.Context, doing, stderr string, end ended) *exec.Error {
	class, message, code := classify(end, ownOrAll(stderr))
	e := &exec.Error{Class: class, ExitCode: code, Message: doing + ": " + message, Err: end.err}
	if ctx.Err() != nil {
		e.Class, e.Message, e.Err = exec.ClassCancelled, doing+": cancelled", ctx.Err()
	}
	return e
}

// isLoopback says whether a reference names a registry on this machine, the
// only kind that may be spoken to without TLS.
func isLoopback(ref string) bool {
	ref = strings.TrimPrefix(ref, "docker://")
	host, _, found := strings.Cut(ref, "/")
	if !found {
		return false
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	} else if host == "localhost" {
		return false // names of podman's own storage
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return name == "localhost" || (ip != nil && ip.IsLoopback())
}

// Tag moves names to images, all names of an image in one call, after making
// sure that all images are there. On an error it says which names have moved.
func (x *Executor) Tag(ctx context.Context, moves map[string]string) error {
	byImage := map[string][]string{}
	for name, image := range moves {
		byImage[image] = append(byImage[image], name)
	}
	images := make([]string, 0, len(byImage))
	for image, names := range byImage {
		images = append(images, image)
		sort.Strings(names)
	}
	sort.Strings(images)
	if len(images) == 0 {
		return nil
	}
	if err := x.mustHave(ctx, images); err != nil {
		return err
	}
	for _, image := range images {
		_, stderr, end := x.output(ctx, append([]string{"tag", bareID(image)}, byImage[image]...)...)
		if end.err != nil || end.code != 0 || ctx.Err() != nil {
			e := engineError(ctx, "tagging", stderr, end)
			e.Message += x.movedSoFar(ctx, moves)
			return e
		}
	}
	return nil
}

// mustHave makes sure that all images are there.
func (x *Executor) mustHave(ctx context.Context, images []string) error {
	args := []string{"image", "inspect", "--format", "{{.Id}}"}
	for _, image := range images {
		args = append(args, bareID(image))
	}
	_, stderr, end := x.output(ctx, args...)
	if end.err != nil || end.code != 0 || ctx.Err() != nil {
		e := engineError(ctx, "tagging", stderr, end)
		e.Message += "; no name has moved"
		return e
	}
	return nil
}

// movedSoFar says, for the error of a Tag that broke off, where the names are.
func (x *Executor) movedSoFar(ctx context.Context, moves map[string]string) string {
	ctx, cancel := detached(ctx)
	defer cancel()
	var moved, not []string
	for _, name := range slices.Sorted(maps.Keys(moves)) {
		stdout, _, end := x.output(ctx, "image", "inspect", "--format", "{{.Id}}", name)
		if end.code == 0 && end.err == nil && strings.TrimSpace(stdout) == bareID(moves[name]) {
			moved = append(moved, name)
		} else {
			not = append(not, name)
		}
	}
	if len(moved) == 0 {
		return "; no name has moved"
	}
	return fmt.Sprintf("; moved: %s; not moved: %s", strings.Join(moved, ", "), strings.Join(not, ", "))
}
