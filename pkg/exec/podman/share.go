package podman

import (
	"context"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

var _ exec.Sharer = (*Executor)(nil)

// Push pushes an image once per reference, with podman's own credentials. What
// the registry has is not sent again. Failures are *exec.Error.
func (x *Executor) Push(ctx context.Context, image string, refs []string, sink exec.Sink) error {
	for _, ref := range refs {
		sink.Event(exec.Event{Kind: exec.Note, Text: "pushing " + ref})
		args := []string{"push", "-q"}
		if isLoopback(ref) {
			args = append(args, "--tls-verify=false")
		}
		_, stderr, end := x.output(ctx, append(args, "--", bareID(image), "docker://"+ref)...)
		if end.err != nil || end.code != 0 || ctx.Err() != nil {
			e := engineError(ctx, "pushing "+ref, stderr, end)
			if e.Class == exec.ClassUnknown && end.err == nil {
				// The image is here: what podman has no word for is the
				// registry's answer.
				e.Class = exec.ClassRegistry
			}
			return e
		}
	}
	return nil
}

// Fetch pulls an image and takes the name away that podman gives it. Failures
// are *exec.Error.
func (x *Executor) Fetch(ctx context.Context, ref string, sink exec.Sink) (exec.Result, map[string]string, error) {
	res, err := x.Pull(ctx, ref, sink)
	if err != nil {
		return res, nil, err
	}
	got, err := x.inspect(ctx, res.Image)
	if err != nil {
		return res, nil, err
	}
	if _, stderr, end := x.output(ctx, "untag", bareID(res.Image), ref); end.err != nil || end.code != 0 {
		return res, nil, engineError(ctx, "taking the name "+ref+" away", stderr, end)
	}
	return res, got.Labels, nil
}
