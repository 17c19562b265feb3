package podman

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

// inspected is the part of "podman image inspect" that is needed.
type inspected struct {
	ID       string `json:"Id"`
	Digest   string
	Labels   map[string]string
	RepoTags []string
	RootFS   struct{ Layers []string }
}

// inspect reads one image.
func (x *Executor) inspect(ctx context.Context, image string) (inspected, error) {
	stdout, stderr, end := x.output(ctx, "image", "inspect", "--format", "json", bareID(image))
	if end.err != nil || end.code != 0 {
		class, message, code := classify(end, ownOrAll(stderr))
		return inspected{}, &exec.Error{Class: class, ExitCode: code, Message: fmt.Sprintf("reading image %.19s: %s", image, message), Err: end.err}
	}
	var images []inspected
	if err := json.Unmarshal([]byte(stdout), &images); err != nil {
		return inspected{}, failed(exec.ClassUnverified, fmt.Errorf("reading image %.19s: %w", image, err))
	}
	if len(images) != 1 || images[0].ID != bareID(image) {
		return inspected{}, failed(exec.ClassUnverified, fmt.Errorf("reading image %.19s: podman shows another image", image))
	}
	return images[0], nil
}

// verify reads the result back. Podman has been seen to leave out the end of a
// Dockerfile with exit code 0; then the labels are missing.
func (b *build) verify(ctx context.Context, image string) (inspected, error) {
	got, err := b.x.inspect(ctx, image)
	if err != nil {
		return got, err
	}
	for _, k := range slices.Sorted(maps.Keys(b.r.Labels)) {
		have, ok := got.Labels[k]
		if !ok || have != b.r.Labels[k] {
			return got, failed(exec.ClassUnverified, fmt.Errorf(
				"podman reports success, but label %q of the image is not what was asked for (%d of %d bytes)", k, len(have), len(b.r.Labels[k])))
		}
	}
	return got, nil
}

// sameLayers says whether an image has exactly the files of another. When the
// other cannot be read any more there is nothing to compare with.
func (x *Executor) sameLayers(ctx context.Context, got inspected, other string) bool {
	if other == "" {
		return false
	}
	old, err := x.inspect(ctx, other)
	if err != nil || len(old.RootFS.Layers) != len(got.RootFS.Layers) {
		return false
	}
	for i := range old.RootFS.Layers {
		if old.RootFS.Layers[i] != got.RootFS.Layers[i] {
			return false
		}
	}
	return true
}
