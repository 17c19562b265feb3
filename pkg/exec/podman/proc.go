package podman

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// killProcessesOf ends the processes of a build that is over, podman itself
// included, and waits a moment until they are gone.
func killProcessesOf(run string) {
	for range 100 {
		pids := processesOf(run)
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			if p, err := os.FindProcess(pid); err == nil {
				_ = p.Kill()
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// processesOf finds podman by the files it was given, and the processes of
// steps by their mounts: in their containers some (such as /etc/hosts) come from
// the run directory. Processes that share our own view of mounts are not taken
// for such: if a mount like that should be visible here, all would have it.
func processesOf(run string) []int {
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return nil
	}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	var pids []int
	for _, d := range dirs {
		pid, err := strconv.Atoi(filepath.Base(d))
		if err == nil && (givenTo(d, run) || mountedIn(d, run, own)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// givenTo says whether a process is a podman that builds with files of run.
func givenTo(proc, run string) bool {
	text, err := os.ReadFile(filepath.Join(proc, "cmdline"))
	return err == nil && bytes.Contains(text, []byte("/"+run+"/")) && runsOneOf(strings.Split(string(text), "\x00"), builders)
}

func mountedIn(proc, run, ownSpace string) bool {
	text, err := os.ReadFile(filepath.Join(proc, "mountinfo"))
	if err != nil || !bytes.Contains(text, []byte("/"+run+"/tmp/buildah")) {
		return false
	}
	space, err := os.Readlink(filepath.Join(proc, "ns", "mnt"))
	return err == nil && space != ownSpace
}

// builders are the commands that leave working containers, imageMakers those
// that make images.
var (
	builders    = []string{"build", "bud"}
	imageMakers = []string{"build", "bud", "commit", "import", "load", "pull"}
)

// othersRun says whether a process that is not ours may use the same storage:
// a podman or buildah of the same configuration that does one of these now.
func (x *Executor) othersRun(commands []string) bool {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return false
	}
	for _, d := range dirs {
		text, err := os.ReadFile(filepath.Join(d, "cmdline"))
		if err != nil || !runsOneOf(strings.Split(string(text), "\x00"), commands) {
			continue
		}
		env, err := os.ReadFile(filepath.Join(d, "environ"))
		if err == nil && variable(strings.Split(string(env), "\x00"), storageConf) == x.storageConf() {
			return true
		}
	}
	return false
}

func runsOneOf(args, commands []string) bool {
	name := filepath.Base(args[0])
	if name != "podman" && name != "buildah" {
		return false
	}
	return slices.ContainsFunc(args[1:], func(a string) bool { return slices.Contains(commands, a) })
}

// storageConf is the variable that moves podman's storage.
const storageConf = "CONTAINERS_STORAGE_CONF"

func (x *Executor) storageConf() string {
	return variable(append(os.Environ(), x.o.Env...), storageConf)
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
