package podman

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

type logged []string

func (l *logged) Event(e exec.Event) { *l = append(*l, e.Text) }

// Programs say what went wrong in the words that podman uses for its own trouble.
func TestErrorLines(t *testing.T) {
	const failed = `Error: building at STEP "RUN dnf \n x": while running runtime: exit status 1`
	for name, c := range map[string]struct {
		stderr, want string
	}{
		"a step's, then podman's":      {"No match\nError: Unable to find a match: x\n" + failed, "No match\nError: Unable to find a match: x"},
		"a step goes on":               {"Error: a\nmore of a\nError: b\n" + failed, "Error: a\nmore of a\nError: b"},
		"podman's alone":               {"Error: a\nError: odd", "Error: a"},
		"podman's of several lines":    {"Error: building at STEP \"RUN a\n b\": while running runtime: exit status 2", ` b": while running runtime: exit status 2`},
		"what podman notes between it": {"Error: a\ntime=\"x\" level=warning msg=y\n" + failed, "Error: a"},
	} {
		var got logged
		a := newAttempt(&build{x: &Executor{}, r: exec.Request{Node: "demo"}, sink: &got})
		for line := range strings.SplitSeq(c.stderr, "\n") {
			a.read(outputLine{text: line, stderr: true})
		}
		want := strings.Split(c.want, "\n")
		if !slices.Equal(got, want) || !slices.Equal(a.tail.lines, want) {
			t.Errorf("%s: logged %q, tail %q, want %q", name, got, a.tail.lines, want)
		}
		if last := a.stderr.lines[len(a.stderr.lines)-1]; !strings.HasSuffix(c.stderr, last) {
			t.Errorf("%s: podman's last word is lost: %q", name, last)
		}
	}
	var got logged
	a := newAttempt(&build{x: &Executor{}, r: exec.Request{Node: "demo"}, sink: &got})
	a.read(outputLine{text: "Error: ignored", stderr: true})
	a.release() // the step went well
	if fmt.Sprint(got) != "[Error: ignored]" {
		t.Errorf("logged %q", got)
	}
}
