package layers_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// randomUsers is a project of n layers, each with a file of its own, that stand
// on earlier ones; below has, for each, all that it stands on.
func randomUsers(t *testing.T, r *rand.Rand, n int) (u *users, below []map[int]bool) {
	t.Helper()
	files := map[string]string{}
	for i := range n {
		under := map[int]bool{}
		on := func(j int) string {
			under[j] = true
			for k := range below[j] {
				under[k] = true
			}
			return fmt.Sprint("l", string(rune('a'+j)))
		}
		var b strings.Builder
		from := "scratch"
		if i > 0 && r.IntN(3) > 0 {
			from = on(r.IntN(i))
		}
		fmt.Fprintf(&b, "FROM %s AS first\nCOPY f%d.txt /\nFROM first\n", from, i)
		if i > 0 && r.IntN(2) == 0 {
			fmt.Fprintf(&b, "COPY --from=my-%s:latest / /copied\n", on(r.IntN(i)))
		}
		if i > 0 && r.IntN(3) == 0 {
			fmt.Fprintf(&b, "RUN --mount=from=%s,target=/m true\n", on(r.IntN(i)))
		}
		below = append(below, under)
		files[fmt.Sprint("l", string(rune('a'+i)))] = b.String()
		files[fmt.Sprintf("f%d.txt", i)] = "x"
	}
	return newUsers(t, files), below
}

// Changing one ingredient changes exactly what stands on it.
func TestExactlyTheDescendants(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		const n = 8
		u, below := randomUsers(t, r, n)
		was := u.mustDraw(t)
		changed := r.IntN(n)
		u.write(t, fmt.Sprintf("f%d.txt", changed), "new")
		var want []string
		for i := range n {
			if i == changed || below[i][changed] {
				want = append(want, fmt.Sprint("l", string(rune('a'+i))))
			}
		}
		got := strings.Fields(moved(was, u.mustDraw(t)))
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: a file of %c moved %v, want %v", seed, 'a'+changed, got, want)
		}
	}
}

// The order in which layers are declared does not matter, and the same inputs
// give the same bytes.
func TestSameBytes(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 4))
		u, _ := randomUsers(t, r, 8)
		first := planBytes(t, u.mustDraw(t))
		if again := planBytes(t, u.mustDraw(t)); again != first {
			t.Fatalf("seed %d: two plans differ:\n%s\n%s", seed, first, again)
		}
		r.Shuffle(len(u.spec.Layers), func(i, j int) {
			u.spec.Layers[i], u.spec.Layers[j] = u.spec.Layers[j], u.spec.Layers[i]
		})
		if shuffled := planBytes(t, u.mustDraw(t)); shuffled != first {
			t.Fatalf("seed %d: declared in another order:\n%s\n%s", seed, first, shuffled)
		}
	}
}

func planBytes(t *testing.T, g *graph.Graph) string {
	t.Helper()
	p, err := plan.Make(g, graph.NewSnapshot(nil), plan.Policy{Store: "podman", Executor: "podman", Platform: "linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := plan.Encode(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Two layers that are made from the same have the same key, whatever they are
// called and wherever they lie: a renamed layer is found again.
func TestNamesAreNotInKeys(t *testing.T) {
	a := newUsers(t, map[string]string{"one": "FROM scratch\nCOPY f.txt /\n", "f.txt": "x"})
	b := newUsers(t, map[string]string{"two": "FROM scratch\nCOPY ./f.txt /\n", "f.txt": "x"})
	b.layer("two").Tags = []string{"other:1"}
	if x, y := a.mustDraw(t).Keys("one"), b.mustDraw(t).Keys("two"); x != y {
		t.Errorf("keys %+v and %+v", x, y)
	}
}
