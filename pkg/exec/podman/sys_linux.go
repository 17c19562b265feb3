package podman

import "syscall"

// childAttributes puts podman into a process group of its own, so that a key
// typed at the terminal reaches us alone, and lets it die with us.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
