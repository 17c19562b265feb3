package oracle_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/resources"
)

// seedsVariable holds how many projects to try, firstVariable the first seed, to
// see one again, and editVariable the only kind of edit to make.
const (
	seedsVariable = "TEROK_ORACLE_PROJECTS"
	firstVariable = "TEROK_ORACLE_SEED"
	editVariable  = "TEROK_ORACLE_EDIT"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := buildkittest.StopShared(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the tests' daemon:", err)
		code = 1
	}
	os.Exit(code)
}

func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// BuildKit's own cache is the oracle: whatever it runs again because of an
// edit, the plan says, with the edit as the cause; and hardly anything else.
func TestOracle(t *testing.T) {
	buildkittest.Require(t)
	o := &oracle{daemon: newDaemon(t), stages: newTally(), images: newTally()}
	first, projects := uint64(number(t, firstVariable, 1)), number(t, seedsVariable, 16)
	// A build mostly waits: as many run at once as -parallel says.
	t.Run("seed", func(t *testing.T) {
		for i := range uint64(projects) {
			seed := first + i
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				o.try(t, seed)
			})
		}
	})
	t.Logf("%d edits of %d projects; stages: %s; images: %s; %d causes wrong", o.edits, projects, o.stages, o.images, o.wrong)
	for what, n := range map[string]*tally{"stages": o.stages, "images": o.images} {
		if n.verdicts == 0 {
			t.Errorf("%s: nothing was tried", what)
		}
		if n.needless()*50 > n.verdicts {
			t.Errorf("%s: %d of %d verdicts are needless, more than 2 %%", what, n.needless(), n.verdicts)
		}
	}
}

// oracle is a daemon and what was learnt from it.
type oracle struct {
	*daemon
	counting       sync.Mutex
	edits, wrong   int
	stages, images *tally
}

// tally counts verdicts; why counts the needless ones by what they are.
type tally struct {
	verdicts, missed int
	why              map[string]int
}

func newTally() *tally { return &tally{why: map[string]int{}} }

func (n *tally) needless() (sum int) {
	for _, c := range n.why {
		sum += c
	}
	return sum
}

func (n *tally) String() string {
	text := fmt.Sprintf("%d verdicts, %d missed, %d needless", n.verdicts, n.missed, n.needless())
	for _, w := range slices.Sorted(maps.Keys(n.why)) {
		text += fmt.Sprintf(", %q %d", w, n.why[w])
	}
	return text
}

// rounds is how many edits are tried on one project.
const rounds = 24

// try makes a project and edits it, one edit on top of the other.
func (o *oracle) try(t *testing.T, seed uint64) {
	if outOfTime(t) {
		return
	}
	p := newProject(seed, filepath.Join(t.TempDir(), "p"), func(ref string, n int) string { return o.image(t, seed, ref, n).config })
	p.write(t)
	was := built{graph: o.draw(t, p), outcome: o.build(t, p), seen: map[graph.Key]bool{}}
	was.note()
	turns := rounds
	if os.Getenv(editVariable) != "" {
		turns *= len(edits) / 2
	}
	for range turns {
		if o.failures() > 5 || outOfTime(t) {
			return // more of the same, or no time to say what was seen
		}
		e := edits[p.rand.IntN(len(edits))]
		p.edit = edit{}
		before := p.clone(t)
		if only := os.Getenv(editVariable); (only != "" && only != e.name) || !e.apply(p) {
			continue
		}
		is := o.edited(t, p, e.name, &was)
		if t.Failed() {
			p.keep(t, e.name, before)
			return
		}
		was = is
	}
}

// edited judges the plan for a project that was built and then edited.
func (o *oracle) edited(t *testing.T, p *project, kind string, was *built) built {
	t.Helper()
	p.write(t)
	is := built{graph: o.draw(t, p), outcome: o.build(t, p), seen: was.seen}
	o.judge(&verdict{oracle: o, t: t, p: p, edit: kind, was: was, is: &is, plan: o.plan(t, p, was.graph, is.graph)})
	is.note()
	return is
}

// outOfTime says whether -timeout is near. A long run ends in order then, with
// its figures.
func outOfTime(t *testing.T) bool {
	end, limited := t.Deadline()
	return limited && time.Until(end) < time.Minute
}

func (o *oracle) judge(v *verdict) {
	v.t.Helper()
	o.counting.Lock()
	defer o.counting.Unlock()
	o.edits++
	v.compare()
}

func (o *oracle) failures() int {
	o.counting.Lock()
	defer o.counting.Unlock()
	return o.wrong + o.stages.missed + o.images.missed
}

// built is a project as drawn and as built; seen are the keys of all that was
// built of it.
type built struct {
	graph *graph.Graph
	outcome
	seen map[graph.Key]bool
}

func (b *built) note() {
	for _, n := range b.graph.Nodes() {
		b.seen[b.graph.Keys(n.ID).Files] = true
		b.seen[b.graph.Keys(n.ID).Image] = true
	}
}

func (o *oracle) draw(t *testing.T, p *project) *graph.Graph {
	t.Helper()
	none := ""
	s, err := layers.NewSketch(layers.Spec{
		Base: baseRef, Agents: &none, NoL1: true, Platform: layers.HostPlatform(),
		Layers: []layers.UserLayer{{
			Name: "app", Dockerfile: filepath.Join(p.dir, "Dockerfile"), Context: p.dir, Target: p.Target, Tags: []string{"app:1"}, Args: p.Args,
		}},
	}, resources.FS)
	if err != nil {
		t.Fatalf("sketching\n%s: %v", p.dockerfile(), err)
	}
	found := map[graph.ID]layers.External{}
	for _, b := range s.Bases() {
		found[b.ID] = layers.External{Digest: p.image(b.Ref, p.Bases[b.Ref]), Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin"}}
	}
	g, err := s.Graph(found)
	if err != nil {
		t.Fatalf("drawing\n%s: %v", p.dockerfile(), err)
	}
	return g
}

// plan plans the new graph against what a build of the old one left.
func (o *oracle) plan(t *testing.T, p *project, was, is *graph.Graph) *plan.Plan {
	t.Helper()
	labels, err := was.NewRecord("app", "", nil).Labels()
	if err != nil {
		t.Fatal(err)
	}
	there := []graph.Image{{ID: graph.DigestOf("app"), Names: []string{"localhost/app:1"}, Labels: labels}}
	for ref, number := range p.Bases {
		there = append(there, graph.Image{ID: p.image(ref, number), Names: []string{ref}})
	}
	made, err := plan.Make(is, graph.NewSnapshot(there), plan.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}
