package layers

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// RenderL0 returns the Dockerfile of L0 on a base.
func RenderL0(base string, family Family, resources fs.FS) (string, error) {
	return renderOne(Spec{Base: base, Family: family, NoL1: true}, resources, L0ID)
}

// RenderL1 returns the Dockerfile of L1 with a selection of agents on a base.
// A nil selection is the default one.
func RenderL1(base string, family Family, selection []string, resources fs.FS) (string, error) {
	spec := Spec{Base: base, Family: family}
	if selection != nil {
		text := strings.Join(selection, ",")
		spec.Agents = &text
	}
	return renderOne(spec, resources, L1ID)
}

// RenderSidecar returns the Dockerfile of a tool's sidecar on a base. An
// unknown tool is an error.
func RenderSidecar(base string, family Family, tool string, resources fs.FS) (string, error) {
	return renderOne(Spec{Base: base, Family: family, NoL1: true, Sidecars: []string{tool}}, resources, SidecarID(tool))
}

func renderOne(spec Spec, resources fs.FS, id graph.ID) (string, error) {
	s, err := NewSketch(spec, resources)
	if err != nil {
		return "", err
	}
	for i := range s.d.layers {
		if s.d.layers[i].id == id {
			return string(s.d.layers[i].text), nil
		}
	}
	return "", fmt.Errorf("rendering %q: no such layer", id)
}

// The directories of a build context that other programs know.
const (
	scriptsDir    = "scripts"
	toadAgentsDir = "toad-agents"
	tmuxDir       = "tmux"
	// toadSource is where the resources keep Toad's agent files, beside the
	// scripts of its entry.
	toadSource = "scripts/agents/toad"
)

// StageScripts writes the scripts that images are given to dir, replacing it.
func StageScripts(dir string, resources fs.FS) error { return stage(dir, resources, scriptsDir, "") }

// StageToadAgents writes Toad's agent files to dir, replacing it.
func StageToadAgents(dir string, resources fs.FS) error {
	return stage(dir, resources, toadSource, ".toml")
}

// StageTmuxConfig writes the tmux configuration to dir, replacing it.
func StageTmuxConfig(dir string, resources fs.FS) error { return stage(dir, resources, tmuxDir, "") }

// stage writes the files below a directory of the resources whose names end in
// suffix.
func stage(dir string, resources fs.FS, from, suffix string) error {
	files := map[string][]byte{}
	if err := readTree(resources, from, files); err != nil {
		return err
	}
	relative := make(map[string][]byte, len(files))
	for name, data := range files {
		if strings.HasSuffix(name, suffix) {
			relative[strings.TrimPrefix(name, from+"/")] = data
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("replacing %q: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making %q: %w", dir, err)
	}
	return WriteTree(dir, newContext(relative))
}

// PrepareBuildContext writes scripts, Toad's agents and the tmux configuration
// below dir, which must be absent or empty.
func PrepareBuildContext(dir string, resources fs.FS) error {
	switch names, err := os.ReadDir(dir); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("preparing a build context: %w", err)
	case len(names) > 0:
		return fmt.Errorf("preparing a build context in %q: %w", dir, ErrNotEmpty)
	}
	for name, f := range map[string]func(string, fs.FS) error{
		scriptsDir: StageScripts, toadAgentsDir: StageToadAgents, tmuxDir: StageTmuxConfig,
	} {
		if err := f(filepath.Join(dir, name), resources); err != nil {
			return err
		}
	}
	return nil
}

// ErrNotEmpty is returned for a directory that should be absent or empty.
var ErrNotEmpty = errors.New("directory is not empty")

// WriteTree writes a context below a directory with its exact modes, whatever
// the umask. Links are made as links.
func WriteTree(dir string, tree fs.FS) error {
	return fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(name))
		if d.IsDir() {
			if err := os.MkdirAll(to, 0o755); err != nil {
				return err
			}
			return os.Chmod(to, info.Mode().Perm())
		}
		data, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		return WriteFile(to, data, info.Mode().Perm())
	})
}

// WriteFile writes a file with exactly this mode, whatever the umask.
func WriteFile(name string, data []byte, mode fs.FileMode) error {
	if err := os.WriteFile(name, data, mode); err != nil {
		return err
	}
	return os.Chmod(name, mode)
}
