package plan_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// layersOf are layers on nothing, each with what it reads.
func layersOf(t *testing.T, reads map[graph.ID][]graph.Input) *graph.Graph {
	t.Helper()
	var nodes []graph.Node
	for id, in := range reads {
		n := graph.Node{
			ID: id, Kind: graph.KindLayer, Platform: "linux/amd64", Tags: []string{string(id) + ":1"}, Recipe: &graph.Recipe{}, Inputs: in,
			Files: []graph.Ingredient{ins("RUN", "RUN "+string(id), 1)},
		}
		for _, i := range in {
			if !i.Builder {
				n.Files = append(n.Files, graph.Ingredient{Kind: graph.FromInput, Name: "copy", Attr: graph.FilesOf, Note: string(i.Node)})
			}
		}
		nodes = append(nodes, n)
	}
	g, err := graph.New(nodes...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func copies(ids ...graph.ID) (out []graph.Input) {
	for _, id := range ids {
		out = append(out, graph.Input{Role: graph.RoleCopy, Node: id})
	}
	return out
}

// built is an image of a node that was built on others, by name.
func built(t *testing.T, g *graph.Graph, id graph.ID, image string, on map[graph.ID]string, names ...string) graph.Image {
	t.Helper()
	var inputs []graph.InputRecord
	for in, was := range on {
		inputs = append(inputs, graph.InputRecord{Node: in, Image: graph.DigestOf(was), Key: string(g.Keys(in).Image)})
	}
	labels, err := g.NewRecord(id, "", inputs).Labels()
	if err != nil {
		t.Fatal(err)
	}
	return graph.Image{ID: graph.DigestOf(image), Labels: labels, Names: names}
}

// What is pulled because one reader needs it makes another reader stale that was
// built on other bytes, and whose turn was before.
func TestPullReachesOtherReaders(t *testing.T) {
	g := layersOf(t, map[graph.ID][]graph.Input{"x": nil, "a": copies("x"), "b": copies("x")})
	there := graph.NewSnapshot([]graph.Image{built(t, g, "a", "a", map[graph.ID]string{"x": "x here"}, "localhost/a:1")})
	offered := graph.NewSnapshot([]graph.Image{built(t, g, "x", "x offered", nil, "registry.test/x:k")})
	made, err := plan.Make(g, there, plan.Policy{Targets: []graph.ID{"a", "b"}, Offered: offered})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := verdicts(made), "x pull no-image(x:1)\na build input-rebuilt(x)\nb build no-image(b:1)"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if a, _ := made.Step("a"); a.Found != "" || a.Source != "" {
		t.Errorf("a is to be built, and found %q, from %q", a.Found, a.Source)
	}
	// Alone, a needs no x.
	made, err = plan.Make(g, there, plan.Policy{Targets: []graph.ID{"a"}, Offered: offered})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := verdicts(made), "x not-needed no-image(x:1)\na up-to-date\nb not-needed no-image(b:1)"; got != want {
		t.Errorf("alone: got\n%s\nwant\n%s", got, want)
	}
}

// What a layer is only made with is no reason to make it again, even if its
// record names it.
func TestBuilderMakesNothingStale(t *testing.T) {
	g := layersOf(t, map[graph.ID][]graph.Input{"tool": nil, "a": {{Role: graph.RoleCopy, Node: "tool", Builder: true}}})
	there := graph.NewSnapshot([]graph.Image{
		built(t, g, "tool", "tool", nil, "localhost/tool:1"),
		built(t, g, "a", "a", map[graph.ID]string{"tool": "another tool"}, "localhost/a:1"),
	})
	for want, p := range map[string]plan.Policy{
		"tool up-to-date\na up-to-date": {},
		"tool build refresh-requested(tool)\na up-to-date": {
			Targets: []graph.ID{"a", "tool"}, Refresh: map[graph.ID]plan.Code{"tool": plan.RefreshRequested}, Salt: "s",
		},
	} {
		made, err := plan.Make(g, there, p)
		if err != nil {
			t.Fatal(err)
		}
		if got := verdicts(made); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// What nobody reads is wanted unless something else is; a missing input of what
// is there is not.
func TestWantedByDefault(t *testing.T) {
	g := layersOf(t, map[graph.ID][]graph.Input{"x": nil, "a": copies("x"), "b": nil})
	there := graph.NewSnapshot([]graph.Image{built(t, g, "a", "a", map[graph.ID]string{"x": "x"}, "localhost/a:1")})
	made, err := plan.Make(g, there, plan.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := verdicts(made), "b build no-image(b:1)\nx not-needed no-image(x:1)\na up-to-date"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// An input that is read in two ways is a reason once.
func TestInputReadTwiceIsOneReason(t *testing.T) {
	g := layersOf(t, map[graph.ID][]graph.Input{"x": nil, "a": append(copies("x"), graph.Input{Role: graph.RoleMount, Node: "x"})})
	there := graph.NewSnapshot([]graph.Image{
		built(t, g, "x", "x now", nil, "localhost/x:1"),
		built(t, g, "a", "a", map[graph.ID]string{"x": "x then"}, "localhost/a:1"),
	})
	made, err := plan.Make(g, there, plan.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := verdicts(made), "x up-to-date\na build input-rebuilt(x)"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// An image may be as old as is allowed, and no older.
func TestMaxAge(t *testing.T) {
	g := layersOf(t, map[graph.ID][]graph.Input{"a": nil})
	img := built(t, g, "a", "a", nil, "localhost/a:1")
	img.Created = time.Unix(1000, 0)
	for after, want := range map[time.Duration]string{
		time.Hour - time.Second: "a up-to-date",
		time.Hour:               "a up-to-date",
		time.Hour + time.Second: "a build expired(a)",
	} {
		made, err := plan.Make(g, graph.NewSnapshot([]graph.Image{img}), plan.Policy{
			MaxAge: map[graph.ID]time.Duration{"a": time.Hour}, Now: img.Created.Add(after), Salt: "s",
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := verdicts(made); got != want {
			t.Errorf("after %s: %s, want %s", after, got, want)
		}
	}
}

// Only layers can be refreshed.
func TestRefreshOfWhatIsNoLayer(t *testing.T) {
	g := newStaged().graph(t)
	for _, id := range []graph.ID{"base", "app/tools", "nobody"} {
		_, err := plan.Make(g, graph.NewSnapshot(nil), plan.Policy{Refresh: map[graph.ID]plan.Code{id: plan.RefreshRequested}, Salt: "s"})
		if !errors.Is(err, plan.ErrUnknownNode) {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// Stages of a layer that is not built have its verdict.
func TestStagesOfALayerThatIsFound(t *testing.T) {
	g := newStaged().graph(t)
	images := image(t, g, nil).Images
	for i := range images {
		images[i].Names = nil
	}
	made, err := plan.Make(g, graph.NewSnapshot(images), plan.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	const want = "app/docs retag\napp/tools retag\napp/build retag\napp retag tag-missing(app:1)"
	if got := verdicts(made); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// An image that is found by its key brings the salt it was made with.
func TestRetagKeepsTheSalt(t *testing.T) {
	g := layersOf(t, map[graph.ID][]graph.Input{"a": nil})
	labels, err := g.NewRecord("a", "salted", nil).Labels()
	if err != nil {
		t.Fatal(err)
	}
	made, err := plan.Make(g, graph.NewSnapshot([]graph.Image{{ID: graph.DigestOf("a"), Labels: labels}}), plan.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if s, _ := made.Step("a"); s.Action != plan.Retag || s.Salt != "salted" {
		t.Errorf("%s with the salt %q", s.Action, s.Salt)
	}
}

// What no ingredient says is said all the same: another platform, another order,
// a second name that leads elsewhere.
func TestReasonsThatNoIngredientHas(t *testing.T) {
	draw := func(edit func(*graph.Node)) *graph.Graph {
		n := graph.Node{
			ID: "a", Kind: graph.KindLayer, Platform: "linux/amd64", Tags: []string{"a:1", "a:latest"}, Recipe: &graph.Recipe{},
			Files: []graph.Ingredient{{Kind: graph.Arg, Name: "X", Digest: graph.DigestOf("x")}, {Kind: graph.Arg, Name: "Y", Digest: graph.DigestOf("y")}},
		}
		edit(&n)
		g, err := graph.New(n)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	g := draw(func(*graph.Node) {})
	a := built(t, g, "a", "a", nil, "localhost/a:1", "localhost/a:latest")
	half := built(t, g, "a", "a", nil, "localhost/a:1")
	other := graph.Image{ID: graph.DigestOf("other"), Names: []string{"localhost/a:latest"}}
	for _, tc := range []struct {
		g      *graph.Graph
		images []graph.Image
		want   string
	}{
		{g, []graph.Image{a}, "a up-to-date"},
		{draw(func(n *graph.Node) { n.Platform = "linux/arm64" }), []graph.Image{a}, "a build platform-changed(a)"},
		{draw(func(n *graph.Node) { n.Files[0], n.Files[1] = n.Files[1], n.Files[0] }), []graph.Image{a}, "a build instruction-changed(order)[" +
			string(g.Keys("a").Image)[7:19] + "→"},
		{g, []graph.Image{half, other}, "a retag tag-missing(a:latest)"},
	} {
		made, err := plan.Make(tc.g, graph.NewSnapshot(tc.images), plan.Policy{})
		if err != nil {
			t.Fatal(err)
		}
		if got := verdicts(made); got != tc.want && !strings.HasPrefix(got, tc.want) {
			t.Errorf("got %s, want %s", got, tc.want)
		}
	}
}

// A version is compared with the newest image of the same platform.
func TestVersionIsComparedOnItsPlatform(t *testing.T) {
	draw := func(version, platform string) *graph.Graph {
		g, err := graph.New(graph.Node{
			ID: "a", Kind: graph.KindLayer, Platform: platform, Version: version, Tags: []string{"a:" + version}, Recipe: &graph.Recipe{},
			Files: []graph.Ingredient{{Kind: graph.Version, Name: "VERSION", Digest: graph.DigestOf(version), Note: version}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	ours := built(t, draw("1", "linux/amd64"), "a", "ours", nil, "localhost/a:1")
	theirs := built(t, draw("2", "linux/arm64"), "a", "theirs", nil, "localhost/a:2-arm64")
	ours.Created, theirs.Created = time.Unix(1, 0), time.Unix(2, 0)
	made, err := plan.Make(draw("3", "linux/amd64"), graph.NewSnapshot([]graph.Image{ours, theirs}), plan.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if s, _ := made.Step("a"); len(s.Reasons) != 1 || s.Reasons[0] != (plan.Reason{Code: plan.VersionChanged, Subject: "VERSION", From: "1", To: "3"}) {
		t.Errorf("%+v", s.Reasons)
	}
}

// What was made from an image of ours inherits its labels and is not taken for
// it, whether the store knows parents or not.
func TestOriginals(t *testing.T) {
	const created = "org.opencontainers.image.created"
	img := func(id, parent, moment string) graph.Image {
		return graph.Image{ID: id, Parent: parent, Labels: map[string]string{graph.LabelRecord: "r", created: moment}}
	}
	for name, tc := range map[string]struct {
		newestFirst []graph.Image
		want        string
	}{
		"a child by its parent":             {[]graph.Image{img("child", "ours", "later"), img("ours", "", "then")}, "ours"},
		"a child by its moment":             {[]graph.Image{img("child", "", "then"), img("ours", "", "then")}, "ours"},
		"made twice":                        {[]graph.Image{img("again", "", "later"), img("ours", "", "then")}, "again ours"},
		"a parent that is not of this node": {[]graph.Image{img("ours", "base", "then")}, "ours"},
	} {
		var got []string
		for _, i := range plan.Originals(tc.newestFirst) {
			got = append(got, i.ID)
		}
		if s := strings.Join(got, " "); s != tc.want {
			t.Errorf("%s: %s, want %s", name, s, tc.want)
		}
	}
}

// An input that reaches a layer by its files and by its configuration is a
// reason once.
func TestInputOfBothKeysIsOneReason(t *testing.T) {
	draw := func(text string) *graph.Graph {
		from := func(attr string) []graph.Ingredient {
			return []graph.Ingredient{{Kind: graph.FromInput, Name: "from", Attr: attr, Note: "x"}}
		}
		x := graph.Node{ID: "x", Kind: graph.KindLayer, Platform: "linux/amd64", Tags: []string{"x:1"}, Recipe: &graph.Recipe{}}
		a := x
		x.Files, x.Config = []graph.Ingredient{ins("RUN", text, 1)}, []graph.Ingredient{ins("CMD", text, 2)}
		a.ID, a.Tags, a.Inputs = "a", []string{"a:1"}, []graph.Input{{Role: graph.RoleFrom, Node: "x"}}
		a.Files, a.Config = from(graph.FilesOf), from(graph.ConfigOf)
		g, err := graph.New(x, a)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	was := draw("old")
	made, err := plan.Make(draw("new"), graph.NewSnapshot([]graph.Image{
		built(t, was, "x", "x", nil, "localhost/x:1"), built(t, was, "a", "a", map[graph.ID]string{"x": "x"}, "localhost/a:1"),
	}), plan.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if s, _ := made.Step("a"); len(s.Reasons) != 1 || s.Reasons[0].Code != plan.InputChanged {
		t.Errorf("%+v", s.Reasons)
	}
}
