package buildkit

import "syscall"

// childAttributes keep the terminal's signals from the daemon, which must
// outlive the builds that they cancel.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
