package dockerfile

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// maxLine is how long a physical line may be, in bytes: beyond 64 KiB some
// builders silently end the file there.
const maxLine = 60000

// InstrumentOptions say what is put into a Dockerfile.
type InstrumentOptions struct {
	// Target, Args, Platform and OnBuild decide which stages are reached; they
	// mean what they mean in Options, and should be the same.
	Target   string
	Args     map[string]string
	Platform string
	OnBuild  func(ref string) (triggers, env []string)
	// Labels are added to the target stage. Names are letters, digits and
	// "._-/"; values are any text of one line.
	Labels map[string]string
	// Salt, if not empty, becomes the value of an argument in every reached
	// stage that makes files, so that a builder runs these again. Letters,
	// digits and "._-".
	Salt string
}

// Instrumented is a Dockerfile for a builder.
type Instrumented struct {
	// Dockerfile is the text the builder gets.
	Dockerfile []byte

	steps [][]InstructionText
}

// Line maps a step as a builder numbers it, both counted from 1 and FROM being
// step 1, back to line and text of the original. An instruction that was put
// in, and a step that does not exist, have line 0.
func (in Instrumented) Line(stage, step int) (line int, text string) {
	if stage < 1 || stage > len(in.steps) || step < 1 || step > len(in.steps[stage-1]) {
		return 0, ""
	}
	t := in.steps[stage-1][step-1]
	return t.Line, t.Text
}

// insertion is text to be put after a line.
type insertion struct {
	after int
	text  string
}

// Instrument returns f with labels and salt put in, and nothing else changed.
// The labels are one instruction, in the order of their names, at the end of
// the target stage. Errors are *ParseError.
func Instrument(f *File, o InstrumentOptions) (Instrumented, error) {
	a, target, err := f.analyse(Options{Args: o.Args, Target: o.Target, Platform: o.Platform, OnBuild: o.OnBuild})
	if err != nil {
		return Instrumented{}, err
	}
	if !saltPattern.MatchString(o.Salt) {
		return Instrumented{}, f.errorf(0, "salt %q is not made of letters, digits, dots and dashes", o.Salt)
	}
	label, err := f.labelInstruction(o.Labels)
	if err != nil {
		return Instrumented{}, err
	}
	out := Instrumented{}
	var list []insertion
	for i := range f.parsed {
		steps := append([]InstructionText(nil), f.Stages[i].Instructions...)
		if o.Salt != "" && a.stages[i].reached && a.makesFiles(i) {
			list = append(list, insertion{f.parsed[i].end, "ARG " + saltArg + "=" + o.Salt + "\n"})
			steps = append(steps[:1], append([]InstructionText{{}}, steps[1:]...)...)
		}
		if i == target && label != "" {
			list = append(list, insertion{f.lastLine(i), label})
			steps = append(steps, InstructionText{})
		}
		out.steps = append(out.steps, steps)
	}
	out.Dockerfile, err = f.insert(list)
	return out, err
}

var saltPattern = regexp.MustCompile(`^[A-Za-z0-9._-]*$`)

// makesFiles reports whether stage i has a step that makes files.
func (a *analysis) makesFiles(i int) bool {
	for _, in := range a.steps(i) {
		switch in.cmd.(type) {
		case *instructions.RunCommand, *instructions.CopyCommand, *instructions.AddCommand, *instructions.WorkdirCommand:
			return true
		}
	}
	return false
}

// lastLine returns the last line of stage i.
func (f *File) lastLine(i int) int {
	if n := len(f.parsed[i].steps); n > 0 {
		return f.parsed[i].steps[n-1].end
	}
	return f.parsed[i].end
}

// insert returns the source with the insertions, which are in order of lines.
func (f *File) insert(list []insertion) ([]byte, error) {
	var b bytes.Buffer
	lines := bytes.SplitAfter(f.src, []byte("\n"))
	for n, l := range lines {
		if len(l) >= maxLine {
			return nil, f.longLine(n+1, len(l))
		}
		b.Write(l)
		for len(list) > 0 && list[0].after == n+1 {
			if err := f.checkEnd(n+1, l); err != nil {
				return nil, err
			}
			if !bytes.HasSuffix(b.Bytes(), []byte("\n")) {
				b.WriteByte('\n')
			}
			b.WriteString(list[0].text)
			list = list[1:]
		}
	}
	return b.Bytes(), nil
}

// checkEnd makes sure that the instruction that ends with line is really at
// its end: the last one of a file may still wait for its continuation, which
// what is inserted would become.
func (f *File) checkEnd(n int, line []byte) error {
	text := strings.TrimSpace(string(line))
	open := text == "" || text[0] == '#' || strings.HasSuffix(text, string(f.escape))
	if !open || f.endsHeredoc(n) {
		return nil
	}
	e := f.errorf(n, "the file ends within an instruction")
	e.Hint = "remove the " + string(f.escape) + " at its end"
	return e
}

// endsHeredoc reports whether line n ends an instruction with here-documents,
// whose delimiter may look like anything.
func (f *File) endsHeredoc(n int) bool {
	for _, s := range f.parsed {
		for _, in := range s.steps {
			if in.end == n && len(in.node.Heredocs) > 0 {
				return true
			}
		}
	}
	return false
}

func (f *File) longLine(n, size int) error {
	e := f.errorf(n, "the line has %d bytes, more than builders read (%d)", size, maxLine)
	e.Hint = "break it with " + string(f.escape)
	return e
}
