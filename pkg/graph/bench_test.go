package graph_test

import (
	"fmt"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// shapes are graphs of n nodes.
var shapes = map[string]func(n int) []graph.Node{
	"fan": func(n int) []graph.Node {
		nodes := []graph.Node{node("root", "root")}
		var all []graph.ID
		for i := range n - 2 {
			id := graph.ID(fmt.Sprintf("leaf%06d", i))
			nodes = append(nodes, node(id, string(id), "root"))
			all = append(all, id)
		}
		return append(nodes, node("top", "top", all...))
	},
	"layered": func(n int) []graph.Node {
		const wide = 10
		var nodes []graph.Node
		for i := range n {
			var in []graph.ID
			if i >= wide {
				row := (i/wide - 1) * wide
				in = []graph.ID{graph.ID(fmt.Sprintf("n%06d", row+i%wide)), graph.ID(fmt.Sprintf("n%06d", row+(i+1)%wide))}
			}
			nodes = append(nodes, node(graph.ID(fmt.Sprintf("n%06d", i)), fmt.Sprint(i), in...))
		}
		return nodes
	},
	"chain": func(n int) []graph.Node {
		var nodes []graph.Node
		for i := range n {
			var in []graph.ID
			if i > 0 {
				in = []graph.ID{graph.ID(fmt.Sprintf("n%06d", i-1))}
			}
			nodes = append(nodes, node(graph.ID(fmt.Sprintf("n%06d", i)), fmt.Sprint(i), in...))
		}
		return nodes
	},
}

func BenchmarkNew(b *testing.B) {
	for _, shape := range []string{"fan", "layered", "chain"} {
		for _, n := range []int{10, 1000, 10_000} {
			nodes := shapes[shape](n)
			b.Run(fmt.Sprintf("%s/%d", shape, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := graph.New(nodes...); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/node")
			})
		}
	}
}
