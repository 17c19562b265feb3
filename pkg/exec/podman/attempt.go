package podman

import (
	"context"
	"os"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

// attempt follows one run of podman: it turns output into events and keeps
// what a failure is explained with.
type attempt struct {
	b      *build
	parser stepParser
	// began are the steps that were seen to begin, hit those answered from
	// cache.
	began, hit map[exec.StepRef]bool
	// shown and cached count the recipe's own steps.
	shown, cached int
	// at is the last step that began, in podman's numbering.
	at   mark
	tail ring
	// stderr keeps podman's own words for classification.
	stderr ring
	// held is a line that is podman's last word, or else a step's.
	held string
}

// stderrLines bounds what is kept of stderr: about 64 KB of common lines.
const stderrLines = 500

func newAttempt(b *build) *attempt {
	lines := b.r.Options.Tail
	if lines <= 0 {
		lines = 20
	}
	return &attempt{
		b: b, parser: stepParser{parallel: b.x.o.Jobs > 1},
		began: map[exec.StepRef]bool{}, hit: map[exec.StepRef]bool{},
		at: mark{stage: -1, step: -1}, tail: ring{max: lines}, stderr: ring{max: stderrLines},
	}
}

// read takes one line of output.
func (a *attempt) read(l outputLine) {
	if l.stderr {
		a.stderr.add(l.text)
		a.readError(l.text)
		return
	}
	for _, m := range a.parser.line(l.text) {
		a.take(m)
	}
}

// readError takes one line of stderr. An "Error: " can be podman's, which ends
// with it, or a step's, and then something follows.
func (a *attempt) readError(text string) {
	if isError(text) || !strings.HasPrefix(a.held, stepError) {
		a.release()
	}
	switch {
	case isError(text):
		a.held = text
	case !isPodmansOwn(text):
		a.logText(text)
	}
}

// release logs the line that was held back: it is a step's.
func (a *attempt) release() {
	if a.held != "" {
		a.logText(a.held)
		a.held = ""
	}
}

func (a *attempt) logText(text string) { a.log(a.parser.at(logLine, text)) }

func (a *attempt) take(m mark) {
	if m.image != "" {
		a.b.dir.remember(m.image)
	}
	switch m.kind {
	case logLine:
		a.log(m)
	case stepBegins:
		a.at = m
		a.tail.clear()
		if a.send(exec.StepStarted, m) {
			a.shown++
			a.began[a.original(m)] = true
		}
	case stepFromCache:
		if m.stage < 0 {
			a.cached++ // of parallel stages only the number is known
		} else if a.send(exec.StepCached, m) {
			a.cached++
			a.hit[a.original(m)] = true
		}
	case stepEnds:
		if m.stage >= 0 {
			a.send(exec.StepDone, m)
		}
	}
}

func (a *attempt) log(m mark) {
	a.tail.add(m.text)
	e := exec.Event{Kind: exec.Log, Node: a.b.r.Node, Text: m.text}
	if m.stage >= 0 {
		e.Step = a.original(m)
		e.Line, _ = a.place(m)
	}
	a.b.sink.Event(e)
}

// send sends the event of a step of the recipe; steps that were put in are
// nobody's business. It reports whether it was one of the recipe.
func (a *attempt) send(kind exec.EventKind, m mark) bool {
	line, text := a.place(m)
	if line == 0 {
		return false
	}
	ref := a.original(m)
	a.b.sink.Event(exec.Event{
		Kind: kind, Node: a.b.r.Node, Step: ref, Stages: len(a.b.file.Stages),
		Steps: len(a.b.file.Stages[ref.Stage].Instructions), Line: line, Text: text,
	})
	return true
}

// place is the line and the text of a step in the recipe as it was written.
func (a *attempt) place(m mark) (int, string) {
	line, text := a.b.text.Line(m.stage+1, m.step+1)
	if line == 0 || m.stage >= len(a.b.file.Stages) {
		return line, text
	}
	// Podman may have been given another FROM.
	for _, in := range a.b.file.Stages[m.stage].Instructions {
		if in.Line == line {
			return line, in.Text
		}
	}
	return line, text
}

// original is the step in the recipe's own numbering.
func (a *attempt) original(m mark) exec.StepRef {
	line, _ := a.place(m)
	if m.stage >= 0 && m.stage < len(a.b.file.Stages) {
		for i, in := range a.b.file.Stages[m.stage].Instructions {
			if in.Line == line {
				return exec.StepRef{Stage: m.stage, Step: i}
			}
		}
	}
	return exec.StepRef{Stage: m.stage, Step: m.step}
}

// doubtful says whether one of the steps was not seen to run.
func (a *attempt) doubtful(steps []exec.StepRef) bool {
	for _, s := range steps {
		if a.parser.parallel || a.hit[s] || !a.began[s] {
			return true
		}
	}
	return false
}

// outcome returns the image, or why there is none. Exit code 0 alone proves
// nothing: podman ends with it when it is told to stop.
func (a *attempt) outcome(ctx context.Context, end ended, iidFile string) (string, error) {
	if end.err != nil || end.code != 0 || ctx.Err() != nil {
		return "", a.failure(ctx, end)
	}
	text, err := os.ReadFile(iidFile)
	id := strings.TrimSpace(string(text))
	if err != nil || !isImageID(id) {
		e := a.failedHere(exec.ClassInterrupted, "podman stopped before the image was there, though it reports no error; was it ended from outside?")
		return "", e
	}
	for _, m := range a.parser.finish() {
		a.take(m)
	}
	return id, nil
}

func isImageID(s string) bool {
	hex, ok := strings.CutPrefix(s, "sha256:")
	return ok && len(hex) == 64 && strings.Trim(hex, "0123456789abcdef") == ""
}

// ring keeps the last lines.
type ring struct {
	max   int
	lines []string
}

func (r *ring) add(s string) {
	if len(r.lines) >= r.max {
		r.lines = append(r.lines[:0], r.lines[1:]...)
	}
	r.lines = append(r.lines, s)
}

func (r *ring) clear() { r.lines = nil }
