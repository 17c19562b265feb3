// Package exectest has the suite that every executor on every store passes, an
// executor that keeps its images in memory for tests of everything above an
// engine, and a registry that misbehaves when told to.
package exectest

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// Memory is an executor and its store. Every build gives a new image, as a
// build that ran would. The zero value is ready.
type Memory struct {
	// Fail makes the build of a node fail with this error.
	Fail map[graph.ID]error
	// During is called while a node is being built, if set.
	During func(graph.ID)
	// Registry are images that can be fetched, by reference.
	Registry map[string]graph.Image

	mu     sync.Mutex
	count  int
	images map[string]*graph.Image
	// Requests are the builds asked for, in order.
	Requests []exec.Request
}

var _ exec.Executor = (*Memory)(nil)

// Name implements exec.Executor.
func (m *Memory) Name() string { return "memory" }

// Add puts an image into the store under names and returns its ID.
func (m *Memory) Add(id string, labels map[string]string, names ...string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.add(id, labels, names...)
}

func (m *Memory) add(id string, labels map[string]string, names ...string) string {
	if m.images == nil {
		m.images = map[string]*graph.Image{}
	}
	m.count++
	if id == "" {
		id = graph.DigestOf("image", fmt.Sprint(m.count), labels[graph.LabelKey])
	}
	m.images[id] = &graph.Image{ID: id, Labels: labels, Created: time.Unix(int64(m.count), 0)}
	for _, name := range names {
		m.move(name, id)
	}
	return id
}

func (m *Memory) move(name, id string) {
	name = plan.FullName(name)
	for _, img := range m.images {
		for i, have := range img.Names {
			if have == name {
				img.Names = append(img.Names[:i:i], img.Names[i+1:]...)
				break
			}
		}
	}
	m.images[id].Names = append(m.images[id].Names, name)
}

// Remove takes an image out of the store.
func (m *Memory) Remove(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, img := range m.images {
		for _, have := range img.Names {
			if have == plan.FullName(name) {
				delete(m.images, id)
				return
			}
		}
	}
}

// Snapshot is a look at the store.
func (m *Memory) Snapshot() graph.Snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []graph.Image
	for _, img := range m.images {
		c := *img
		c.Names = append([]string(nil), img.Names...)
		list = append(list, c)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].ID < list[j].ID })
	return graph.NewSnapshot(list)
}

// Build implements exec.Executor.
func (m *Memory) Build(ctx context.Context, r exec.Request, s exec.Sink) (exec.Result, error) {
	if m.During != nil {
		m.During(r.Node)
	}
	if err := ctx.Err(); err != nil {
		return exec.Result{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Requests = append(m.Requests, r)
	for _, p := range r.Parents {
		if m.images[p.Image] == nil {
			return exec.Result{}, fmt.Errorf("building %q: no image %q", r.Node, p.Image)
		}
	}
	if err := m.Fail[r.Node]; err != nil {
		return exec.Result{}, err
	}
	s.Event(exec.Event{Kind: exec.StepDone, Text: "FROM"})
	return exec.Result{Image: m.add("", r.Labels)}, nil
}

// Pull implements exec.Executor.
func (m *Memory) Pull(context.Context, string, exec.Sink) (exec.Result, error) {
	return exec.Result{}, fmt.Errorf("the memory store has no registry")
}

// Tag implements exec.Executor.
func (m *Memory) Tag(_ context.Context, moves map[string]string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, id := range moves {
		if m.images[id] == nil {
			return fmt.Errorf("tagging %q: no image %q", name, id)
		}
	}
	for name, id := range moves {
		m.move(name, id)
	}
	return nil
}

// Built returns the nodes built so far, in order, and forgets them.
func (m *Memory) Built() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ids []string
	for _, r := range m.Requests {
		ids = append(ids, string(r.Node))
	}
	m.Requests = nil
	return strings.Join(ids, " ")
}
