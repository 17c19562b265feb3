package oracle_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// verdict is a plan for one edit, beside what the builder did.
type verdict struct {
	*oracle
	t    *testing.T
	p    *project
	edit string
	was  *built
	is   *built
	plan *plan.Plan
}

func (v *verdict) errorf(format string, args ...any) {
	v.t.Helper()
	v.t.Errorf("seed %d, %s: "+format+"\nthe edit says %v\nBuildKit ran\n%s\n%s",
		append(append([]any{v.p.seed, v.edit}, args...), v.p.causes, strings.Join(v.is.steps, "\n"), v.p.dockerfile())...)
}

func (v *verdict) compare() {
	v.t.Helper()
	app, _ := v.plan.Step("app")
	v.compareImage(app)
	reached := v.p.reached()
	for _, s := range v.plan.Steps {
		name := strings.TrimPrefix(string(s.Node), "app/")
		switch {
		case s.Kind == graph.KindLayer:
			name = v.p.last().Name
		case s.Kind != graph.KindStage:
			continue
		}
		if !reached[name] {
			v.errorf("the stage %s is shown, and nothing reads it", name)
		}
		v.compareStage(name, s)
	}
}

// compareImage judges the verdict on the image: it is another one when a step
// ran or when its configuration differs.
func (v *verdict) compareImage(app plan.Step) {
	v.t.Helper()
	v.images.verdicts++
	another := len(v.is.ran) > 0 || v.is.config != v.was.config
	switch {
	case another && app.Action != plan.Build:
		v.images.missed++
		v.errorf("BuildKit ran %v, configuration %s → %s, the image is %s", v.is.ran, v.was.config, v.is.config, app.Action)
	case !another && app.Action == plan.Build && !v.p.wide:
		v.needless(v.images, v.is.graph.Keys("app").Image, app)
	}
	if app.Action == plan.Build {
		v.checkCauses(app, another)
	}
}

// compareStage judges the verdict on a stage: it is made again when one of its
// steps ran.
func (v *verdict) compareStage(name string, s plan.Step) {
	v.t.Helper()
	v.stages.verdicts++
	switch {
	case v.is.ran[name] && s.Action != plan.Build:
		v.stages.missed++
		v.errorf("BuildKit ran %s, the plan says %s", name, s.Action)
	case !v.is.ran[name] && s.Action == plan.Build && s.Kind == graph.KindStage && !readsOfOthers(s):
		v.needless(v.stages, v.is.graph.Keys(s.Node).Files, s)
	}
	if s.Kind == graph.KindStage {
		v.checkCauses(s, v.is.ran[name] && !readsOfOthers(s))
	}
}

// needless notes a verdict that nothing came of. Where the edit leads back to
// what was built before, BuildKit's cache still has that and a record has not.
func (v *verdict) needless(n *tally, key graph.Key, s plan.Step) {
	class := v.edit
	if v.is.seen[key] {
		class = "led back"
	}
	n.why[class]++
	v.t.Logf("seed %d, %s: needless (%s): %s %v", v.p.seed, v.edit, class, s.Node, s.Reasons)
}

// checkCauses requires that a step's reasons are the edit and nothing else, and
// that there is one where something came of it.
func (v *verdict) checkCauses(s plan.Step, needed bool) {
	v.t.Helper()
	named := false
	for _, r := range s.Reasons {
		switch {
		case v.named(r):
			named = true
		case slices.Contains(v.p.also, r), v.readsBuilt(r):
		default:
			v.wrong++
			v.errorf("%s: the cause is said to be %+v", s.Node, r)
		}
	}
	if needed && !named {
		v.wrong++
		v.errorf("%s: the cause is not named: %+v", s.Node, s.Reasons)
	}
}

// readsBuilt says whether a reason is that of a reader: a stage of this plan that
// is made again.
func (v *verdict) readsBuilt(r plan.Reason) bool {
	s, ok := v.plan.Step(graph.ID(r.Subject))
	return ok && r.Code == plan.InputChanged && s.Kind == graph.KindStage && s.Action == plan.Build
}

func (v *verdict) named(r plan.Reason) bool {
	if v.p.wide && v.ofProject(r) {
		return true
	}
	return slices.ContainsFunc(v.p.causes, func(c plan.Reason) bool { return r == c || sameText(c, r) })
}

// marked is an instruction's text with a digest, which tells two apart that are
// shown alike.
var marked = regexp.MustCompile(`^(.*) \([0-9a-f]{12}\)$`)

// sameText says whether a reason names an instruction that changed where it is
// not shown: in its white space or its here-document.
func sameText(cause, r plan.Reason) bool {
	from, to := marked.FindStringSubmatch(r.From), marked.FindStringSubmatch(r.To)
	return cause.Code == r.Code && cause.Subject == r.Subject && cause.From == cause.To && from != nil && to != nil &&
		from[1] == cause.From && to[1] == cause.To && r.From != r.To
}

// ofProject says whether what a reason names is in the project.
func (v *verdict) ofProject(r plan.Reason) bool {
	text := shownFile(v.p.dockerfile())
	switch r.Code {
	case plan.InstructionAdded, plan.InstructionChanged, plan.InstructionRemoved:
		if r.Subject == "FROM" {
			return v.leadsTo(r.To)
		}
		return contains(text, r.From) && contains(text, r.To)
	case plan.FileAdded, plan.FileRemoved, plan.ModeChanged, plan.FileChanged:
		return r.Code != plan.FileChanged && r.Code != plan.ModeChanged && v.hasPath(r.Subject)
	case plan.ArgChanged:
		return strings.Contains(text, "ARG "+r.Subject+"=")
	case plan.BaseMoved, plan.InputChanged:
		return true
	default:
		return false
	}
}

// leadsTo says whether a reason's text is about a stage or an external image of
// the project.
func (v *verdict) leadsTo(text string) bool {
	where := strings.TrimPrefix(strings.TrimPrefix(text, "FROM "), "stage ")
	if name, ok := strings.CutPrefix(where, "app/"); ok {
		return v.p.stage(name) != nil
	}
	_, ok := v.p.Bases[where]
	return ok
}

func contains(text, shown string) bool {
	if m := marked.FindStringSubmatch(shown); m != nil {
		shown = m[1]
	}
	// The variables of an ENV and a LABEL are shown one by one.
	if word, pair, ok := strings.Cut(shown, " "); ok && (word == "ENV" || word == "LABEL") {
		shown = pair
	}
	// Keywords are shown in capitals.
	return strings.Contains(strings.ToUpper(text), strings.ToUpper(shown))
}

// shownFile is a Dockerfile as plans show its lines.
func shownFile(text string) string {
	return strings.Join(strings.Fields(continued.ReplaceAllString(text, " ")), " ")
}

func (v *verdict) hasPath(name string) bool {
	for n := range v.p.Files {
		if n == name || strings.HasPrefix(n, name+"/") {
			return true
		}
	}
	return false
}

// readsOfOthers says whether a stage is only made again because one that it
// reads is: that one's files may have come out as they were, which no plan can
// know.
func readsOfOthers(s plan.Step) bool {
	return !slices.ContainsFunc(s.Reasons, func(r plan.Reason) bool { return r.Code != plan.InputChanged })
}
