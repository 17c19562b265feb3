package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/graph"
)

// progress shows the events of an apply on standard error: a line per step per
// node, and a failed step's last log lines.
type progress struct {
	mode  string
	w     io.Writer
	out   io.Writer
	color bool
	wide  int
	width int
}

// fileWidth bounds the lines of a log that is no terminal: an instruction can be
// pages long.
const fileWidth = 160

func newProgress(mode string, s streams) (*progress, error) {
	switch mode {
	case "", "auto", "tty":
		mode = "plain"
	case "plain", "json", "quiet":
	default:
		return nil, &wrongUseError{text: fmt.Sprintf("unknown progress %q", mode), hint: "use --progress auto, plain, json or quiet"}
	}
	return &progress{mode: mode, w: s.err, out: s.out, color: hasColor(s.err), wide: width(s.err)}, nil
}

// start learns how wide the names of nodes are.
func (v *progress) start(p *build.Planned) {
	for _, st := range p.Steps {
		if st.Kind != graph.KindStage {
			v.width = max(v.width, utf8.RuneCountInString(string(st.Node)))
		}
	}
}

func (v *progress) finish(d *build.Applied) {
	if v.mode == "plain" {
		_, _ = fmt.Fprintln(v.w, doneLine(d))
	}
}

// Event implements exec.Sink.
func (v *progress) Event(e exec.Event) {
	switch v.mode {
	case "json":
		v.json(e)
	case "plain":
		v.plain(e)
	}
}

func (v *progress) plain(e exec.Event) {
	switch e.Kind {
	case exec.NodeStarted:
		v.line(e.Node, "1", "started")
	case exec.StepStarted:
		v.line(e.Node, "", stepText(e))
	case exec.StepCached:
		v.line(e.Node, "2", stepPlace(e)+" from cache")
	case exec.NodeDone:
		v.line(e.Node, "32", fmt.Sprintf("done in %s  %s", seconds(e.Duration), shortID(e.Image)))
	case exec.NodeFailed:
		v.tail(e)
		v.line(e.Node, "31", "failed after "+seconds(e.Duration))
	case exec.NodeSkipped:
		v.line(e.Node, "33", "skipped: "+e.Text)
	case exec.Note, exec.PullStarted, exec.PullProgress:
		v.line(e.Node, "36", e.Text)
	case exec.WaitingLock:
		v.line("", "36", "waiting: "+e.Text)
	case exec.TagsMoved:
		v.line("", "", "named "+e.Text)
	case exec.StepDone, exec.Log:
		// A log line is shown only when its step fails.
	}
}

// tail shows the last lines of the step that failed.
func (v *progress) tail(e exec.Event) {
	failed, ok := e.Err.(*exec.Error) //nolint:errorlint // executors return it unwrapped; a wrapped one has no tail to show twice
	if !ok {
		return
	}
	for _, line := range failed.Tail {
		v.whole(e.Node, "2", "| "+line)
	}
}

// line writes one line, cut to the width.
func (v *progress) line(node graph.ID, color, text string) {
	wide := v.wide
	if wide == 0 {
		wide = fileWidth
	}
	v.whole(node, color, cut(text, wide-max(v.width, len(node))-2))
}

func (v *progress) whole(node graph.ID, color, text string) {
	name := string(node) + strings.Repeat(" ", max(0, v.width-utf8.RuneCountInString(string(node))))
	if v.color && color != "" {
		text = "\x1b[" + color + "m" + text + "\x1b[0m"
	}
	_, _ = fmt.Fprintln(v.w, strings.TrimRight(name+"  "+text, " "))
}

func cut(s string, n int) string {
	if r := []rune(s); n > 10 && len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

func stepPlace(e exec.Event) string {
	place := fmt.Sprintf("step %d", e.Step.Step+1)
	if e.Steps > 0 {
		place += fmt.Sprintf("/%d", e.Steps)
	}
	if e.Stages > 1 {
		place = fmt.Sprintf("[%d/%d] ", e.Step.Stage+1, e.Stages) + place
	}
	return place
}

func stepText(e exec.Event) string {
	return stepPlace(e) + "  " + strings.Join(withoutMounts(strings.Fields(e.Text)), " ")
}

// withoutMounts leaves out what a RUN mounts: that is long, and stands before
// what it does.
func withoutMounts(words []string) []string {
	if len(words) == 0 || !strings.EqualFold(words[0], "RUN") {
		return words
	}
	kept := words[:1:1]
	for i, w := range words[1:] {
		if !strings.HasPrefix(w, "--") {
			return append(kept, words[i+1:]...)
		}
		if !strings.HasPrefix(w, "--mount=") {
			kept = append(kept, w)
		}
	}
	return kept
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }

func shortID(id string) string {
	if hex, ok := strings.CutPrefix(id, "sha256:"); ok && len(hex) > 12 {
		return hex[:12]
	}
	return id
}

// wireEvent is an event as one line of JSON.
type wireEvent struct {
	Time     string  `json:"time"`
	Kind     string  `json:"kind"`
	Node     string  `json:"node,omitempty"`
	Stage    *int    `json:"stage,omitempty"`
	Step     *int    `json:"step,omitempty"`
	Line     int     `json:"line,omitempty"`
	Text     string  `json:"text,omitempty"`
	Image    string  `json:"image,omitempty"`
	Seconds  float64 `json:"seconds,omitempty"`
	ExitCode *int    `json:"exit_code,omitempty"`
}

func (v *progress) json(e exec.Event) {
	w := wireEvent{
		Time: e.Time.UTC().Format(time.RFC3339Nano), Kind: string(e.Kind), Node: string(e.Node), Line: e.Line,
		Text: e.Text, Image: e.Image, Seconds: e.Duration.Seconds(),
	}
	if e.Kind == exec.StepStarted || e.Kind == exec.StepCached || e.Kind == exec.StepDone {
		w.Stage, w.Step = &e.Step.Stage, &e.Step.Step
	}
	if failed, ok := e.Err.(*exec.Error); ok { //nolint:errorlint // as in tail
		w.ExitCode = &failed.ExitCode
	}
	_ = json.NewEncoder(v.w).Encode(w) // standard error has no one to tell
}
