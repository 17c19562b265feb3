package graph_test

import (
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// node is a short literal: a layer with one instruction that reads others.
func node(id graph.ID, text string, inputs ...graph.ID) graph.Node {
	n := graph.Node{
		ID: id, Kind: graph.KindLayer, Platform: "linux/amd64",
		Files: []graph.Ingredient{{Kind: graph.Instruction, Name: "RUN", Digest: graph.DigestOf(text), Note: text}},
	}
	for _, in := range inputs {
		n.Inputs = append(n.Inputs, graph.Input{Role: graph.RoleCopy, Node: in})
		n.Files = append(n.Files, graph.Ingredient{Kind: graph.FromInput, Name: "copy", Attr: graph.FilesOf, Note: string(in)})
	}
	return n
}

func mustNew(t testing.TB, nodes ...graph.Node) *graph.Graph {
	t.Helper()
	g, err := graph.New(nodes...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestNewOrders(t *testing.T) {
	a, b, c, d := node("a", "a"), node("b", "b", "d"), node("c", "c", "a", "b"), node("d", "d")
	want := "a d b c"
	for i, nodes := range [][]graph.Node{{a, b, c, d}, {d, c, b, a}, {c, a, d, b}} {
		var got string
		for _, n := range mustNew(t, nodes...).Nodes() {
			got += " " + string(n.ID)
		}
		if got != " "+want {
			t.Errorf("order %d: got%s, want %s", i, got, want)
		}
	}
}

// Of many nodes that are ready the smallest name is always next, in whichever
// order they became so.
func TestNewOrdersMany(t *testing.T) {
	for seed := range int64(20) {
		r := rand.New(rand.NewSource(seed))
		var nodes []graph.Node
		inputs := map[graph.ID][]graph.ID{}
		for _, i := range r.Perm(40) { // what reads has a name of its own, wherever that sorts
			n := node(graph.ID(fmt.Sprintf("n%02d", i)), "x")
			for range r.Intn(3) {
				if len(nodes) > 0 {
					in := nodes[r.Intn(len(nodes))].ID
					n.Inputs = append(n.Inputs, graph.Input{Role: graph.RoleCopy, Node: in})
					inputs[n.ID] = append(inputs[n.ID], in)
				}
			}
			nodes = append(nodes, n)
		}
		r.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
		done := map[graph.ID]bool{}
		for _, got := range mustNew(t, nodes...).Nodes() {
			var next graph.ID
			for _, n := range nodes {
				ready := !slices.ContainsFunc(inputs[n.ID], func(in graph.ID) bool { return !done[in] })
				if !done[n.ID] && ready && (next == "" || n.ID < next) {
					next = n.ID
				}
			}
			if got.ID != next {
				t.Fatalf("seed %d: %s, want %s", seed, got.ID, next)
			}
			done[next] = true
		}
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := graph.New(node("a", "x"), node("a", "y")); !errors.Is(err, graph.ErrDuplicate) {
		t.Errorf("two nodes of one name: %v", err)
	}
	if _, err := graph.New(node("a", "x", "b")); !errors.Is(err, graph.ErrUnknownInput) {
		t.Errorf("unknown input: %v", err)
	}
	_, err := graph.New(node("z", "z"), node("a", "a", "c"), node("b", "b", "a"), node("c", "c", "b", "z"))
	var cycle *graph.CycleError
	if !errors.As(err, &cycle) {
		t.Fatalf("cycle: %v", err)
	}
	if len(cycle.Path) != 4 || cycle.Path[0] != cycle.Path[3] {
		t.Errorf("cycle path %v", cycle.Path)
	}
}

// Changing one ingredient changes the keys of exactly its descendants.
func TestChangeReachesDescendantsOnly(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for range 50 {
		n := 3 + rng.Intn(30)
		nodes := make([]graph.Node, n)
		below := make([]map[int]bool, n) // everything a node stands on
		for i := range nodes {
			below[i] = map[int]bool{i: true}
			var inputs []graph.ID
			for j := range i {
				if rng.Intn(4) == 0 {
					inputs = append(inputs, graph.ID(fmt.Sprint("n", j)))
					for k := range below[j] {
						below[i][k] = true
					}
				}
			}
			nodes[i] = node(graph.ID(fmt.Sprint("n", i)), fmt.Sprint(i), inputs...)
		}
		before := mustNew(t, nodes...)
		at := rng.Intn(n)
		edited := append([]graph.Node(nil), nodes...)
		edited[at] = node(nodes[at].ID, "edited")
		edited[at].Inputs = nodes[at].Inputs
		edited[at].Files = append(edited[at].Files, nodes[at].Files[1:]...)
		rng.Shuffle(n, func(i, j int) { edited[i], edited[j] = edited[j], edited[i] })
		after := mustNew(t, edited...)
		for i := range nodes {
			id := nodes[i].ID
			if moved := before.Keys(id) != after.Keys(id); moved != below[i][at] {
				t.Fatalf("edit of n%d: key of %s moved: %v, want %v", at, id, moved, below[i][at])
			}
		}
	}
}

func TestWhatEntersAKey(t *testing.T) {
	base := node("a", "x")
	key := func(edit func(*graph.Node)) graph.Keys {
		n := base
		n.Files = append([]graph.Ingredient(nil), base.Files...)
		edit(&n)
		return mustNew(t, n).Keys(n.ID)
	}
	was := key(func(*graph.Node) {})
	for name, tc := range map[string]struct {
		edit func(*graph.Node)
		same bool
	}{
		"platform":       {func(n *graph.Node) { n.Platform = "linux/arm64" }, false},
		"digest":         {func(n *graph.Node) { n.Files[0].Digest = "sha256:0" }, false},
		"name":           {func(n *graph.Node) { n.Files[0].Name = "COPY" }, false},
		"attr":           {func(n *graph.Node) { n.Files[0].Attr = "f0755" }, false},
		"kind":           {func(n *graph.Node) { n.Files[0].Kind = graph.Option }, false},
		"config":         {func(n *graph.Node) { n.Config = n.Files }, false},
		"note":           {func(n *graph.Node) { n.Files[0].Note = "for people" }, true},
		"step":           {func(n *graph.Node) { n.Files[0].Step = 9 }, true},
		"node's name":    {func(n *graph.Node) { n.ID = "b" }, true},
		"tags":           {func(n *graph.Node) { n.Tags = []string{"t"} }, true},
		"builder's edge": {func(n *graph.Node) { n.Version = "1" }, true},
	} {
		if got := key(tc.edit); (got.Image == was.Image) != tc.same {
			t.Errorf("%s: same key %v, want %v", name, got.Image == was.Image, tc.same)
		}
	}
}

// Two different lists never encode alike, however their fields are cut.
func FuzzDigestOf(f *testing.F) {
	f.Add("ab", "c", "a", "bc")
	f.Add("", "x", "x", "")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		if same := graph.DigestOf(a, b) == graph.DigestOf(c, d); same != (a == c && b == d) {
			t.Errorf("DigestOf(%q, %q) and DigestOf(%q, %q): same %v", a, b, c, d, same)
		}
	})
}

// The vector of docs/cache-key.md.
func TestKeyVector(t *testing.T) {
	g := mustNew(t,
		graph.Node{ID: "base", Kind: graph.KindBase, Digest: "sha256:" + "11"},
		graph.Node{
			ID: "l0", Kind: graph.KindLayer, Platform: "linux/amd64",
			Inputs: []graph.Input{{Role: graph.RoleFrom, Node: "base"}},
			Files: []graph.Ingredient{
				{Kind: graph.Base, Name: "from", Digest: "sha256:11"},
				{Kind: graph.Instruction, Name: "RUN", Digest: graph.DigestOf("echo hi")},
				{Kind: graph.File, Name: "scripts/a", Attr: "f0755", Digest: graph.DigestOf("content")},
			},
		})
	want := graph.Keys{
		Files:  "sha256:94f714dbf6b4e8832a4cb31088d6baf4e0e0fa4215ba5474550ec9302001f7c3",
		Config: "sha256:e67f3aa9b2ca476638b9a99adef9bf3dcba606d46e365ef172fc457ee5a42c28",
		Image:  "sha256:fc23f0409621e1cc262114c85a5aac57844a90fb54c792a4c6268ebdf9bf3748",
	}
	if got := g.Keys("l0"); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestSnapshot(t *testing.T) {
	s := graph.NewSnapshot(nil)
	if _, ok := s.ByName("x"); ok {
		t.Error("an empty store has an image")
	}
	if len(s.ByKey("k")) != 0 || len(s.ByNode("n")) != 0 {
		t.Error("an empty store has images")
	}
}
