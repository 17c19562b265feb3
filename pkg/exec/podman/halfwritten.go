package podman

import (
	"context"
	"errors"
	"fmt"

	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// maxHalfWritten bounds how many half-written images are removed: a build
// leaves one at most.
const maxHalfWritten = 16

// removeHalfWritten removes images that lack a part. A podman that is ended, or
// has no room, between making an image and filling it leaves one, and from then
// on podman lists no image of the storage at all. It is called only after a
// build of ours died, which began with a storage that could be listed, and
// only when nobody else may be making an image.
func (x *Executor) removeHalfWritten(ctx context.Context) error {
	look := store.Podman{Cmd: x.o.Cmd, Env: x.o.Env}
	last := ""
	for range maxHalfWritten {
		_, err := look.Observe(ctx)
		var half *store.HalfWrittenError
		if !errors.As(err, &half) {
			return nil // sound, or in a trouble that is not ours to mend
		}
		if x.othersRun(imageMakers) {
			return errBusy
		}
		_, stderr, end := x.output(ctx, "rmi", half.Image)
		if end.err != nil || end.code != 0 || half.Image == last {
			_, message, _ := classify(end, ownOrAll(stderr))
			return fmt.Errorf("removing half-written image %.12s: %s", half.Image, message)
		}
		last = half.Image
	}
	return nil
}
