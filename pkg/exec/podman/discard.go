package podman

import (
	"context"
	"fmt"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/graph"
)

// Discard removes images with all their names, without force: what a container
// uses, or another image was built on, stays. All are tried; what stayed is one
// *exec.Error.
func (x *Executor) Discard(ctx context.Context, images []graph.Image) error {
	var stayed []string
	var first *exec.Error
	for _, img := range images {
		what := img.Names
		if len(what) == 0 {
			what = []string{bareID(img.ID)}
		}
		_, stderr, end := x.output(ctx, append([]string{"rmi", "--"}, what...)...)
		if end.err == nil && end.code == 0 && ctx.Err() == nil {
			continue
		}
		e := engineError(ctx, "removing "+what[0], stderr, end)
		if e.Class == exec.ClassCancelled {
			return e
		}
		if first == nil {
			first = e
		}
		stayed = append(stayed, what[0])
	}
	if first != nil {
		first.Message = fmt.Sprintf("%d of %d images stayed (%s): %s", len(stayed), len(images), strings.Join(stayed, ", "), first.Message)
		first.Hint = "see podman ps --all --external and podman images --all for what uses them"
		return first
	}
	return nil
}
