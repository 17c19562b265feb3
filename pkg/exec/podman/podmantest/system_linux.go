package podmantest

import (
	"os"
	"sort"
	"strings"
	"syscall"
)

// unmountBelow unmounts everything mounted at or below dir, innermost first.
// Errors are left to the removal that follows, which names the busy path.
func unmountBelow(dir string) {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return
	}
	var points []string
	for _, line := range strings.Split(string(table), "\n") {
		fields := strings.Fields(line)
		if len(fields) > 4 && (fields[4] == dir || strings.HasPrefix(fields[4], dir+"/")) {
			points = append(points, fields[4])
		}
	}
	sort.Sort(sort.Reverse(sort.StringSlice(points)))
	for _, p := range points {
		_ = syscall.Unmount(p, syscall.MNT_DETACH)
	}
}

// freeOn is the free space of a memory file system, in bytes; 0 for any other.
func freeOn(dir string) int64 {
	const tmpfs = 0x01021994 // TMPFS_MAGIC of statfs(2)
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil || s.Type != tmpfs {
		return 0
	}
	return int64(s.Bavail) * s.Bsize
}
