package oracle_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	contentlocal "github.com/containerd/containerd/v2/plugins/content/local"
	bkclient "github.com/moby/buildkit/client"
	"github.com/tonistiigi/fsutil"

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

// kept are seeds that once showed a mistake.
var kept = []uint64{}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := buildkittest.StopShared(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the tests' daemon:", err)
		code = 1
	}
	os.Exit(code)
}

func sortStrings(s []string) { sort.Strings(s) }

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

// oracle is a real daemon with a base.
type oracle struct {
	client   *bkclient.Client
	store    content.Store
	manifest string
	config   string
}

func newOracle(t *testing.T) *oracle {
	t.Helper()
	env := buildkittest.Shared(t)
	c, err := bkclient.New(context.Background(), env.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	dir := filepath.Join(t.TempDir(), "images")
	img := buildkittest.Busybox(t)
	o := &oracle{client: c, config: buildkittest.AddToLayout(t, dir, baseRef, img)}
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	o.manifest = d.String()
	if o.store, err = contentlocal.NewStore(dir); err != nil {
		t.Fatal(err)
	}
	return o
}

// stepName is how BuildKit calls a step: "[s1 2/4] RUN …"; a stage that is a
// number would be "[stage-1 2/4]".
var stepName = regexp.MustCompile(`^\[(\S+) +(\d+)/\d+\] `)

// build builds a project and returns which stages ran a step, and the image's
// configuration without what tells runs apart.
func (o *oracle) build(t *testing.T, p *project) map[string]bool {
	t.Helper()
	fs, err := fsutil.NewFS(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	attrs := map[string]string{"filename": "Dockerfile", "context:" + baseRef: "oci-layout://base@" + o.manifest}
	for k, v := range p.args {
		attrs["build-arg:"+k] = v
	}
	ran := map[string]bool{}
	status := make(chan *bkclient.SolveStatus)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s := range status {
			for _, v := range s.Vertexes {
				m := stepName.FindStringSubmatch(v.Name)
				// The first step is FROM, which runs nothing.
				if m != nil && m[2] != "1" && v.Completed != nil && !v.Cached && v.Error == "" {
					ran[m[1]] = true
				}
			}
		}
	}()
	_, err = o.client.Solve(context.Background(), nil, bkclient.SolveOpt{
		Frontend: "dockerfile.v0", FrontendAttrs: attrs,
		LocalMounts: map[string]fsutil.FS{"context": fs, "dockerfile": fs},
		OCIStores:   map[string]content.Store{"base": o.store},
	}, status)
	<-done
	if err != nil {
		t.Fatalf("building %s\n%s: %v", p.dir, p.dockerfile(), err)
	}
	return ran
}

func (o *oracle) draw(t *testing.T, p *project) *graph.Graph {
	t.Helper()
	none := ""
	s, err := layers.NewSketch(layers.Spec{
		Base: baseRef, Agents: &none, NoL1: true, Platform: layers.HostPlatform(),
		Layers: []layers.UserLayer{{
			Name: "app", Dockerfile: filepath.Join(p.dir, "Dockerfile"), Context: p.dir, Tags: []string{"app:1"}, Args: p.args,
		}},
	}, resources.FS)
	if err != nil {
		t.Fatal(err)
	}
	found := map[graph.ID]layers.External{}
	for _, b := range s.Bases() {
		found[b.ID] = layers.External{Digest: o.config, Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}}
	}
	g, err := s.Graph(found)
	if err != nil {
		t.Fatalf("drawing\n%s: %v", p.dockerfile(), err)
	}
	return g
}

// verdicts plans the new graph against what a build of the old one left.
func (o *oracle) verdicts(t *testing.T, was, is *graph.Graph) *plan.Plan {
	t.Helper()
	var inputs []graph.InputRecord
	labels, err := was.NewRecord("app", "", inputs).Labels()
	if err != nil {
		t.Fatal(err)
	}
	made, err := plan.Make(is, graph.NewSnapshot([]graph.Image{
		{ID: o.config, Names: []string{baseRef}},
		{ID: graph.DigestOf("app"), Names: []string{"localhost/app:1"}, Labels: labels},
	}), plan.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// tally counts verdicts.
type tally struct{ verdicts, missed, needless int }

// BuildKit's own cache is the oracle: whatever it runs again because of an
// edit, the plan says, with the edit as the cause; and hardly anything else.
func TestOracle(t *testing.T) {
	buildkittest.Require(t)
	o := newOracle(t)
	first, projects := uint64(number(t, firstVariable, 1)), number(t, seedsVariable, 20)
	seeds := slices.Clone(kept)
	for i := range projects {
		seeds = append(seeds, first+uint64(i))
	}
	var stages, images tally
	for _, seed := range seeds {
		o.try(t, seed, &stages, &images)
	}
	t.Logf("%d verdicts on stages: %d missed, %d needless; %d on images: %d missed, %d needless",
		stages.verdicts, stages.missed, stages.needless, images.verdicts, images.missed, images.needless)
	for what, n := range map[string]tally{"stages": stages, "images": images} {
		if n.verdicts == 0 {
			t.Errorf("%s: nothing was tried", what)
		}
		if n.needless*50 > n.verdicts {
			t.Errorf("%s: %d of %d verdicts are needless, more than 2 %%", what, n.needless, n.verdicts)
		}
	}
}

// try makes a project and edits it, one edit on top of the other.
func (o *oracle) try(t *testing.T, seed uint64, stages, images *tally) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, seed))
	p := newProject(r)
	p.dir = filepath.Join(t.TempDir(), fmt.Sprint(seed))
	p.write(t)
	o.build(t, p)
	was := o.draw(t, p)
	rounds := 12
	if os.Getenv(editVariable) != "" {
		rounds *= len(edits) / 2
	}
	for range rounds {
		e := edits[r.IntN(len(edits))]
		if only := os.Getenv(editVariable); (only != "" && only != e.name) || !e.apply(p) {
			continue
		}
		p.write(t)
		is := o.draw(t, p)
		ran := o.build(t, p)
		o.compare(t, fmt.Sprintf("seed %d, %s", seed, e.name), p, o.verdicts(t, was, is), e.causes, ran, stages, images)
		was = is
		if t.Failed() {
			return
		}
	}
}

func (o *oracle) compare(t *testing.T, where string, p *project, made *plan.Plan, causes string, ran map[string]bool, stages, images *tally) {
	t.Helper()
	app, _ := made.Step("app")
	images.verdicts++
	if len(ran) > 0 && app.Action != plan.Build {
		images.missed++
		t.Errorf("%s: BuildKit ran %v, the image is %s\n%s", where, ran, app.Action, p.dockerfile())
	}
	last := p.stages[len(p.stages)-1].name
	for _, s := range made.Steps {
		name := strings.TrimPrefix(string(s.Node), "app/")
		switch {
		case s.Kind == graph.KindLayer:
			name = last
		case s.Kind != graph.KindStage:
			continue
		}
		stages.verdicts++
		switch {
		case ran[name] && s.Action != plan.Build:
			stages.missed++
			t.Errorf("%s: BuildKit ran %s, the plan says %s\n%s", where, name, s.Action, p.dockerfile())
		case !ran[name] && s.Action == plan.Build && s.Kind == graph.KindStage && !readsOfOthers(s):
			stages.needless++
			t.Logf("%s: needless: %s %v", where, name, s.Reasons)
		}
	}
	if len(ran) > 0 && !names(app.Reasons, causes) {
		t.Errorf("%s: the cause is not named: %v\n%s", where, app.Reasons, p.dockerfile())
	}
	if app.Action == plan.Build && causes == "" {
		images.needless++
		t.Logf("%s: needless: %v", where, app.Reasons)
	}
}

// readsOfOthers says whether a stage is only made again because one that it
// reads is: that one's files may have come out as they were, which no plan can
// know.
func readsOfOthers(s plan.Step) bool {
	return !slices.ContainsFunc(s.Reasons, func(r plan.Reason) bool { return r.Code != plan.InputChanged })
}

func names(reasons []plan.Reason, causes string) bool {
	return slices.ContainsFunc(reasons, func(r plan.Reason) bool { return slices.Contains(strings.Fields(causes), string(r.Code)) })
}
