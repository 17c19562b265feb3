// Package graph holds the desired images as plain checked values: nodes, what
// enters their keys, the records that built images carry, and the snapshot of
// a store. It reads nothing and writes nothing.
package graph

import (
	"errors"
	"fmt"
	"sort"
	"strings"
)

// ID names a node: "base", "l0", "agent/codex", or "<layer>/<stage>".
type ID string

// Kind says what a node is.
type Kind string

// The kinds of node.
const (
	// KindBase is an external image under our layers, pinned to a digest.
	KindBase Kind = "base"
	// KindLayer is an image of ours.
	KindLayer Kind = "layer"
	// KindStage is one stage inside a layer's Dockerfile; it has keys and a
	// verdict but no image of its own.
	KindStage Kind = "stage"
)

// Role says how a Dockerfile refers to an input.
type Role string

// The roles of an input.
const (
	RoleFrom  Role = "from"
	RoleCopy  Role = "copy"
	RoleMount Role = "mount"
)

// Input is an edge: something a node's Dockerfile refers to.
type Input struct {
	// Role is how the Dockerfile refers to it. A node read in two ways has
	// two inputs.
	Role Role
	// Node is the input's ID.
	Node ID
	// Arg is the build argument that carries the reference ("L0" for
	// "FROM ${L0}"), or "" when the Dockerfile spells the reference out.
	Arg string
	// Ref is the reference as the Dockerfile resolves it by default.
	Ref string
	// Builder is true for an input that is needed to build but whose key does
	// not enter ours: what fetches a part whose every byte is checked against
	// a lock.
	Builder bool
}

// Node is one thing in the graph. Nodes are values: New copies what it needs
// and nobody changes them afterwards.
type Node struct {
	ID   ID
	Kind Kind
	// Layer is the layer a stage belongs to; empty for others.
	Layer ID
	// Stage is the index, in the Dockerfile, of a stage or of a layer's target.
	Stage int
	// Ref is a base's reference, as the user wrote it, trimmed.
	Ref string
	// Digest is a base's pinned image config digest ("sha256:…").
	Digest string
	// Unchecked is true when a base's digest was taken from an existing record
	// because neither store nor registry was asked.
	Unchecked bool
	// Version is a layer's printable version, or "".
	Version string
	// Unpinned lists, for people, the steps of a layer that no lock covers.
	Unpinned []string
	// Platform is "linux/amd64" or alike; empty for bases.
	Platform string
	// Tags are the names a layer is published under.
	Tags []string
	// Contains are the entries inside a layer that is put together, sorted.
	Contains []string
	// Inputs are the edges, in the order of the Dockerfile.
	Inputs []Input
	// Files are the ingredients of the files key, in order.
	Files []Ingredient
	// Config are the ingredients of the config key, in order.
	Config []Ingredient
	// Recipe is what a layer is built from; nil for bases and stages.
	Recipe *Recipe
}

// Graph is a checked, ordered, sealed set of nodes with their keys.
type Graph struct {
	nodes []Node // topological order, ties by ID
	index map[ID]int
	keys  []Keys
	// stages are the stages of each layer.
	stages map[ID][]int
}

// ErrDuplicate, ErrUnknownInput and ErrCycle say which check New failed.
var (
	ErrDuplicate    = errors.New("two nodes have the same name")
	ErrUnknownInput = errors.New("input is not a node")
)

// CycleError names the nodes of a cycle, in order, the first repeated last.
type CycleError struct{ Path []ID }

func (e *CycleError) Error() string {
	s := make([]string, len(e.Path))
	for i, id := range e.Path {
		s[i] = string(id)
	}
	return "the layers depend on each other in a circle: " + strings.Join(s, " → ")
}

// New checks the nodes, orders them (inputs first, ties by ID) and makes their
// keys. The order of the arguments does not matter.
func New(nodes ...Node) (*Graph, error) {
	sorted := append([]Node(nil), nodes...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].ID < sorted[j].ID })
	at := make(map[ID]int, len(sorted))
	for i := range sorted {
		n := &sorted[i]
		if _, dup := at[n.ID]; dup {
			return nil, fmt.Errorf("checking node %q: %w", n.ID, ErrDuplicate)
		}
		at[n.ID] = i
	}
	order, err := topological(sorted, at)
	if err != nil {
		return nil, err
	}
	g := &Graph{nodes: make([]Node, len(sorted)), index: make(map[ID]int, len(sorted)), stages: map[ID][]int{}}
	for i, old := range order {
		g.nodes[i] = sorted[old]
		g.index[sorted[old].ID] = i
		if sorted[old].Kind == KindStage {
			g.stages[sorted[old].Layer] = append(g.stages[sorted[old].Layer], i)
		}
	}
	g.makeKeys()
	return g, nil
}

// topological returns the indices of nodes, inputs first; among the nodes that
// are ready the smallest ID comes first.
func topological(nodes []Node, at map[ID]int) ([]int, error) {
	waiting := make([]int, len(nodes))
	readers := make([][]int, len(nodes))
	for i := range nodes {
		seen := map[int]bool{}
		for _, in := range nodes[i].Inputs {
			j, ok := at[in.Node]
			if !ok {
				return nil, fmt.Errorf("checking node %q: %w: %q", nodes[i].ID, ErrUnknownInput, in.Node)
			}
			if seen[j] {
				continue
			}
			seen[j] = true
			waiting[i]++
			readers[j] = append(readers[j], i)
		}
	}
	// nodes are sorted by ID, so a heap of indices is a heap of IDs.
	ready := &indexHeap{}
	for i, w := range waiting {
		if w == 0 {
			ready.push(i)
		}
	}
	order := make([]int, 0, len(nodes))
	for ready.len() > 0 {
		i := ready.pop()
		order = append(order, i)
		for _, r := range readers[i] {
			if waiting[r]--; waiting[r] == 0 {
				ready.push(r)
			}
		}
	}
	if len(order) < len(nodes) {
		return nil, findCycle(nodes, at, waiting)
	}
	return order, nil
}

func findCycle(nodes []Node, at map[ID]int, waiting []int) error {
	start := -1
	for i, w := range waiting {
		if w > 0 {
			start = i
			break
		}
	}
	// Every waiting node has a waiting input, so walking inputs must repeat.
	seen := map[int]int{}
	var path []ID
	for i := start; ; {
		if first, again := seen[i]; again {
			return &CycleError{Path: append(path[first:], nodes[i].ID)}
		}
		seen[i] = len(path)
		path = append(path, nodes[i].ID)
		for _, in := range nodes[i].Inputs {
			if j := at[in.Node]; waiting[j] > 0 {
				i = j
				break
			}
		}
	}
}

// Nodes returns the nodes, inputs first. The slice must not be changed.
func (g *Graph) Nodes() []Node { return g.nodes }

// Lookup returns the node with this ID.
func (g *Graph) Lookup(id ID) (Node, bool) {
	i, ok := g.index[id]
	if !ok {
		return Node{}, false
	}
	return g.nodes[i], true
}

// Keys returns the keys of a node; the zero value for an unknown one.
func (g *Graph) Keys(id ID) Keys {
	i, ok := g.index[id]
	if !ok {
		return Keys{}
	}
	return g.keys[i]
}

// indexHeap is a binary min-heap of ints.
type indexHeap struct{ a []int }

func (h *indexHeap) len() int { return len(h.a) }

func (h *indexHeap) push(v int) {
	h.a = append(h.a, v)
	for i := len(h.a) - 1; i > 0; {
		p := (i - 1) / 2
		if h.a[p] <= h.a[i] {
			return
		}
		h.a[p], h.a[i] = h.a[i], h.a[p]
		i = p
	}
}

func (h *indexHeap) pop() int {
	top := h.a[0]
	last := len(h.a) - 1
	h.a[0] = h.a[last]
	h.a = h.a[:last]
	for i := 0; ; {
		c := 2*i + 1
		if c >= last {
			return top
		}
		if c+1 < last && h.a[c+1] < h.a[c] {
			c++
		}
		if h.a[i] <= h.a[c] {
			return top
		}
		h.a[i], h.a[c] = h.a[c], h.a[i]
		i = c
	}
}
