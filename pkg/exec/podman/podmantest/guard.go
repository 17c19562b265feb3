package podmantest

import (
	"fmt"
	osexec "os/exec"
)

// guardScript ends a daemon when its own input ends, as it does when the test
// program is killed, and removes what the daemon leaves.
const guardScript = `read -r _ || { sleep 2; kill -TERM "$1"; sleep 10; kill -KILL "$1"; rm -rf "$2"; }`

// Guard watches a daemon that a test has started, with its directory, so that
// neither outlives a test program that is killed. It ends when ended is closed.
func Guard(pid int, dir string, ended <-chan struct{}) error {
	guard := osexec.Command("/bin/sh", "-c", guardScript, "sh", fmt.Sprint(pid), dir)
	in, err := guard.StdinPipe()
	if err == nil {
		err = guard.Start()
	}
	if err != nil {
		return fmt.Errorf("starting what watches a test's daemon: %w", err)
	}
	go func() {
		<-ended
		_, _ = in.Write([]byte("\n"))
		_ = guard.Wait()
	}()
	return nil
}
