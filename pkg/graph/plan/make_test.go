package plan_test

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// world is a small project that tests edit: what it draws has the shape of the
// built-in layers.
type world struct {
	base     string
	scripts  map[string]string // path -> mode and content
	apt      string
	versions map[string]string
	hidden   map[string]bool // agents left out of l1
	salts    int
	store    *exectest.Memory
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		base:     "base-1",
		scripts:  map[string]string{"scripts/l0/init": "f0755 one", "scripts/l0/bridge": "f0755 two"},
		apt:      "apt-get install git",
		versions: map[string]string{"claude": "2.1", "codex": "0.168.0"},
		store:    &exectest.Memory{},
	}
	w.store.Add(graph.DigestOf("base-1"), nil, "docker.io/library/debian:12")
	w.store.Add(graph.DigestOf("base-2"), nil)
	return w
}

func ins(keyword, text string, step int) graph.Ingredient {
	return graph.Ingredient{Kind: graph.Instruction, Name: keyword, Digest: graph.DigestOf(text), Note: text, Step: step}
}

func (w *world) graph(t *testing.T) *graph.Graph {
	t.Helper()
	const platform = "linux/amd64"
	baseFact := graph.Ingredient{Kind: graph.Base, Name: "from", Digest: graph.DigestOf(w.base), Note: "debian:12"}
	from := func(id string) graph.Ingredient {
		return graph.Ingredient{Kind: graph.FromInput, Name: "from", Attr: graph.ImageOf, Note: id}
	}
	copyOf := func(id string) graph.Ingredient {
		return graph.Ingredient{Kind: graph.FromInput, Name: "copy", Attr: graph.FilesOf, Note: id}
	}
	recipe := func() *graph.Recipe { return &graph.Recipe{Name: "x"} }
	l0 := graph.Node{
		ID: "l0", Kind: graph.KindLayer, Platform: platform, Tags: []string{"terok-l0:d"}, Recipe: recipe(),
		Inputs: []graph.Input{{Role: graph.RoleFrom, Node: "base", Arg: "BASE_IMAGE"}},
		Files:  []graph.Ingredient{baseFact, ins("RUN", w.apt, 1), ins("COPY", "COPY scripts", 2)},
		Config: []graph.Ingredient{baseFact, ins("CMD", "CMD init", 3)},
	}
	var paths []string
	for p := range w.scripts {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	for _, p := range paths {
		mode, content, _ := strings.Cut(w.scripts[p], " ")
		l0.Files = append(l0.Files, graph.Ingredient{Kind: graph.File, Name: p, Attr: mode, Digest: graph.DigestOf(content), Step: 2})
	}
	nodes := []graph.Node{
		{ID: "base", Kind: graph.KindBase, Ref: "debian:12", Digest: graph.DigestOf(w.base)},
		l0,
		{
			ID: "fetch", Kind: graph.KindLayer, Platform: platform, Tags: []string{"terok-fetch:d"}, Recipe: recipe(),
			Inputs: []graph.Input{{Role: graph.RoleFrom, Node: "base", Arg: "BASE_IMAGE"}},
			Files:  []graph.Ingredient{baseFact, ins("RUN", "install curl", 1)},
		},
	}
	l1 := graph.Node{
		ID: "l1", Kind: graph.KindLayer, Platform: platform, Tags: []string{"terok-l1:d"}, Recipe: recipe(),
		Inputs: []graph.Input{{Role: graph.RoleFrom, Node: "l0", Arg: "L0"}},
		Files:  []graph.Ingredient{from("l0")},
		Config: []graph.Ingredient{from("l0")},
	}
	for _, name := range []string{"claude", "codex"} {
		id := graph.ID("agent/" + name)
		v := w.versions[name]
		nodes = append(nodes, graph.Node{
			ID: id + "/install", Kind: graph.KindStage, Layer: id, Platform: platform,
			Inputs: []graph.Input{{Role: graph.RoleFrom, Node: "fetch", Arg: "FETCH", Builder: true}},
			Files: []graph.Ingredient{
				{Kind: graph.Version, Name: "VERSION", Digest: graph.DigestOf(v), Note: v},
				{Kind: graph.Locked, Name: "DIGEST_1", Digest: graph.DigestOf("sum of " + v)},
				ins("RUN", "terok-fetch", 3),
			},
		}, graph.Node{
			ID: id, Kind: graph.KindLayer, Platform: platform, Version: v, Stage: 1, Recipe: recipe(),
			Tags:   []string{"terok-agent-" + name + ":" + v},
			Inputs: []graph.Input{{Role: graph.RoleCopy, Node: id + "/install"}},
			Files:  []graph.Ingredient{ins("COPY", "COPY --from=install /out/ /", 1), copyOf(string(id + "/install"))},
		})
		if !w.hidden[name] {
			l1.Inputs = append(l1.Inputs, graph.Input{Role: graph.RoleCopy, Node: id, Arg: "AGENT_" + name})
			l1.Files = append(l1.Files, ins("COPY", "COPY --from="+name+" / /", 1), copyOf(string(id)))
		}
	}
	g, err := graph.New(append(nodes, l1)...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (w *world) plan(t *testing.T, p plan.Policy) *plan.Plan {
	t.Helper()
	if len(p.Targets) == 0 {
		p.Targets = []graph.ID{"l1"}
	}
	if len(p.Refresh) > 0 && p.Salt == "" {
		w.salts++
		p.Salt = fmt.Sprint("salt", w.salts)
	}
	made, err := plan.Make(w.graph(t), w.store.Snapshot(), p)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (w *world) apply(t *testing.T, p plan.Policy) string {
	t.Helper()
	made := w.plan(t, p)
	_, err := exec.Apply(context.Background(), w.graph(t), made, w.store, exec.Options{Jobs: 1, Now: func() time.Time { return time.Unix(0, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	return w.store.Built()
}

// says is the plan in short.
func says(p *plan.Plan) string { return strings.Join(exectest.Says(p), "; ") }

func TestPlanOfEdits(t *testing.T) {
	for _, tc := range []struct {
		name   string
		edit   func(*world)
		policy plan.Policy
		want   string
		builds string
	}{
		{name: "nothing changed", edit: func(*world) {}, want: "", builds: ""},
		{
			name:   "a script that l0 copies",
			edit:   func(w *world) { w.scripts["scripts/l0/init"] = "f0755 new" },
			want:   "l0 file-changed(scripts/l0/init); l1 input-changed(l0)",
			builds: "l0 l1",
		},
		{
			name:   "permission bit of a script",
			edit:   func(w *world) { w.scripts["scripts/l0/init"] = "f0644 one" },
			want:   "l0 mode-changed(scripts/l0/init 0755→0644); l1 input-changed(l0)",
			builds: "l0 l1",
		},
		{
			name:   "a script added",
			edit:   func(w *world) { w.scripts["scripts/l0/new"] = "f0755 x" },
			want:   "l0 file-added(scripts/l0/new); l1 input-changed(l0)",
			builds: "l0 l1",
		},
		{
			name:   "a script removed",
			edit:   func(w *world) { delete(w.scripts, "scripts/l0/bridge") },
			want:   "l0 file-removed(scripts/l0/bridge); l1 input-changed(l0)",
			builds: "l0 l1",
		},
		{
			name:   "an instruction changed",
			edit:   func(w *world) { w.apt = "apt-get install git vim" },
			want:   "l0 instruction-changed(RUN apt-get install git→apt-get install git vim); l1 input-changed(l0)",
			builds: "l0 l1",
		},
		{
			name:   "version of one agent",
			edit:   func(w *world) { w.versions["codex"] = "0.169.0" },
			want:   "fetch not-needed no-image(terok-fetch:d); agent/codex version-changed(VERSION 0.168.0→0.169.0); l1 input-changed(agent/codex)",
			builds: "agent/codex l1",
		},
		{
			name:   "base moved: no part is built",
			edit:   func(w *world) { w.base = "base-2" },
			want:   "fetch not-needed base-moved(debian:12); l0 base-moved(debian:12); l1 input-changed(l0)",
			builds: "l0 l1",
		},
		{
			name:   "refresh of one agent",
			edit:   func(*world) {},
			policy: plan.Policy{Refresh: map[graph.ID]plan.Code{"agent/codex": plan.RefreshRequested}},
			want:   "agent/codex refresh-requested(agent/codex); l1 input-rebuilt(agent/codex)",
			builds: "agent/codex l1",
		},
		{
			name:   "l1 removed",
			edit:   func(w *world) { w.store.Remove("terok-l1:d") },
			want:   "l1 no-image(terok-l1:d)",
			builds: "l1",
		},
		{
			name: "l0 removed and nobody needs it",
			edit: func(w *world) { w.store.Remove("terok-l0:d") },
			want: "l0 not-needed no-image(terok-l0:d)",
		},
		{
			name:   "l0 removed and wanted",
			edit:   func(w *world) { w.store.Remove("terok-l0:d") },
			policy: plan.Policy{Targets: []graph.ID{"l0", "l1"}},
			want:   "l0 no-image(terok-l0:d); l1 input-rebuilt(l0)",
			builds: "l0 l1",
		},
		{
			name:   "an image that is not ours under our tag",
			edit:   func(w *world) { w.store.Add("", nil, "terok-l0:d") },
			want:   "l0 not-needed foreign-image(terok-l0:d)",
			policy: plan.Policy{},
		},
		{
			name:   "an image that is not ours under the tag of what is wanted",
			edit:   func(w *world) { w.store.Remove("terok-l1:d"); w.store.Add("", nil, "terok-l1:d") },
			want:   "l1 foreign-image(terok-l1:d)",
			builds: "l1",
		},
		{
			name:   "l1 is there without a name",
			edit:   func(w *world) { w.store.Add("", nil, "terok-l1:d") },
			want:   "l1 retag foreign-image(terok-l1:d)",
			builds: "",
		},
		{
			name:   "an agent left out",
			edit:   func(w *world) { w.hidden = map[string]bool{"claude": true} },
			policy: plan.Policy{Targets: []graph.ID{"l1"}},
			want:   "l1 instruction-removed(COPY)",
			builds: "l1",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			if got := w.apply(t, plan.Policy{}); got != "fetch agent/claude agent/codex l0 l1" && got != "fetch l0 agent/claude agent/codex l1" {
				t.Fatalf("first apply built %q", got)
			}
			w.store.Remove("terok-fetch:d") // so that a need for it would show
			tc.edit(w)
			got := strings.ReplaceAll(says(w.plan(t, tc.policy)), "fetch not-needed no-image(terok-fetch:d)", "fetch?")
			want := strings.ReplaceAll(tc.want, "fetch not-needed no-image(terok-fetch:d)", "fetch?")
			want = strings.ReplaceAll(want, "fetch not-needed base-moved(debian:12)", "fetch?")
			got = strings.Trim(strings.ReplaceAll("; "+got, "; fetch?", ""), "; ")
			want = strings.Trim(strings.ReplaceAll("; "+want, "; fetch?", ""), "; ")
			builds := tc.builds
			if strings.Contains(builds, "agent/") { // a part needs what fetches it
				want = "fetch no-image(terok-fetch:d); " + want
				builds = "fetch " + builds
			}
			if strings.Join(sorted(got), ";") != strings.Join(sorted(want), ";") {
				t.Errorf("plan:\n got %s\nwant %s", got, want)
			}
			if b := w.apply(t, tc.policy); strings.Join(strings.Fields(b), " ") != builds {
				t.Errorf("built %q, want %q", b, builds)
			}
			after := w.plan(t, plan.Policy{Targets: tc.policy.Targets})
			if after.Changes() {
				t.Errorf("after apply: %s", says(after))
			}
		})
	}
}

func sorted(s string) []string {
	parts := strings.Split(s, "; ")
	sort.Strings(parts)
	return parts
}

// A refreshed agent keeps its salt when it is built again for another reason,
// so its builder cannot fall back to the older install.
func TestSaltIsCarried(t *testing.T) {
	w := newWorld(t)
	w.apply(t, plan.Policy{})
	w.apply(t, plan.Policy{Refresh: map[graph.ID]plan.Code{"agent/codex": plan.RefreshRequested}})
	w.scripts["scripts/l0/init"] = "f0755 other"
	if got := w.apply(t, plan.Policy{}); got != "l0 l1" {
		t.Errorf("an edit elsewhere built %q", got)
	}
	w.versions["codex"] = "0.169.0"
	p := w.plan(t, plan.Policy{})
	s, _ := p.Step("agent/codex")
	if s.Salt != "salt1" {
		t.Errorf("salt %q, want the recorded one", s.Salt)
	}
}

func TestPlanIsAFunction(t *testing.T) {
	w := newWorld(t)
	encode := func() string {
		var b strings.Builder
		if err := plan.Encode(&b, w.plan(t, plan.Policy{})); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	first := encode()
	if encode() != first {
		t.Error("two plans of the same inputs differ")
	}
	back, err := plan.Decode(strings.NewReader(encode()))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := plan.Encode(&b, back); err != nil {
		t.Fatal(err)
	}
	if b.String() != encode() {
		t.Errorf("decoding loses something:\n%s\n%s", b.String(), encode())
	}
}

func TestFullName(t *testing.T) {
	for in, want := range map[string]string{
		"terok-l0:x": "localhost/terok-l0:x", "me/app:1": "localhost/me/app:1",
		"quay.io/a/b:1": "quay.io/a/b:1", "localhost/x:1": "localhost/x:1", "reg:5000/x:1": "reg:5000/x:1",
	} {
		if got := plan.FullName(in); got != want {
			t.Errorf("FullName(%q) = %q, want %q", in, got, want)
		}
	}
}

// An image that somebody made from ours has our labels, and is not ours.
func TestInheritedLabelsAreNotOurs(t *testing.T) {
	for name, keep := range map[string]bool{"both are there": true, "only the child is seen with its parent": false} {
		w := newWorld(t)
		w.apply(t, plan.Policy{})
		snap := w.store.Snapshot()
		l1, _ := snap.ByName("localhost/terok-l1:d")
		child := graph.Image{ID: graph.DigestOf("child"), Parent: l1.ID, Labels: l1.Labels, Created: l1.Created.Add(time.Hour)}
		grandchild := graph.Image{ID: graph.DigestOf("grandchild"), Parent: child.ID, Labels: l1.Labels, Created: l1.Created.Add(2 * time.Hour), Names: []string{"localhost/mine:1"}}
		images := []graph.Image{child, grandchild}
		for _, img := range snap.Images {
			if img.ID == l1.ID {
				img.Names = nil
			}
			if !keep {
				child.Parent, grandchild.Parent = "", ""
			}
			images = append(images, img)
		}
		made, err := plan.Make(w.graph(t), graph.NewSnapshot(images), plan.Policy{Targets: []graph.ID{"l1"}})
		if err != nil {
			t.Fatal(err)
		}
		if s, _ := made.Step("l1"); s.Action != plan.Retag || s.Found != l1.ID {
			t.Errorf("%s: %s of %s, want retag of %s", name, s.Action, s.Found, l1.ID)
		} else if got := fmt.Sprint(s.Reasons); got != fmt.Sprint([]plan.Reason{{Code: plan.TagMissing, Subject: "terok-l1:d"}}) {
			t.Errorf("%s: the image is there and has no name: %s", name, got)
		}
	}
}
