package podman

import (
	"context"
	"io"
	osexec "os/exec"
	"strconv"
)

// watched runs podman for a build with a TMPDIR of its own and hands its
// output to read, line by line, in the caller's goroutine.
func (x *Executor) watched(ctx context.Context, d *runDir, args []string, read func(outputLine)) ended {
	lines := make(chan outputLine, 256)
	var end ended
	go func() {
		defer close(lines)
		out := &lineWriter{to: lines}
		errs := &lineWriter{to: lines, stderr: true}
		guard := &guard{}
		end = x.run(ctx, args, []string{"TMPDIR=" + d.tmp()}, out, errs, func(pid int) { guard.start(pid, d.name()) })
		guard.dismiss()
		out.flush(false)
		errs.flush(false)
	}()
	for l := range lines {
		read(l)
	}
	return end
}

// guard is a small shell that outlives us when we are killed. A death signal
// reaches podman, but not the processes of a step: those are children of a
// container runtime in a session of their own and would go on. The guard waits
// at the end of a pipe that only we hold; when it closes without a word, it
// ends podman's group and every process in a container with the build's files.
type guard struct {
	cmd  *osexec.Cmd
	pipe io.WriteCloser
}

const guardScript = `read -r word && exit 0
kill -INT "-$1" 2>/dev/null
sleep 1
kill -KILL "-$1" 2>/dev/null
own=$(readlink /proc/self/ns/mnt) || exit 0
for table in $(grep -ls -F -- "/$2/tmp/buildah" /proc/[0-9]*/mountinfo 2>/dev/null); do
	dir=${table%/mountinfo}
	space=$(readlink "$dir/ns/mnt") || continue
	[ "$space" = "$own" ] || kill -KILL "${dir#/proc/}" 2>/dev/null
done
exit 0`

// start starts the guard of a process group. Without a shell there is none;
// then Clean does later what it would have done.
func (g *guard) start(group int, run string) {
	cmd := osexec.Command("sh", "-c", guardScript, "guard", strconv.Itoa(group), run)
	cmd.SysProcAttr = guardAttributes()
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return
	}
	if cmd.Start() == nil {
		g.cmd, g.pipe = cmd, pipe
	}
}

// dismiss ends the guard: podman has ended.
func (g *guard) dismiss() {
	if g.cmd == nil {
		return
	}
	_, _ = io.WriteString(g.pipe, "done\n")
	_ = g.pipe.Close()
	_ = g.cmd.Wait()
}
