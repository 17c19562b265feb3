package podmantest

import (
	"bytes"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/testneeds"
)

// Debian is a real base, which the quick start or a registry puts into the
// user's storage.
const Debian = "docker.io/library/debian:12"

// LoadDebian copies it from the user's storage into the test's. A test that has
// none is skipped, or fails when TEROK_REQUIRE_ENGINE is set.
func LoadDebian(t testing.TB, e Env) {
	t.Helper()
	archive := filepath.Join(e.Dir, "debian.tar")
	var stderr bytes.Buffer
	save := osexec.Command("podman", "save", "-q", "-o", archive, Debian)
	save.Stderr = &stderr
	if err := save.Run(); err != nil {
		testneeds.NoError(t, fmt.Errorf("saving %s, which .ci/base debian:12 puts into podman's storage: %w\n%s", Debian, err, stderr.String()))
	}
	e.Run(t, "load", "-q", "-i", archive)
	_ = os.Remove(archive)
}
