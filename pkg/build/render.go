package build

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
	"github.com/terok-ai/terok-agent/pkg/layers"
)

// checkBuildDir refuses a build directory that holds anything, or is a file,
// before any side effect.
func checkBuildDir(dir string) error {
	if dir == "" {
		return nil
	}
	info, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &Error{Message: fmt.Sprintf("build directory %s: %v", dir, errors.Unwrap(err)), ExitCode: exitUsage, Err: err}
	case !info.IsDir():
		return &Error{
			Message: fmt.Sprintf("build directory %s is not a directory", dir), Hint: "name one that is absent or empty", ExitCode: exitUsage,
		}
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return &Error{Message: fmt.Sprintf("build directory %s: %v", dir, errors.Unwrap(err)), ExitCode: exitUsage, Err: err}
	}
	if len(names) > 0 {
		return &Error{
			Message: fmt.Sprintf("build directory %s is not empty", dir), Hint: "name one that is absent or empty; nothing was changed", ExitCode: exitUsage,
		}
	}
	return nil
}

// Render writes the recipes of a plan's layers, their contexts and a build.sh
// that builds all of it by hand with plain "podman build". The directory must
// be absent or empty.
func Render(p *Planned, dir string) error {
	if err := checkBuildDir(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the build directory: %w", err)
	}
	for _, n := range p.Graph.Nodes() {
		if n.Recipe == nil {
			continue
		}
		if err := renderLayer(byHand{p.Graph, n}, dir); err != nil {
			return err
		}
	}
	if err := layers.WriteFile(filepath.Join(dir, "build.sh"), []byte(buildScript(p.Graph)), 0o755); err != nil {
		return fmt.Errorf("writing build.sh: %w", err)
	}
	return nil
}

// renderLayer writes one layer's Dockerfile and the context that was generated
// for it. A user's context stays where it is; what of it is not seen is written
// beside the Dockerfile.
func renderLayer(h byHand, dir string) error {
	r := h.node.Recipe
	text, err := h.text()
	if err != nil {
		return err
	}
	file := filepath.Join(dir, filepath.FromSlash(h.file()))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("making the build directory: %w", err)
	}
	if err := layers.WriteFile(file, text, 0o644); err != nil {
		return fmt.Errorf("writing %s: %w", h.file(), err)
	}
	switch {
	case r.ContextDir != "":
		err = layers.WriteFile(file+".dockerignore", []byte(strings.Join(r.Exclude, "\n")+"\n"), 0o644)
	case r.Context != nil:
		err = layers.WriteTree(dir, r.Context)
	}
	if err != nil {
		return fmt.Errorf("writing the context of %s: %w", h.node.ID, err)
	}
	return nil
}

// DrawSpec draws what should exist without looking at any store; keys mean
// nothing when the external images are not pinned. Errors are *Error.
func DrawSpec(spec Spec, resources fs.FS) (*graph.Graph, error) {
	sketch, err := layers.NewSketch(spec, resources)
	if err != nil {
		return nil, wrap(err)
	}
	found := map[graph.ID]layers.External{}
	for _, b := range sketch.Bases() {
		digest := spec.Pinned[b.ID]
		if b.ID == layers.BaseID {
			digest = spec.BaseDigest
		}
		if digest == "" {
			digest = "sha256:" + strings.Repeat("0", 64)
		}
		found[b.ID] = layers.External{Digest: digest}
	}
	g, err := sketch.Graph(found)
	return g, wrap(err)
}

// RenderSpec is Render without a plan: no engine is asked, so the base's name or
// the spec must tell its family.
func RenderSpec(spec Spec, resources fs.FS, dir string) error {
	if err := checkBuildDir(dir); err != nil {
		return wrap(err)
	}
	g, err := DrawSpec(spec, resources)
	if err != nil {
		return err
	}
	return wrap(Render(&Planned{Spec: spec, Graph: g}, dir))
}

// Explain lists every ingredient of a layer, recorded against current. Errors
// are *Error.
func (p *Planned) Explain(id graph.ID) (plan.Explanation, error) {
	if _, ok := p.Graph.Lookup(id); !ok {
		return plan.Explanation{}, unknownNode("explain", id, p.Graph)
	}
	e, err := plan.Explain(p.Graph, p.Snapshot, p.Plan, id)
	return e, wrap(err)
}
