package graph

import (
	"fmt"
	"slices"
	"strings"
)

// arrangement is the order of nodes while it is found. A rank is a node's place
// by ID, so that comparing ranks is comparing IDs.
type arrangement struct {
	byID   []int      // rank to argument
	at     map[ID]int // ID to rank
	inputs [][]int    // ranks of the inputs, by rank
	order  []int      // ranks, inputs first
}

// arrange checks the nodes and orders them. Nodes are large and stay where they
// are; only numbers move.
func arrange(nodes []Node) (*arrangement, error) {
	o := &arrangement{byID: make([]int, len(nodes)), at: make(map[ID]int, len(nodes))}
	for i := range o.byID {
		o.byID[i] = i
	}
	slices.SortFunc(o.byID, func(a, b int) int { return strings.Compare(string(nodes[a].ID), string(nodes[b].ID)) })
	edges := 0
	for r, i := range o.byID {
		n := &nodes[i]
		if _, dup := o.at[n.ID]; dup {
			return nil, fmt.Errorf("checking node %q: %w", n.ID, ErrDuplicate)
		}
		o.at[n.ID] = r
		edges += len(n.Inputs)
	}
	if err := o.findInputs(nodes, edges); err != nil {
		return nil, err
	}
	waiting := o.sort(edges)
	if len(o.order) < len(nodes) {
		return nil, &CycleError{Path: o.cycle(nodes, waiting)}
	}
	return o, nil
}

func (o *arrangement) findInputs(nodes []Node, edges int) error {
	o.inputs = make([][]int, len(nodes))
	all := make([]int, 0, edges)
	for r, i := range o.byID {
		n, from := &nodes[i], len(all)
		for k := range n.Inputs {
			j, ok := o.at[n.Inputs[k].Node]
			if !ok {
				return fmt.Errorf("checking node %q: %w: %q", n.ID, ErrUnknownInput, n.Inputs[k].Node)
			}
			all = append(all, j)
		}
		o.inputs[r] = all[from:len(all):len(all)]
	}
	return nil
}

// sort fills order: inputs first; among the nodes that are ready the smallest
// ID comes first. It returns how many inputs each node still waits for: none,
// but for nodes of a cycle and what stands on them.
func (o *arrangement) sort(edges int) (waiting []int) {
	n := len(o.inputs)
	waiting = make([]int, n)
	// The readers of r are readers[from[r]:from[r+1]]; a node that reads twice
	// waits twice.
	from := make([]int, n+1)
	for _, in := range o.inputs {
		for _, j := range in {
			from[j+1]++
		}
	}
	for r := range n {
		from[r+1] += from[r]
	}
	readers, next := make([]int, edges), slices.Clone(from[:n])
	ready := &indexHeap{}
	for r, in := range o.inputs {
		waiting[r] = len(in)
		for _, j := range in {
			readers[next[j]] = r
			next[j]++
		}
		if len(in) == 0 {
			ready.push(r)
		}
	}
	o.order = make([]int, 0, n)
	for ready.len() > 0 {
		r := ready.pop()
		o.order = append(o.order, r)
		for _, reader := range readers[from[r]:from[r+1]] {
			if waiting[reader]--; waiting[reader] == 0 {
				ready.push(reader)
			}
		}
	}
	return waiting
}

// cycle names the nodes of a circle, the first repeated last.
func (o *arrangement) cycle(nodes []Node, waiting []int) []ID {
	r := slices.IndexFunc(waiting, func(w int) bool { return w > 0 })
	// Every waiting node has a waiting input, so walking inputs must repeat.
	seen := map[int]int{}
	var path []ID
	for {
		id := nodes[o.byID[r]].ID
		if first, again := seen[r]; again {
			return append(path[first:], id)
		}
		seen[r] = len(path)
		path = append(path, id)
		for _, j := range o.inputs[r] {
			if waiting[j] > 0 {
				r = j
				break
			}
		}
	}
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
