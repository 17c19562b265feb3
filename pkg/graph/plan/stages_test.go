package plan_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// staged is a layer "app" with the stages tools → build, and docs; app copies
// from build and docs.
type staged struct {
	names map[string]string // of stages, by what they are
	base  string
	steps map[string][]graph.Ingredient
	// config is what makes no files.
	config map[string][]graph.Ingredient
	from   string // the base's name
	// on says what each stage stands on: "base", a stage or, empty, nothing;
	// gone are stages that are there no more.
	on   map[string]string
	gone map[string]bool
}

func newStaged() *staged {
	return &staged{
		names: map[string]string{"tools": "tools", "build": "build", "docs": "docs"}, base: "base-1", from: "debian:12",
		on: map[string]string{"tools": "base", "build": "tools", "docs": "base"}, gone: map[string]bool{},
		steps: map[string][]graph.Ingredient{
			"tools": {ins("RUN", "RUN make tools", 1)},
			"build": {
				ins("RUN", "RUN make", 1), ins("COPY", "COPY src", 2),
				{Kind: graph.File, Name: "src/a", Attr: "f0644", Digest: graph.DigestOf("a"), Step: 2},
				{Kind: graph.File, Name: "src/b", Attr: "f0644", Digest: graph.DigestOf("b"), Step: 2},
			},
			"docs": {
				{Kind: graph.Arg, Name: "LANG", Digest: graph.DigestOf("de")},
				ins("RUN", "RUN make docs", 1),
			},
			"app": {ins("COPY", "COPY --from=build", 1), ins("COPY", "COPY --from=docs", 2)},
		},
		config: map[string][]graph.Ingredient{"docs": {ins("CMD", "CMD docs", 2)}, "app": {ins("CMD", "CMD app", 3)}},
	}
}

func (s *staged) graph(t *testing.T) *graph.Graph {
	t.Helper()
	base := graph.Ingredient{Kind: graph.Base, Name: "from", Digest: graph.DigestOf(s.base), Note: s.from}
	input := func(name, role string) graph.Ingredient {
		return graph.Ingredient{Kind: graph.FromInput, Name: role, Attr: graph.FilesOf, Note: "app/" + s.names[name]}
	}
	node := func(name string, stage int, copies ...string) graph.Node {
		n := graph.Node{
			ID: graph.ID("app/" + s.names[name]), Kind: graph.KindStage, Layer: "app", Stage: stage, Platform: "linux/amd64",
			Files: append([]graph.Ingredient(nil), s.steps[name]...), Config: s.config[name],
		}
		switch on := s.on[name]; on {
		case "":
		case "base":
			n.Files = append(n.Files, base)
			n.Inputs = append(n.Inputs, graph.Input{Role: graph.RoleFrom, Node: "base"})
		default:
			in := input(on, "from")
			n.Files = append(n.Files, in)
			n.Inputs = append(n.Inputs, graph.Input{Role: graph.RoleFrom, Node: graph.ID(in.Note)})
		}
		for _, c := range copies {
			in := input(c, "copy")
			n.Files = append(n.Files, in)
			n.Inputs = append(n.Inputs, graph.Input{Role: graph.RoleCopy, Node: graph.ID(in.Note)})
		}
		return n
	}
	var copied []string
	for _, c := range []string{"build", "docs"} {
		if !s.gone[c] {
			copied = append(copied, c)
		}
	}
	app := node("app", 3, copied...)
	app.ID, app.Kind, app.Layer, app.Tags, app.Recipe = "app", graph.KindLayer, "", []string{"app:1"}, &graph.Recipe{}
	nodes := []graph.Node{{ID: "base", Kind: graph.KindBase, Ref: s.from, Digest: graph.DigestOf(s.base)}, app}
	for i, name := range []string{"tools", "build", "docs"} {
		if !s.gone[name] {
			nodes = append(nodes, node(name, i))
		}
	}
	g, err := graph.New(nodes...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// image is what a build of g leaves; change may edit its labels.
func image(t *testing.T, g *graph.Graph, change func(map[string]string)) graph.Snapshot {
	t.Helper()
	labels, err := g.NewRecord("app", "", []graph.InputRecord{{Node: "base", Image: graph.DigestOf("base-1"), Key: "debian:12"}}).Labels()
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(labels)
	}
	return graph.NewSnapshot([]graph.Image{
		{ID: graph.DigestOf("base-1")},
		{ID: graph.DigestOf("base-2")},
		{ID: graph.DigestOf("app"), Names: []string{"localhost/app:1"}, Labels: labels},
	})
}

// verdicts are those of the layer and of its stages, with all reasons.
func verdicts(p *plan.Plan) string {
	var out []string
	for _, s := range p.Steps {
		if s.Kind == graph.KindBase {
			continue
		}
		line := fmt.Sprintf("%s %s", s.Node, s.Action)
		for _, r := range s.Reasons {
			line += fmt.Sprintf(" %s(%s)", r.Code, r.Subject)
			if r.Code == plan.InstructionChanged || r.Code == plan.InstructionAdded || r.Code == plan.InstructionRemoved || r.Code == plan.BaseMoved {
				line += fmt.Sprintf("[%s→%s]", strings.ReplaceAll(r.From, graph.DigestOf("base-1"), "B1"), strings.ReplaceAll(r.To, graph.DigestOf("base-2"), "B2"))
			}
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// orders are reasons that name keys, which nobody wants to read here.
var orders = regexp.MustCompile(`\(order\)\[[^]]*\]`)

func TestVerdictsOfStages(t *testing.T) {
	for name, tc := range map[string]struct {
		edit func(*staged)
		want string
	}{
		"nothing": {func(*staged) {}, `
app/docs up-to-date
app/tools up-to-date
app/build up-to-date
app up-to-date`},
		"a file of a stage in the middle": {func(s *staged) { s.steps["build"][2].Digest = graph.DigestOf("A") }, `
app/docs up-to-date
app/tools up-to-date
app/build build file-changed(src/a)
app build file-changed(src/a)`},
		"a mode, a file gone and a file new": {func(s *staged) {
			s.steps["build"][2].Attr = "f0755"
			s.steps["build"][3].Name = "src/c"
		}, `
app/docs up-to-date
app/tools up-to-date
app/build build mode-changed(src/a) file-added(src/c) file-removed(src/b)
app build mode-changed(src/a) file-added(src/c) file-removed(src/b)`},
		"a file becomes a link": {func(s *staged) { s.steps["build"][2].Attr = "l" }, `
app/docs up-to-date
app/tools up-to-date
app/build build file-changed(src/a)
app build file-changed(src/a)`},
		"an instruction of the first stage": {func(s *staged) { s.steps["tools"][0] = ins("RUN", "RUN make all", 1) }, `
app/docs up-to-date
app/tools build instruction-changed(RUN)[RUN make tools→RUN make all]
app/build build input-changed(app/tools)
app build instruction-changed(RUN)[RUN make tools→RUN make all]`},
		"an instruction between two others": {func(s *staged) {
			s.steps["build"] = append([]graph.Ingredient{s.steps["build"][0], ins("RUN", "RUN make check", 2)}, s.steps["build"][1:]...)
		}, `
app/docs up-to-date
app/tools up-to-date
app/build build instruction-added(RUN)[→RUN make check]
app build instruction-added(RUN)[→RUN make check]`},
		"another keyword in its place": {func(s *staged) { s.steps["docs"][1] = ins("COPY", "COPY docs", 1) }, `
app/docs build instruction-removed(RUN)[RUN make docs→] instruction-added(COPY)[→COPY docs]
app/tools up-to-date
app/build up-to-date
app build instruction-removed(RUN)[RUN make docs→] instruction-added(COPY)[→COPY docs]`},
		"two instructions change places": {func(s *staged) {
			a := s.steps["app"]
			a[0], a[1] = a[1], a[0]
		}, `
app/docs up-to-date
app/tools up-to-date
app/build up-to-date
app build instruction-removed(COPY)[COPY --from=build→] instruction-added(COPY)[→COPY --from=build]`},
		"an argument": {func(s *staged) { s.steps["docs"][0].Digest = graph.DigestOf("en") }, `
app/docs build arg-changed(LANG)
app/tools up-to-date
app/build up-to-date
app build arg-changed(LANG)`},
		"an argument gone": {func(s *staged) { s.steps["docs"] = s.steps["docs"][1:] }, `
app/docs build arg-changed(LANG)
app/tools up-to-date
app/build up-to-date
app build arg-changed(LANG)`},
		"the configuration of a stage that is only copied from": {func(s *staged) {
			s.config["docs"] = []graph.Ingredient{ins("CMD", "CMD other", 2)}
		}, `
app/docs up-to-date
app/tools up-to-date
app/build up-to-date
app up-to-date`},
		"its configuration, and another stage": {func(s *staged) {
			s.config["docs"] = []graph.Ingredient{ins("CMD", "CMD other", 2)}
			s.steps["tools"][0] = ins("RUN", "RUN make all", 1)
		}, `
app/docs up-to-date
app/tools build instruction-changed(RUN)[RUN make tools→RUN make all]
app/build build input-changed(app/tools)
app build instruction-changed(RUN)[RUN make tools→RUN make all]`},
		"the image's own configuration": {func(s *staged) {
			s.config["app"] = []graph.Ingredient{ins("CMD", "CMD other", 3)}
		}, `
app/docs up-to-date
app/tools up-to-date
app/build up-to-date
app build instruction-changed(CMD)[CMD app→CMD other]`},
		"the base": {func(s *staged) { s.base = "base-2" }, `
app/docs build base-moved(debian:12)[B1→B2]
app/tools build base-moved(debian:12)[B1→B2]
app/build build input-changed(app/tools)
app build base-moved(debian:12)[B1→B2]`},
		"another base": {func(s *staged) { s.base, s.from = "base-2", "ubuntu:24.04" }, `
app/docs build base-moved(ubuntu:24.04)[debian:12@B1→ubuntu:24.04@B2]
app/tools build base-moved(ubuntu:24.04)[debian:12@B1→ubuntu:24.04@B2]
app/build build input-changed(app/tools)
app build base-moved(ubuntu:24.04)[debian:12@B1→ubuntu:24.04@B2]`},
		"a stage renamed": {func(s *staged) { s.names["tools"] = "toolbox" }, `
app/docs up-to-date
app/toolbox up-to-date
app/build up-to-date
app up-to-date`},
		"a stage renamed and another one edited": {func(s *staged) {
			s.names["tools"] = "toolbox"
			s.steps["docs"][1] = ins("RUN", "RUN make more docs", 1)
		}, `
app/docs build instruction-changed(RUN)[RUN make docs→RUN make more docs]
app/toolbox up-to-date
app/build up-to-date
app build instruction-changed(RUN)[RUN make docs→RUN make more docs]`},
		"a stage renamed and edited": {func(s *staged) {
			s.names["docs"] = "manual"
			s.steps["docs"][1] = ins("RUN", "RUN make more docs", 1)
		}, `
app/manual build instruction-added(FROM)[→stage app/manual]
app/tools up-to-date
app/build up-to-date
app build instruction-added(FROM)[→stage app/manual]`},
		"a stage that another stands on renamed and edited": {func(s *staged) {
			s.names["tools"] = "toolbox"
			s.steps["tools"][0] = ins("RUN", "RUN make all", 1)
		}, `
app/docs up-to-date
app/toolbox build instruction-added(FROM)[→stage app/toolbox]
app/build build input-changed(app/toolbox)
app build instruction-added(FROM)[→stage app/toolbox]`},
		"a stage gone, with what was copied from it": {func(s *staged) {
			s.gone["docs"] = true
			s.steps["app"] = s.steps["app"][:1]
		}, `
app/tools up-to-date
app/build up-to-date
app build instruction-removed(COPY)[COPY --from=docs→]`},
		"a stage gone between two others": {func(s *staged) { s.gone["tools"], s.on["build"] = true, "base" }, `
app/build build instruction-changed(FROM)[FROM app/tools→FROM debian:12]
app/docs up-to-date
app build instruction-changed(FROM)[FROM app/tools→FROM debian:12]`},
		"a stage on nothing instead of on another": {func(s *staged) { s.gone["tools"], s.on["build"] = true, "" }, `
app/build build instruction-changed(FROM)[FROM app/tools→FROM scratch]
app/docs up-to-date
app build instruction-changed(FROM)[FROM app/tools→FROM scratch]`},
		"two instructions of a stage the other way round, with no other between": {func(s *staged) {
			a := s.steps["build"]
			a[2], a[3] = a[3], a[2]
		}, `
app/docs up-to-date
app/tools up-to-date
app/build build instruction-changed(order)
app build instruction-changed(order)`},
		"a stage on another one": {func(s *staged) { s.on["build"] = "docs" }, `
app/docs up-to-date
app/build build instruction-changed(FROM)[FROM app/tools→FROM app/docs]
app build instruction-changed(FROM)[FROM app/tools→FROM app/docs]
app/tools up-to-date`},
		"a stage on another one instead of on the base": {func(s *staged) { s.on["docs"] = "tools" }, `
app/tools up-to-date
app/build up-to-date
app/docs build instruction-changed(FROM)[FROM debian:12→FROM app/tools]
app build instruction-changed(FROM)[FROM debian:12→FROM app/tools]`},
		"an image on the base instead of on nothing": {func(s *staged) { s.on["app"] = "base" }, `
app/docs up-to-date
app/tools up-to-date
app/build up-to-date
app build instruction-changed(FROM)[FROM scratch→FROM debian:12]`},
		"a stage on nothing instead of on the base": {func(s *staged) { s.on["docs"] = "" }, `
app/docs build instruction-changed(FROM)[FROM debian:12→FROM scratch]
app/tools up-to-date
app/build up-to-date
app build instruction-changed(FROM)[FROM debian:12→FROM scratch]`},
	} {
		t.Run(name, func(t *testing.T) {
			snap := image(t, newStaged().graph(t), nil)
			s := newStaged()
			tc.edit(s)
			made, err := plan.Make(s.graph(t), snap, plan.Policy{})
			if err != nil {
				t.Fatal(err)
			}
			if got := orders.ReplaceAllString(verdicts(made), "(order)"); got != strings.TrimSpace(tc.want) {
				t.Errorf("got\n%s\nwant%s", got, tc.want)
			}
		})
	}
}

// Every stage of a layer that runs again for a reason of its own runs again.
func TestVerdictsOfStagesOfARefreshedLayer(t *testing.T) {
	g := newStaged().graph(t)
	made, err := plan.Make(g, image(t, g, nil), plan.Policy{Refresh: map[graph.ID]plan.Code{"app": plan.RefreshRequested}, Salt: "s"})
	if err != nil {
		t.Fatal(err)
	}
	const want = `app/docs build refresh-requested(app)
app/tools build refresh-requested(app)
app/build build refresh-requested(app)
app build refresh-requested(app)`
	if got := verdicts(made); got != want {
		t.Errorf("got\n%s", got)
	}
}

// The list of ingredients is asked for only when something changed; one that
// cannot be read is said then.
func TestBodyOfARecordThatCannotBeRead(t *testing.T) {
	cut := func(labels map[string]string) {
		labels[graph.LabelRecord] = labels[graph.LabelRecord][:len(labels[graph.LabelRecord])-9]
	}
	same := newStaged().graph(t)
	s := newStaged()
	s.steps["docs"][1] = ins("RUN", "RUN other", 1)
	for want, g := range map[string]*graph.Graph{
		"app up-to-date":                     same,
		"app build record-unreadable(app:1)": s.graph(t),
	} {
		made, err := plan.Make(g, image(t, same, cut), plan.Policy{})
		if err != nil {
			t.Fatal(err)
		}
		if got := verdicts(made); !strings.HasSuffix(got, "\n"+want) {
			t.Errorf("want %s, got\n%s", want, got)
		}
	}
}

// A plan says which steps have to run, so that a builder that did not run them
// is found out: those whose own file, instruction or argument changed.
func TestStepsThatChanged(t *testing.T) {
	was := newStaged().graph(t)
	for name, tc := range map[string]struct {
		edit func(*staged)
		want string
	}{
		"a file":        {func(s *staged) { s.steps["build"][2].Digest = graph.DigestOf("A") }, "[{1 2}]"},
		"a new file":    {func(s *staged) { s.steps["build"][3].Name = "src/c" }, "[{1 2}]"},
		"a mode":        {func(s *staged) { s.steps["build"][2].Attr = "f0755" }, "[{1 2}]"},
		"a file gone":   {func(s *staged) { s.steps["build"] = s.steps["build"][:3] }, "[]"},
		"a step":        {func(s *staged) { s.steps["tools"][0] = ins("RUN", "RUN all", 1) }, "[{0 1}]"},
		"a step more":   {func(s *staged) { s.steps["app"] = append(s.steps["app"], ins("RUN", "RUN end", 3)) }, "[{3 3}]"},
		"steps of both": {func(s *staged) { s.steps["tools"][0], s.steps["docs"][1] = ins("RUN", "A", 1), ins("RUN", "B", 1) }, "[{0 1} {2 1}]"},
	} {
		s := newStaged()
		tc.edit(s)
		made, err := plan.Make(s.graph(t), image(t, was, nil), plan.Policy{})
		if err != nil {
			t.Fatal(err)
		}
		app, _ := made.Step("app")
		if got := fmt.Sprint(app.Changed); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}
