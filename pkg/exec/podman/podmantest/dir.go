package podmantest

import (
	"fmt"
	"os"
	"time"
)

// MakeDir makes a directory for an engine's storage. It must not lie on another
// overlay or a small tmpfs, which /tmp often is; TEROK_TEST_STORAGE names a
// better place than /var/tmp.
func MakeDir(prefix string) (string, error) {
	parent := os.Getenv("TEROK_TEST_STORAGE")
	if parent == "" {
		parent = "/var/tmp"
	}
	dir, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return "", fmt.Errorf("making a storage for tests: %w", err)
	}
	return dir, nil
}

// RemoveDir removes such a directory with the mounts in it. What cleans up in
// the background may mount something once more meanwhile.
func RemoveDir(dir string) error {
	var err error
	for range 20 {
		unmountBelow(dir)
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}
