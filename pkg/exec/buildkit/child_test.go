package buildkit_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/layers"
)

// childVariable makes the test program a program that builds: its value is the
// base's ID.
const childVariable = "TEROK_TEST_BUILDKIT_CHILD"

// childMain builds in the current directory's layout until it is killed.
func childMain() int {
	x := buildkit.New(buildkit.Options{
		Target:  buildkit.NewLayout(buildkit.LayoutOptions{Dir: "images", Platform: layers.HostPlatform}),
		Getenv:  noEnv,
		Managed: buildkit.Managed{Binary: os.Args[1], Root: os.Args[2]},
	})
	r := request(exectest.WithBase+"RUN echo running && sleep 65432\n", nil, exectest.OnBase(os.Getenv(childVariable)))
	_, err := x.Build(context.Background(), r, exec.SinkFunc(func(e exec.Event) {
		if e.Kind == exec.Log {
			fmt.Println(e.Text)
		}
	}))
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// When we are killed, the daemon that we started ends, and what it runs.
func TestKilled(t *testing.T) {
	buildkittest.Require(t)
	_, dir, base := newLayout(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	root := buildkittest.Dir(t)
	cmd := osexec.Command(self, mustBinary(t), root)
	cmd.Dir = filepath.Dir(dir)
	cmd.Env = append(os.Environ(), childVariable+"="+base)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "running" {
		t.Errorf("the program said %q, want running", lines.Text())
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	exectest.WaitForNone(t, "sleep\x0065432")
	exectest.WaitForNone(t, root)
}
