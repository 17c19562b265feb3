package podman

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// killProcessesOf ends the processes of a build's steps. They are in containers
// whose mounts (such as /etc/hosts) come from the run directory. Processes that
// share our own view of mounts are never touched: if such a mount should be
// visible there, it says nothing about any of them.
func killProcessesOf(run string) {
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return
	}
	tables, err := filepath.Glob("/proc/[0-9]*/mountinfo")
	if err != nil {
		return
	}
	for _, t := range tables {
		text, err := os.ReadFile(t)
		if err != nil || !bytes.Contains(text, []byte("/"+run+"/tmp/buildah")) {
			continue
		}
		dir := filepath.Dir(t)
		if space, err := os.Readlink(filepath.Join(dir, "ns", "mnt")); err != nil || space == own {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil {
			if p, err := os.FindProcess(pid); err == nil {
				_ = p.Kill()
			}
		}
	}
}

// othersBuild says whether a build that is not ours may use the same storage:
// a podman or buildah of the same configuration that builds right now.
func (x *Executor) othersBuild() bool {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return false
	}
	for _, d := range dirs {
		text, err := os.ReadFile(filepath.Join(d, "cmdline"))
		if err != nil || !isBuilder(strings.Split(string(text), "\x00")) {
			continue
		}
		env, err := os.ReadFile(filepath.Join(d, "environ"))
		if err == nil && variable(strings.Split(string(env), "\x00"), storageConf) == x.storageConf() {
			return true
		}
	}
	return false
}

// storageConf is the variable that moves podman's storage.
const storageConf = "CONTAINERS_STORAGE_CONF"

func (x *Executor) storageConf() string {
	return variable(append(os.Environ(), x.o.Env...), storageConf)
}

func isBuilder(args []string) bool {
	name := filepath.Base(args[0])
	if name != "podman" && name != "buildah" {
		return false
	}
	return contains(args[1:], "build") || contains(args[1:], "bud")
}

// variable returns the last value of a variable in a list of "K=V".
func variable(env []string, name string) string {
	value := ""
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			value = v
		}
	}
	return value
}
