package buildkit

import (
	"fmt"
	"io"
	osexec "os/exec"
)

// run starts the daemon, with somebody who ends it when we die, and waits for
// its end.
func (c *child) run(cmd *osexec.Cmd, started chan<- error) {
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	c.process = cmd.Process
	err := c.startGuard()
	if err != nil {
		_ = cmd.Process.Kill()
	}
	started <- err
	_ = cmd.Wait()
	close(c.ended)
}

// guardScript reads until its input ends, which it does when we die. A signal
// at our death would come too soon: a daemon that is told to end at the moment
// it loses its client goes without ending the steps that it runs. So they are
// ended first: all processes below the daemon, found by their parents.
const guardScript = `below() {
	for s in /proc/[0-9]*/stat; do
		l=$(cat "$s" 2>/dev/null) || continue
		set -- "$1" ${l##*) }
		[ "$3" != "$1" ] || { p=${s#/proc/}; echo "${p%/stat}"; }
	done
}
tree() { for c in $(below "$1"); do tree "$c"; echo "$c"; done; }
read -r _ || { steps=$(tree "$1"); sleep 2; kill -KILL $steps; sleep 1; kill -TERM "$1"; } 2>/dev/null`

func (c *child) startGuard() error {
	guard := osexec.Command("/bin/sh", "-c", guardScript, "sh", fmt.Sprint(c.process.Pid))
	guard.SysProcAttr = childAttributes()
	in, err := guard.StdinPipe()
	if err == nil {
		err = guard.Start()
	}
	if err != nil {
		return fmt.Errorf("starting what watches the daemon: %w", err)
	}
	c.dismiss = func() {
		_, _ = io.WriteString(in, "\n")
		_ = in.Close()
		_ = guard.Wait()
	}
	return nil
}
