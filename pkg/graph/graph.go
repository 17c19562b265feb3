// Package graph holds the desired images as plain checked values: nodes, what
// enters their keys, the records that built images carry, and the snapshot of
// a store. It reads nothing and writes nothing.
package graph

import (
	"errors"
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
	// inputs are the places, in nodes, of each node's inputs.
	inputs [][]int
	keys   []Keys
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
	o, err := arrange(nodes)
	if err != nil {
		return nil, err
	}
	g := &Graph{nodes: make([]Node, len(nodes)), index: o.at, inputs: make([][]int, len(nodes)), stages: map[ID][]int{}}
	place := make([]int, len(nodes))
	for i, r := range o.order {
		place[r] = i
	}
	for id, r := range o.at {
		o.at[id] = place[r]
	}
	for i, r := range o.order {
		n := &nodes[o.byID[r]]
		g.nodes[i], g.inputs[i] = *n, o.inputs[r]
		for k, in := range o.inputs[r] {
			o.inputs[r][k] = place[in]
		}
		if n.Kind == KindStage {
			g.stages[n.Layer] = append(g.stages[n.Layer], i)
		}
	}
	g.makeKeys()
	return g, nil
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

// Position returns the place of a node in Nodes.
func (g *Graph) Position(id ID) (int, bool) {
	i, ok := g.index[id]
	return i, ok
}

// InputsAt returns the places in Nodes of the inputs of the node at a place, in
// the order of its Inputs. The slice must not be changed.
func (g *Graph) InputsAt(i int) []int { return g.inputs[i] }

// KeysAt returns the keys of the node at a place in Nodes.
func (g *Graph) KeysAt(i int) Keys { return g.keys[i] }

// Keys returns the keys of a node; the zero value for an unknown one.
func (g *Graph) Keys(id ID) Keys {
	i, ok := g.index[id]
	if !ok {
		return Keys{}
	}
	return g.keys[i]
}
