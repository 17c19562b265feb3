package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	osexec "os/exec"
	"slices"
	"strings"
	"time"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// Docker looks at the images of a Docker engine, through its command: which
// engine that is follows from DOCKER_HOST and the command's contexts.
type Docker struct {
	// Cmd is the command with its global options; empty means {"docker"}.
	Cmd []string
	// Env is added to the process's environment.
	Env []string
}

// ErrContainerdImages means that an engine calls images by other digests than
// every other store does.
var ErrContainerdImages = errors.New("this Docker engine keeps its images in containerd")

// inspectedByDocker is one entry of "docker image inspect".
type inspectedByDocker struct {
	ID       string `json:"Id"`
	RepoTags []string
	Created  time.Time
	Size     int64
	Config   *struct{ Labels map[string]string }
	RootFS   struct{ Layers []string }
	// Descriptor is there when images are kept in containerd, whose IDs are
	// digests of manifests.
	Descriptor *struct{}
}

// Observe returns all images of the engine, those without a name too. A name
// without a registry, "l0:1", is shown under localhost, as other stores show
// it, and under docker.io, as Docker means it. Trouble is an *Error, never an
// empty snapshot.
func (d Docker) Observe(ctx context.Context) (graph.Snapshot, error) {
	const doing = "looking at Docker's images"
	out, err := d.inspectAll(ctx, doing)
	if err != nil {
		return graph.Snapshot{}, err
	}
	images, _, err := readDockerImages(out)
	if err != nil {
		return graph.Snapshot{}, badDockerAnswer(doing, err)
	}
	return graph.NewSnapshot(images), nil
}

// inspectAll is what the engine says of all images, a JSON list.
func (d Docker) inspectAll(ctx context.Context, doing string) ([]byte, error) {
	out, err := d.Run(ctx, doing, nil, "image", "ls", "--quiet", "--no-trunc")
	if err != nil {
		return nil, err
	}
	ids := strings.Fields(string(out))
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 0 {
		return []byte("[]"), nil
	}
	out, err = d.Run(ctx, doing, nil, append([]string{"image", "inspect"}, ids...)...)
	if err != nil && !errors.Is(err, ErrNotFound) { // one may be removed meanwhile
		return nil, err
	}
	return out, nil
}

// Inspect returns one image by its ID or a name. A missing one gives an *Error
// for which errors.Is(err, ErrNotFound).
func (d Docker) Inspect(ctx context.Context, ref string) (graph.Image, error) {
	doing := fmt.Sprintf("reading image %.60s", ref)
	out, err := d.Run(ctx, doing, nil, "image", "inspect", ref)
	if err != nil {
		return graph.Image{}, err
	}
	images, _, err := readDockerImages(out)
	if err == nil && len(images) != 1 {
		err = fmt.Errorf("want one image, got %d", len(images))
	}
	if err != nil {
		return graph.Image{}, badDockerAnswer(doing, err)
	}
	return images[0], nil
}

// readDockerImages returns the images and, by ID, the digests of their layers.
func readDockerImages(text []byte) ([]graph.Image, map[string][]string, error) {
	var entries []inspectedByDocker
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, nil, err
	}
	layers := map[string][]string{}
	images := make([]graph.Image, 0, len(entries))
	for _, e := range entries {
		if e.Descriptor != nil {
			return nil, nil, ErrContainerdImages
		}
		if !isHex64(strings.TrimPrefix(e.ID, "sha256:")) {
			return nil, nil, fmt.Errorf("image ID %q is no digest", e.ID)
		}
		img := graph.Image{ID: e.ID, Created: e.Created.UTC(), Size: e.Size}
		if e.Config != nil {
			img.Labels = e.Config.Labels
		}
		for _, tag := range e.RepoTags {
			img.Names = append(img.Names, dockerNames(tag)...)
		}
		images, layers[img.ID] = append(images, img), e.RootFS.Layers
	}
	return images, layers, nil
}

// dockerNames are the full names of a name as Docker writes it.
func dockerNames(tag string) []string {
	if hasHost(repository(tag)) {
		return []string{tag}
	}
	return []string{"localhost/" + tag, "docker.io/" + library(tag)}
}

func badDockerAnswer(doing string, err error) *Error {
	e := &Error{
		Class: ClassUnknown, Message: fmt.Sprintf("%s: docker's answer cannot be read: %v", doing, err),
		Err: fmt.Errorf("%w: %w", ErrBadAnswer, err),
	}
	if errors.Is(err, ErrContainerdImages) {
		e.Class, e.Message = ClassStorage, fmt.Sprintf("%s: %v, where an image has another ID than anywhere else", doing, err)
		e.Hint = `set "features": {"containerd-snapshotter": false} in its daemon.json, or use --store oci:DIR or registry:HOST/REPO`
	}
	return e
}

// Run runs docker, feeding it stdin, and returns its stdout alone. Failures are
// *Error; errors.Is tells ErrNotFound, and then the stdout holds what was found.
func (d Docker) Run(ctx context.Context, doing string, stdin io.Reader, args ...string) ([]byte, error) {
	var stdout bytes.Buffer
	err := d.Stream(ctx, doing, stdin, &stdout, args...)
	return stdout.Bytes(), err
}

// Stream runs docker between a reader and a writer. Failures are as those of
// Run.
func (d Docker) Stream(ctx context.Context, doing string, stdin io.Reader, stdout io.Writer, args ...string) error {
	argv := d.Cmd
	if len(argv) == 0 {
		argv = []string{"docker"}
	}
	argv = slices.Concat(argv, args)
	cmd := osexec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(append(os.Environ(), "LC_ALL=C"), d.Env...)
	// A grandchild that keeps the pipes open must not keep us.
	cmd.WaitDelay = 2 * time.Second
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, &stderr
	if err := cmd.Run(); err != nil {
		return dockerFailure(ctx, doing, stderr.String(), err)
	}
	return nil
}

// dockerFailure turns a docker command that did not succeed into an *Error.
func dockerFailure(ctx context.Context, doing, stderr string, err error) *Error {
	if ctx.Err() != nil {
		return &Error{Class: ClassCancelled, Message: doing + ": cancelled", Err: ctx.Err()}
	}
	if errors.Is(err, osexec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return &Error{
			Class: ClassNoEngine, Message: doing + ": the command \"docker\" is not installed", Err: err,
			Hint: "install Docker's command line, or use another --store",
		}
	}
	words := dockerWords(stderr)
	if words == "" {
		words = err.Error()
	}
	e := &Error{Class: ClassUnknown, Message: doing + ": " + words, Err: err}
	switch {
	case containsAny(words, "No such image", "No such object", "no such image"):
		e.Class, e.Err = ClassBaseMissing, fmt.Errorf("%w: %w", ErrNotFound, err)
	case containsAny(words, "permission denied") && containsAny(words, "connect", "socket"):
		e.Class, e.Hint = ClassNoEngine, "you may not use this Docker engine: join its group, or use another --store"
	case containsAny(words, "Cannot connect to the Docker daemon", "error during connect", "docker daemon is not running", "connection refused", "no such host"):
		e.Class, e.Hint = ClassNoEngine, "start the Docker engine, or correct DOCKER_HOST or the context (docker context ls)"
	case containsAny(words, "no space left on device"):
		e.Class, e.Hint = "disk-full", "free space where the Docker engine keeps its images (docker system df), then run apply again"
	}
	return e
}

// dockerWords is the line of stderr that says why.
func dockerWords(stderr string) string {
	last := ""
	for _, line := range strings.Split(stderr, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "See 'docker") {
			continue
		}
		last = line
	}
	return strings.TrimPrefix(strings.TrimPrefix(last, "Error response from daemon: "), "Error: ")
}
