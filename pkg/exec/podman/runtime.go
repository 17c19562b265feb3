package podman

import (
	"context"
	"os"
	osexec "os/exec"
	"path/filepath"
)

// forgetContainers makes the container runtime forget the steps that were cut
// off: podman would, but it is gone. The runtime's names for them are those of
// podman's bundles in its TMPDIR. What is left otherwise is small, so errors
// are no reason to fail.
func forgetContainers(ctx context.Context, tmp string) {
	bundles, err := filepath.Glob(filepath.Join(tmp, "buildah*"))
	if err != nil {
		return
	}
	state := "/run"
	if os.Getuid() != 0 {
		state = os.Getenv("XDG_RUNTIME_DIR")
	}
	for _, b := range bundles {
		id := "buildah-" + filepath.Base(b)
		for _, name := range []string{"runc", "crun"} {
			if _, err := os.Stat(filepath.Join(state, name, id)); err == nil { //nolint:gosec // only looked at, and the user who sets the variable is us
				_ = osexec.CommandContext(ctx, name, "delete", "--force", id).Run()
			}
		}
	}
}
