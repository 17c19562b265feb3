package podman

import (
	"regexp"
	"strconv"
	"strings"
)

// markKind says what a line of podman's stdout tells.
type markKind int

const (
	stepBegins markKind = iota
	stepFromCache
	stepEnds
	logLine
)

// mark is one piece of news. Stage and step count from 0 in the Dockerfile
// that podman was given; -1 means that it cannot be told.
type mark struct {
	kind        markKind
	stage, step int
	// text is the instruction or the log line.
	text string
	// steps is how many the stage has, stages how many there are.
	steps, stages int
	// image is the image of an ended step, as many digits as podman shows.
	image string
}

var (
	stepLine   = regexp.MustCompile(`^(?:\[(\d+)/(\d+)\] )?STEP (\d+)/(\d+): (.*)$`)
	commitLine = regexp.MustCompile(`^(.*?)(?:\[(\d+)/(\d+)\] )?COMMIT(?: \S+)?$`)
	// A step's output without a newline at its end runs into the arrow.
	cacheLine = regexp.MustCompile(`^(.*)--> Using cache ([0-9a-f]{64})$`)
	arrowLine = regexp.MustCompile(`^(.*)--> ([0-9a-f]{11,12}|[0-9a-f]{64})$`)
	idLine    = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// openStage is a stage whose last step is not known to have ended.
type openStage struct {
	stage, step, steps int
	running            bool
}

// stepParser follows podman's stdout. Podman starts a stage in the middle of
// another one that waits for it, so what has no prefix belongs to the stage
// whose step began last and has not ended: open is in that order. With
// parallel stages nothing without a prefix can be attributed.
type stepParser struct {
	parallel bool
	open     []openStage
	stages   int
	// cached is the image of a cache line just seen.
	cached string
}

// line returns the news in one line.
func (p *stepParser) line(s string) []mark {
	if m := stepLine.FindStringSubmatch(s); m != nil {
		if marks, ok := p.begin(m); ok {
			return marks
		}
	}
	if m := cacheLine.FindStringSubmatch(s); m != nil {
		return append(p.log(m[1]), p.end(stepFromCache, m[2])...)
	}
	if m := arrowLine.FindStringSubmatch(s); m != nil {
		return append(p.log(m[1]), p.end(stepEnds, m[2])...)
	}
	if m := commitLine.FindStringSubmatch(s); m != nil && p.isCommit(m) {
		return p.log(m[1])
	}
	if idLine.MatchString(s) && p.finished() {
		return nil
	}
	if marks := p.log(s); marks != nil {
		return marks
	}
	return []mark{p.at(logLine, "")}
}

// begin handles a STEP line. It is not believed when it does not follow what
// was there: a step's output may look like one.
func (p *stepParser) begin(m []string) ([]mark, bool) {
	stage, stages, step, steps := 0, 1, number(m[3])-1, number(m[4])
	if m[1] != "" {
		stage, stages = number(m[1])-1, number(m[2])
	}
	at := p.find(stage)
	switch {
	case at < 0 && step != 0, at >= 0 && (step != p.open[at].step+1 || steps != p.open[at].steps):
		return nil, false
	case step >= steps || stage >= stages || (p.stages != 0 && stages != p.stages):
		return nil, false
	}
	p.stages = stages
	var marks []mark
	now := openStage{stage: stage, step: step, steps: steps, running: true}
	if at >= 0 {
		if p.open[at].running {
			marks = append(marks, mark{kind: stepEnds, stage: stage, step: p.open[at].step})
		}
		p.open = append(p.open[:at], p.open[at+1:]...)
	}
	p.open = append(p.open, now)
	return append(marks, mark{
		kind: stepBegins, stage: stage, step: step, text: m[5], steps: steps, stages: stages,
	}), true
}

// finish ends what is still running when podman has ended well: not every step
// has a line that says so.
func (p *stepParser) finish() []mark {
	var marks []mark
	for i := range p.open {
		if o := &p.open[i]; o.running {
			o.running = false
			marks = append(marks, mark{kind: stepEnds, stage: o.stage, step: o.step})
		}
	}
	return marks
}

// end handles an arrow line: the topmost running step ended. The cache line of
// a step is followed by an arrow line of its own, which says nothing new.
func (p *stepParser) end(kind markKind, image string) []mark {
	again := kind == stepEnds && p.cached != "" && strings.HasPrefix(p.cached, image)
	p.cached = ""
	if kind == stepFromCache {
		p.cached = image
	}
	top := p.running()
	if again || p.parallel || top < 0 {
		return []mark{{kind: kind, stage: -1, step: -1, image: image}}
	}
	o := &p.open[top]
	o.running = false
	return []mark{{kind: kind, stage: o.stage, step: o.step, image: image}}
}

// running is the index of the topmost stage with a running step, or -1.
func (p *stepParser) running() int {
	for i := len(p.open) - 1; i >= 0; i-- {
		if p.open[i].running {
			return i
		}
	}
	return -1
}

// isCommit says whether a line that reads like a commit is one: the stage must
// be at its last step.
func (p *stepParser) isCommit(m []string) bool {
	if len(p.open) == 0 {
		return false
	}
	at := len(p.open) - 1
	if m[2] != "" {
		if at = p.find(number(m[2]) - 1); at < 0 {
			return false
		}
	}
	return p.open[at].step == p.open[at].steps-1
}

// finished says whether no step is running any more.
func (p *stepParser) finished() bool { return len(p.open) > 0 && p.running() < 0 }

func (p *stepParser) log(text string) []mark {
	if text == "" {
		return nil
	}
	return []mark{p.at(logLine, text)}
}

// at returns a mark for the step that is on top.
func (p *stepParser) at(kind markKind, text string) mark {
	m := mark{kind: kind, stage: -1, step: -1, text: text}
	if top := p.running(); top >= 0 && !p.parallel {
		m.stage, m.step = p.open[top].stage, p.open[top].step
	}
	return m
}

func (p *stepParser) find(stage int) int {
	for i := range p.open {
		if p.open[i].stage == stage {
			return i
		}
	}
	return -1
}

// number is only called on digits; an absurdly long run of them is 0.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
