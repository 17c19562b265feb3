package plan_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// shape says what a node reads, of those before it; nothing means the base.
type shape struct {
	name  string
	reads func(i int) []int
}

// shapes are the shapes that graphs of images have when they are large.
func shapes() []shape {
	return []shape{
		// Hundreds of images on one base, and one that copies from each hundred.
		{"fan", func(i int) []int {
			if i%100 != 99 {
				return nil
			}
			all := make([]int, 99)
			for j := range all {
				all[j] = i - 99 + j
			}
			return all
		}},
		// Rows of ten that each read two of the row below.
		{"layered", func(i int) []int {
			const wide = 10
			if i < wide {
				return nil
			}
			row := (i/wide - 1) * wide
			return []int{row + i%wide, row + (i+1)%wide}
		}},
		// Two on one, one on the two, and so on: deep.
		{"diamond", func(i int) []int {
			switch {
			case i == 0:
				return nil
			case i%3 == 0:
				return []int{i - 2, i - 1}
			}
			return []int{i - i%3}
		}},
	}
}

// sizes are numbers of nodes. Short runs stay small.
func sizes() []int {
	if testing.Short() {
		return []int{10, 1000}
	}
	return []int{1000, 10_000, 100_000}
}

func nodeName(i int) graph.ID { return graph.ID(fmt.Sprintf("n%06d", i)) }

// manyNodes is a base and n layers of a shape.
func manyNodes(s shape, n int) []graph.Node {
	nodes := []graph.Node{{ID: "base", Kind: graph.KindBase, Digest: graph.DigestOf("base"), Ref: "base:1"}}
	for i := range n {
		node := graph.Node{
			ID: nodeName(i), Kind: graph.KindLayer, Platform: "linux/amd64", Tags: []string{fmt.Sprintf("n%d:1", i)}, Recipe: &graph.Recipe{},
			Files: []graph.Ingredient{{Kind: graph.Instruction, Name: "RUN", Digest: graph.DigestOf(fmt.Sprint(i))}},
		}
		in := []graph.ID{"base"}
		if reads := s.reads(i); reads != nil {
			in = nil
			for _, j := range reads {
				in = append(in, nodeName(j))
			}
		}
		for _, id := range in {
			node.Inputs = append(node.Inputs, graph.Input{Role: graph.RoleCopy, Node: id})
			node.Files = append(node.Files, graph.Ingredient{Kind: graph.FromInput, Name: "copy", Attr: graph.FilesOf, Note: string(id)})
		}
		nodes = append(nodes, node)
	}
	return nodes
}

// missing says which images are not there: a tenth.
func missing(i int) bool { return i%10 == 3 }

// imagesOf are the images of a graph that was built, but for those missing.
func imagesOf(b *testing.B, g *graph.Graph) []graph.Image {
	b.Helper()
	images := []graph.Image{{ID: graph.DigestOf("base")}}
	ids := map[graph.ID]string{"base": graph.DigestOf("base")}
	for i, node := range g.Nodes() {
		if node.Kind != graph.KindLayer {
			continue
		}
		ids[node.ID] = graph.DigestOf("image", string(node.ID))
		var inputs []graph.InputRecord
		for _, in := range node.Inputs {
			in := graph.InputRecord{Node: in.Node, Image: ids[in.Node], Key: string(g.Keys(in.Node).Image)}
			if in.Node == "base" {
				in.Key = "base:1"
			}
			inputs = append(inputs, in)
		}
		if missing(i) {
			continue
		}
		labels, err := g.NewRecord(node.ID, "", inputs).Labels()
		if err != nil {
			b.Fatal(err)
		}
		images = append(images, graph.Image{ID: ids[node.ID], Labels: labels, Names: []string{"localhost/" + node.Tags[0]}})
	}
	return images
}

// BenchmarkGraphAndPlan is all between drawing and showing: the graph with its
// keys, what the store holds, and the plan.
func BenchmarkGraphAndPlan(b *testing.B) {
	for _, s := range shapes() {
		for _, n := range sizes() {
			b.Run(fmt.Sprintf("%s/%d", s.name, n), func(b *testing.B) {
				nodes, images := builtNodes(b, s, n)
				graphAndPlan(b, nodes, images, 0)
			})
		}
	}
}

// BenchmarkBaseMoved is the same when another base changes every key: what each
// image remembers is unpacked and compared, to say why.
func BenchmarkBaseMoved(b *testing.B) {
	for _, s := range shapes() {
		for _, n := range sizes() {
			b.Run(fmt.Sprintf("%s/%d", s.name, n), func(b *testing.B) {
				nodes, images := builtNodes(b, s, n)
				nodes[0].Digest = graph.DigestOf("base, moved")
				graphAndPlan(b, nodes, append(images, graph.Image{ID: nodes[0].Digest}), n)
			})
		}
	}
}

// builtNodes are many nodes with their images.
func builtNodes(b *testing.B, s shape, n int) ([]graph.Node, []graph.Image) {
	b.Helper()
	nodes := manyNodes(s, n)
	g, err := graph.New(nodes...)
	if err != nil {
		b.Fatal(err)
	}
	return nodes, imagesOf(b, g)
}

// graphAndPlan holds that least or more are to be built.
func graphAndPlan(b *testing.B, nodes []graph.Node, images []graph.Image, least int) {
	b.ReportAllocs()
	var (
		g    *graph.Graph
		made *plan.Plan
	)
	run := func() {
		var err error
		if g, err = graph.New(nodes...); err != nil {
			b.Fatal(err)
		}
		if made, err = plan.Make(g, graph.NewSnapshot(images), plan.Policy{}); err != nil {
			b.Fatal(err)
		}
	}
	before, busy := memory(false), worked()
	for b.Loop() {
		run()
	}
	busy = worked() - busy
	if n := made.Summary().Build; n < least {
		b.Fatalf("%d to build, not %d", n, least)
	}
	per := float64(len(nodes))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/per, "ns/node")
	b.ReportMetric(float64(busy.Nanoseconds())/float64(b.N)/per, "cpu-ns/node")
	b.ReportMetric(float64(memory(false).TotalAlloc-before.TotalAlloc)/float64(b.N)/per, "B/node")
	g, made = nil, nil
	idle := memory(true)
	run()
	b.ReportMetric((float64(memory(true).HeapAlloc)-float64(idle.HeapAlloc))/per, "kept-B/node")
	runtime.KeepAlive(nodes) // what they were made from is not what they keep
	runtime.KeepAlive(images)
	runtime.KeepAlive(g)
	runtime.KeepAlive(made)
}

// memory reads what was allocated; after a collection, what is still used.
func memory(collect bool) runtime.MemStats {
	if collect {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m
}
