package buildkit

import (
	osexec "os/exec"
	"runtime"
)

// run starts the daemon and waits for its end, on one thread: the signal that
// a child gets when its parent dies belongs to the thread that started it.
func (c *child) run(cmd *osexec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	c.process = cmd.Process
	started <- nil
	_ = cmd.Wait()
	close(c.ended)
}
