package exectest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/graph"
)

func failedStepIsTold(t *testing.T, s Subject) {
	before := s.ours(t)
	// All on one stream: between two, no engine keeps the order.
	r := s.layer(Layer(WithBase+"RUN echo fine\n\n# why\nRUN for i in 1 2 3; do echo line $i; done >&2; \\\n  echo last words >&2; exit 7\n", nil, OnBase(s.Base)))
	r.Options.Tail = 3
	e := BuildError(t, s.Executor, r)
	if e.Class != exec.ClassStep || e.ExitCode != 7 || e.Line != 6 || e.File != "demo.Dockerfile" || e.Node != "demo" {
		t.Errorf("class %s, exit code %d at %s:%d of %s; want step-failed, 7, demo.Dockerfile:6, demo", e.Class, e.ExitCode, e.File, e.Line, e.Node)
	}
	if !strings.HasPrefix(e.Error(), "demo failed at demo.Dockerfile:6 (RUN for i in") || !strings.HasSuffix(e.Error(), ": exit code 7") {
		t.Errorf("message %q", e)
	}
	if got := strings.Join(e.Tail, "|"); got != "line 2|line 3|last words" {
		t.Errorf("tail %q, want the last three lines", e.Tail)
	}
	if after := s.ours(t); after != before {
		t.Errorf("%d layers after a failure, %d before", after, before)
	}
}

func failuresHaveClasses(t *testing.T, s Subject) {
	for _, c := range []struct {
		name, dockerfile string
		class            exec.Class
		line             int
		parent           string
	}{
		{"a missing file", WithBase + "COPY nope /\n", exec.ClassContext, 3, s.Base},
		{"an unknown instruction", WithBase + "RUNN true\n", exec.ClassRecipe, 3, s.Base},
		{"a missing command", WithBase + "RUN no-such-command\n", exec.ClassStep, 3, s.Base},
		{"a parent that is not there", WithBase + "RUN true\n", exec.ClassBaseMissing, 0, graph.DigestOf("gone")},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := BuildError(t, s.Executor, s.layer(Layer(c.dockerfile, fstest.MapFS{"there": File("x")}, OnBase(c.parent))))
			if e.Class != c.class || (c.line > 0 && e.Line != c.line) || e.Node != "demo" {
				t.Errorf("class %s at line %d of %s (%v), want %s at %d of demo", e.Class, e.Line, e.Node, e, c.class, c.line)
			}
		})
	}
}

// Names move all together; when one of the images is not there none moves.
func namesMove(t *testing.T, s Subject) {
	other, _ := Build(t, s.Executor, s.layer(Layer(WithBase+"RUN : names\n", nil, OnBase(s.Base))))
	names := []string{"conform-a:1", "conform-b:1", "conform-c:1"}
	want := func(ids ...string) {
		t.Helper()
		snap := s.Look(t, names...)
		for i, name := range names {
			if got := holder(snap, name); got != ids[i] {
				t.Errorf("%s leads to %.19q, want %.19q", name, got, ids[i])
			}
		}
	}
	tag := func(ids ...string) error {
		moves := map[string]string{}
		for i, id := range ids {
			moves[names[i]] = id
		}
		return s.Executor.Tag(t.Context(), moves)
	}
	if err := tag(s.Base, s.Base, other.Image); err != nil {
		t.Fatal(err)
	}
	err := tag(other.Image, graph.DigestOf("gone"), s.Base)
	if e := AsError(t, exec.Result{}, err); e.Class != exec.ClassBaseMissing || !strings.Contains(e.Message, "no name has moved") {
		t.Errorf("class %s (%v), want base-missing and that no name has moved", e.Class, e)
	}
	want(s.Base, s.Base, other.Image)
	for range 2 {
		if err := tag(other.Image, s.Base, s.Base); err != nil {
			t.Fatal(err)
		}
		want(other.Image, s.Base, s.Base)
	}
}

// Two builds are cancelled at once: the leftovers of one look like the work of
// the other.
func cancelLeavesNothing(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	errs := make([]error, 2)
	words := fmt.Sprintf("sleep\x009%d", os.Getpid()+1_000_000)
	var running, ended sync.WaitGroup
	running.Add(len(errs))
	for i := range errs {
		ended.Go(func() {
			var once sync.Once
			r := s.layer(Layer(WithBase+"RUN echo running && "+strings.ReplaceAll(words, "\x00", " ")+"\n", nil, OnBase(s.Base)))
			r.Salt = fresh(t)
			_, errs[i] = s.Executor.Build(ctx, r, &Recorder{Seen: func(e exec.Event) {
				if e.Kind == exec.Log && e.Text == "running" {
					once.Do(running.Done)
				}
			}})
			once.Do(running.Done)
		})
	}
	running.Wait()
	if len(Processes(t, words)) == 0 {
		t.Error("no step is running: the check after it would be blind")
	}
	cancel()
	ended.Wait()
	for _, err := range errs {
		if e := AsError(t, exec.Result{}, err); e.Class != exec.ClassCancelled || !errors.Is(err, context.Canceled) {
			t.Errorf("class %s (%v), want cancelled and context.Canceled", e.Class, err)
		}
	}
	WaitForNone(t, words)
	if s.Idle != nil {
		s.Idle(t)
	}
	Build(t, s.Executor, s.layer(Layer(WithBase+"RUN : after a cancelled build\n", nil, OnBase(s.Base))))
}
