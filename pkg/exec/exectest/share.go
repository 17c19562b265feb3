package exectest

import (
	"context"
	"fmt"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/graph"
)

var _ exec.Sharer = (*Memory)(nil)

// Offers is a look at what the registry has: each image with its reference.
func (m *Memory) Offers() graph.Snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []graph.Image
	for ref, img := range m.Registry {
		img.Names = []string{ref}
		list = append(list, img)
	}
	return graph.NewSnapshot(list)
}

// Push implements exec.Sharer: it puts an image into Registry.
func (m *Memory) Push(_ context.Context, image string, refs []string, _ exec.Sink) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.images[image] == nil {
		return fmt.Errorf("pushing: no image %q", image)
	}
	if m.Registry == nil {
		m.Registry = map[string]graph.Image{}
	}
	for _, ref := range refs {
		m.Registry[ref] = *m.images[image]
	}
	return nil
}

// Fetch implements exec.Sharer: it takes an image from Registry.
func (m *Memory) Fetch(_ context.Context, ref string, _ exec.Sink) (exec.Result, map[string]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	img, ok := m.Registry[ref]
	if !ok {
		return exec.Result{}, nil, fmt.Errorf("pulling %q: not there", ref)
	}
	if m.images == nil {
		m.images = map[string]*graph.Image{}
	}
	if m.images[img.ID] == nil {
		img.Names = nil
		m.images[img.ID] = &img
	}
	return exec.Result{Image: img.ID}, img.Labels, nil
}
