package podmantest

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"
)

// room is the free memory, in bytes, from which on the storages of tests lie in
// memory: they hold some hundred megabytes each, the real distributions a few
// gigabytes.
const room = 10 << 30

// MakeDir makes a directory for an engine's storage. It must not lie on another
// overlay or a small tmpfs, which /tmp often is; TEROK_TEST_STORAGE names a
// better place than memory, where there is much of it, and /var/tmp.
func MakeDir(prefix string) (string, error) {
	dir, err := os.MkdirTemp(parentDir(), prefix)
	if err != nil {
		return "", fmt.Errorf("making a storage for tests: %w", err)
	}
	return dir, nil
}

func parentDir() string {
	if parent := os.Getenv("TEROK_TEST_STORAGE"); parent != "" {
		return parent
	}
	// Engines write every layer to the disk for good; tests need not wait.
	if os.Getuid() == 0 && freeOn("/dev/shm") > room && freeMemory() > room {
		return "/dev/shm"
	}
	return "/var/tmp"
}

// freeMemory is what the kernel could give without swapping, in bytes; 0 where
// it does not say.
func freeMemory() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	for s := bufio.NewScanner(f); s.Scan(); {
		var kib int64
		if strings.HasPrefix(s.Text(), "MemAvailable:") {
			if _, err := fmt.Sscanf(s.Text(), "MemAvailable: %d kB", &kib); err == nil {
				return kib << 10
			}
		}
	}
	return 0
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
