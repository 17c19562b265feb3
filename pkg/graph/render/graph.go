package render

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// ErrFormat says that a graph has no such format.
var ErrFormat = errors.New("unknown format")

// Graph writes a graph in a format: tree, dot or mermaid. With stages it shows
// those inside layers too. The error for another format is ErrFormat.
func Graph(w io.Writer, g *graph.Graph, format string, stages bool) error {
	switch format {
	case "tree":
		return Tree(w, g, stages)
	case "dot":
		return Dot(w, g, stages)
	case "mermaid":
		return Mermaid(w, g, stages)
	}
	return fmt.Errorf("%w %q", ErrFormat, format)
}

// edge is one line between two nodes that are shown.
type edge struct {
	from, to graph.ID
	builder  bool
}

// shown returns the nodes and the edges between them; without stages, what a
// stage reads is read by its layer.
func shown(g *graph.Graph, stages bool) (nodes []graph.Node, edges []edge) {
	seen := map[edge]bool{}
	for _, n := range g.Nodes() {
		id := n.ID
		if n.Kind == graph.KindStage && !stages {
			id = n.Layer
		} else {
			nodes = append(nodes, n)
		}
		for _, in := range n.Inputs {
			t, _ := g.Lookup(in.Node)
			if t.Kind == graph.KindStage && !stages {
				continue
			}
			e := edge{from: in.Node, to: id, builder: in.Builder}
			if !seen[e] {
				seen[e] = true
				edges = append(edges, e)
			}
		}
	}
	return nodes, edges
}

// Tree writes the graph from the results down to the base; what only builds is
// marked, and a node that was written before is not opened again.
func Tree(w io.Writer, g *graph.Graph, stages bool) error {
	nodes, edges := shown(g, stages)
	below := map[graph.ID][]edge{}
	read := map[graph.ID]bool{}
	for _, e := range edges {
		below[e.to] = append(below[e.to], e)
		read[e.from] = true
	}
	var b strings.Builder
	done := map[graph.ID]bool{}
	var visit func(id graph.ID, indent, mark string)
	visit = func(id graph.ID, indent, mark string) {
		n, _ := g.Lookup(id)
		label := string(id)
		switch {
		case n.Kind == graph.KindBase:
			label += "  " + n.Ref
		case len(n.Tags) > 0:
			label += "  " + n.Tags[0]
		}
		if done[id] && len(below[id]) > 0 {
			b.WriteString(indent + mark + label + "  (above)\n")
			return
		}
		b.WriteString(indent + mark + label + "\n")
		done[id] = true
		if mark != "" {
			indent += map[bool]string{true: "   ", false: "│  "}[strings.HasPrefix(mark, "└")]
		}
		for i, e := range below[id] {
			m := "├─ "
			if i == len(below[id])-1 {
				m = "└─ "
			}
			if e.builder {
				m += "(builder) "
			}
			visit(e.from, indent, m)
		}
	}
	for _, n := range nodes {
		if !read[n.ID] {
			visit(n.ID, "", "")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Dot writes the graph for Graphviz.
func Dot(w io.Writer, g *graph.Graph, stages bool) error {
	nodes, edges := shown(g, stages)
	var b strings.Builder
	b.WriteString("digraph layers {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n")
	for _, n := range nodes {
		style := ""
		switch n.Kind {
		case graph.KindBase:
			style = ", shape=cylinder"
		case graph.KindStage:
			style = ", style=dotted"
		case graph.KindLayer:
		}
		fmt.Fprintf(&b, "  %q [label=%q%s];\n", n.ID, n.ID, style)
	}
	for _, e := range edges {
		style := ""
		if e.builder {
			style = " [style=dashed]"
		}
		fmt.Fprintf(&b, "  %q -> %q%s;\n", e.from, e.to, style)
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// Mermaid writes the graph as a Mermaid flowchart.
func Mermaid(w io.Writer, g *graph.Graph, stages bool) error {
	nodes, edges := shown(g, stages)
	at := map[graph.ID]string{}
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for i, n := range nodes {
		at[n.ID] = fmt.Sprintf("n%d", i)
		fmt.Fprintf(&b, "  n%d[\"%s\"]\n", i, n.ID)
	}
	for _, e := range edges {
		arrow := "-->"
		if e.builder {
			arrow = "-.->"
		}
		fmt.Fprintf(&b, "  %s %s %s\n", at[e.from], arrow, at[e.to])
	}
	_, err := io.WriteString(w, b.String())
	return err
}
