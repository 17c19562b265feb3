//go:build !linux

package buildkit

import "syscall"

// childAttributes: there is no daemon of our own but on Linux.
func childAttributes() *syscall.SysProcAttr { return nil }
