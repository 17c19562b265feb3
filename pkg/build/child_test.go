package build_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	osexec "os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/sources"
	"github.com/terok-ai/terok-agent/resources"
)

// childApply is what a child process is told: to apply a project in a process
// of its own, which tests can kill.
type childApply struct {
	Dir, Registry, Agents string
	Podman                []string
	Jobs                  int
}

// applyChild is the child's main: it prints every event as a line.
func applyChild(text string) int {
	var c childApply
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		fmt.Println("error", err)
		return 1
	}
	o := build.Options{
		Resources: layers.Overlay(os.DirFS(c.Dir), resources.FS), Network: "host", Podman: c.Podman, Jobs: c.Jobs,
		Mirrors: []sources.Mirror{{From: "npm", To: c.Registry + "/"}},
		Sink:    exec.SinkFunc(func(e exec.Event) { fmt.Println(e.Kind, e.Node, e.Text) }),
	}
	done, err := build.Run(context.Background(), build.Spec{Base: "debian:12", Agents: &c.Agents}, o, func(*build.Planned) error { return nil })
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("built", sortedIDs(done.Built))
	return 0
}

// child is an apply in another process.
type child struct {
	*osexec.Cmd
	lines chan string
}

func (p *project) startChild(t *testing.T, jobs int) *child {
	t.Helper()
	text, err := json.Marshal(childApply{Dir: p.Dir, Registry: p.Registry.URL, Agents: p.agents, Podman: p.podman.Cmd, Jobs: jobs})
	if err != nil {
		t.Fatal(err)
	}
	c := &child{Cmd: osexec.Command(os.Args[0]), lines: make(chan string, 1000)}
	c.Env = append(os.Environ(), "TEROK_TEST_APPLY="+string(text))
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() })
	go func() {
		s := bufio.NewScanner(out)
		for s.Scan() {
			c.lines <- s.Text()
		}
		close(c.lines)
	}()
	return c
}

// until reads lines until one starts with this text, and returns all read.
func (c *child) until(t *testing.T, prefix string) []string {
	t.Helper()
	var seen []string
	for line := range c.lines {
		seen = append(seen, line)
		if strings.HasPrefix(line, prefix) {
			return seen
		}
	}
	t.Fatalf("the child ended without %q:\n%s", prefix, strings.Join(seen, "\n"))
	return nil
}

// kill ends the child as a power cut would and waits until what it started is
// gone too.
func (c *child) kill(t *testing.T) (rest []string) {
	t.Helper()
	if err := c.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for line := range c.lines {
		rest = append(rest, line)
	}
	_ = c.Wait()
	return rest
}

func doneNodes(lines []string) []string {
	var out []string
	for _, l := range lines {
		if f := strings.Fields(l); len(f) > 1 && f[0] == "node-done" {
			out = append(out, f[1])
		}
	}
	return out
}

// names are all names in the storage, each with its image.
func (p *project) names(t *testing.T) string {
	t.Helper()
	return p.podman.Run(t, "images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}", "--filter", "dangling=false", "--sort", "repository")
}

func TestKilledOnPodman(t *testing.T) {
	for _, tc := range []struct {
		name string
		stop func(t *testing.T, p *project, c *child) []string
	}{
		{"during a RUN", func(t *testing.T, _ *project, c *child) []string {
			seen := c.until(t, "step-started agent/codex RUN --mount")
			return seen
		}},
		{"during a commit", func(t *testing.T, _ *project, c *child) []string {
			// The step after a COPY begins when the copy is committed.
			seen := c.until(t, "step-started l0 COPY")
			time.Sleep(150 * time.Millisecond)
			return seen
		}},
		{"between two nodes", func(t *testing.T, _ *project, c *child) []string {
			return c.until(t, "node-done agent/codex")
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newProject(t)
			p.agents = "codex"
			release := make(chan struct{})
			if tc.name == "during a RUN" {
				p.Registry.Misbehave("@test/codex-linux-x64", "0.168.0", func(http.ResponseWriter, []byte) { <-release })
			}
			before := p.names(t)
			c := p.startChild(t, 1)
			seen := tc.stop(t, p, c)
			seen = append(seen, c.kill(t)...)
			close(release)
			p.Registry.Misbehave("@test/codex-linux-x64", "0.168.0", nil)
			finished := doneNodes(seen)
			if after := p.names(t); after != before {
				t.Errorf("names moved:\n%s\n%s", before, after)
			}
			if tc.name == "during a commit" {
				// Once in many times that leaves half an image; here it always does.
				p.podman.Damage(t, podmantest.ImportBusybox(t, p.podman, "half:1", "ENV HALF=1"))
			}
			built := p.apply(t)
			for _, node := range finished {
				for _, b := range strings.Fields(built) {
					if b == node {
						t.Errorf("%s was finished and is built again", node)
					}
				}
			}
			if n := len(strings.Fields(built)) + len(finished); n != 4 {
				t.Errorf("finished before: %v, built after: %q", finished, built)
			}
			p.upToDate(t)
			if left := p.podman.Containers(t); len(left) > 0 {
				t.Errorf("containers are left: %v", left)
			}
		})
	}
}

func TestTwoAppliesOnPodman(t *testing.T) {
	p := newProject(t)
	p.agents = "codex"
	a, b := p.startChild(t, 2), p.startChild(t, 2)
	var built []string
	waited := false
	for _, c := range []*child{a, b} {
		for line := range c.lines {
			if text, ok := strings.CutPrefix(line, "built"); ok {
				built = append(built, strings.TrimSpace(text))
			}
			waited = waited || strings.HasPrefix(line, "waiting-for-lock")
		}
		if err := c.Wait(); err != nil {
			t.Errorf("an apply failed: %v", err)
		}
	}
	if len(built) != 2 || (built[0] == "") == (built[1] == "") {
		t.Errorf("built %q: one should build everything and the other nothing", built)
	}
	if !waited {
		t.Error("nobody waited")
	}
	p.upToDate(t)
}
