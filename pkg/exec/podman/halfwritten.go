package podman

import (
	"context"
	"fmt"
	"regexp"
)

// maxHalfWritten bounds how many half-written images are removed: a build
// leaves one at most.
const maxHalfWritten = 16

// incomplete are podman's words when it lists images, of one that lacks a part.
var incomplete = regexp.MustCompile(`image with ID "([0-9a-f]{64})" \(consider removing the image`)

// removeHalfWritten removes images that lack a part. A podman that is ended, or
// has no room, between making an image and filling it leaves one, and from then
// on podman lists no image of the storage at all. It is called only after a
// build of ours died, which began with a storage that could be listed, and
// only when nobody else may be making an image.
func (x *Executor) removeHalfWritten(ctx context.Context) error {
	last := ""
	for range maxHalfWritten {
		_, stderr, end := x.output(ctx, "images", "--quiet")
		half := incomplete.FindStringSubmatch(stderr)
		if end.err != nil || end.code == 0 || half == nil {
			return nil // sound, or in a trouble that is not ours to mend
		}
		if x.othersRun(imageMakers) {
			return errBusy
		}
		_, stderr, end = x.output(ctx, "rmi", half[1])
		if end.err != nil || end.code != 0 || half[1] == last {
			_, message, _ := classify(end, ownOrAll(stderr))
			return fmt.Errorf("removing half-written image %.12s: %s", half[1], message)
		}
		last = half[1]
	}
	return nil
}
