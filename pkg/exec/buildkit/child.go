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

// guardScript reads until its input ends, which it does when we die. The daemon
// then misses its client and ends the steps of its builds. Told to end before
// that is done it would go without them, so it is told when nothing is below it
// any more, or after ten seconds; what is still there then is killed.
const guardScript = `below() {
	for s in /proc/[0-9]*/stat; do
		l=$(cat "$s" 2>/dev/null) || continue
		set -- "$1" ${l##*) }
		[ "$3" != "$1" ] || { p=${s#/proc/}; echo "${p%/stat}"; }
	done
}
tree() { for c in $(below "$1"); do tree "$c"; echo "$c"; done; }
after() { n=0; while [ $n -lt 20 ] && "$@"; do n=$((n + 1)); sleep 0.5; done; }
works() { sleep 0.5; [ -n "$(below "$1")" ]; }
runs() { kill -0 "$1"; }
read -r _ || {
	after works "$1"
	steps=$(tree "$1")
	[ -z "$steps" ] || kill -KILL $steps
	kill -TERM "$1"
	after runs "$1"
	kill -KILL "$1"
	rm -rf "$2"
} 2>/dev/null`

func (c *child) startGuard() error {
	guard := osexec.Command("/bin/sh", "-c", guardScript, "sh", fmt.Sprint(c.process.Pid), c.dir)
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
