package plan_test

import (
	"fmt"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// manyNodes is a base, layers on it in rows of ten that each read two of the row
// below, and a snapshot in which a tenth of them is missing.
func manyNodes(n int) []graph.Node {
	nodes := []graph.Node{{ID: "base", Kind: graph.KindBase, Digest: graph.DigestOf("base"), Ref: "base:1"}}
	const wide = 10
	name := func(i int) graph.ID { return graph.ID(fmt.Sprintf("n%06d", i)) }
	for i := range n {
		node := graph.Node{
			ID: name(i), Kind: graph.KindLayer, Platform: "linux/amd64", Tags: []string{fmt.Sprintf("n%d:1", i)}, Recipe: &graph.Recipe{},
			Files: []graph.Ingredient{{Kind: graph.Instruction, Name: "RUN", Digest: graph.DigestOf(fmt.Sprint(i))}},
		}
		in := []graph.ID{"base"}
		if i >= wide {
			row := (i/wide - 1) * wide
			in = []graph.ID{name(row + i%wide), name(row + (i+1)%wide)}
		}
		for _, id := range in {
			node.Inputs = append(node.Inputs, graph.Input{Role: graph.RoleCopy, Node: id})
			node.Files = append(node.Files, graph.Ingredient{Kind: graph.FromInput, Name: "copy", Attr: graph.FilesOf, Note: string(id)})
		}
		nodes = append(nodes, node)
	}
	return nodes
}

// BenchmarkGraphAndPlan makes the graph with its keys and the plan.
func BenchmarkGraphAndPlan(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000, 100_000} {
		nodes := manyNodes(n)
		g, err := graph.New(nodes...)
		if err != nil {
			b.Fatal(err)
		}
		images := []graph.Image{{ID: graph.DigestOf("base")}}
		ids := map[graph.ID]string{"base": graph.DigestOf("base")}
		for i, node := range g.Nodes() {
			if node.Kind != graph.KindLayer {
				continue
			}
			ids[node.ID] = graph.DigestOf("image", string(node.ID))
			var inputs []graph.InputRecord
			for _, in := range node.Inputs {
				inputs = append(inputs, graph.InputRecord{Node: in.Node, Image: ids[in.Node]})
			}
			if i%10 == 3 {
				continue
			}
			labels, err := g.NewRecord(node.ID, "", inputs).Labels()
			if err != nil {
				b.Fatal(err)
			}
			images = append(images, graph.Image{ID: ids[node.ID], Labels: labels, Names: []string{"localhost/" + node.Tags[0]}})
		}
		snap := graph.NewSnapshot(images)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g, err := graph.New(nodes...)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := plan.Make(g, snap, plan.Policy{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/node")
		})
	}
}
