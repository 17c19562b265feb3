package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/layers/roster"
)

// MissingToolError says that resolving needs a program that this machine lacks.
type MissingToolError struct{ Entry, Tool string }

func (e *MissingToolError) Error() string {
	return fmt.Sprintf("resolving the packages of %s needs %s, which is not on this machine", e.Entry, e.Tool)
}

// Hint says what to do.
func (e *MissingToolError) Hint() string { return "install " + e.Tool }

// trees makes the native locks of a version.
func (c *Client) trees(ctx context.Context, e roster.Entry, version string) (map[string][]byte, error) {
	out := map[string][]byte{}
	base := strings.TrimSuffix(e.File, ".yaml")
	for _, s := range e.Install {
		var err error
		switch {
		case s.Npm != nil:
			out[base+".package-lock.json"], err = c.npmTree(ctx, e, s.Npm, version)
		case s.Pypi != nil:
			out[base+".requirements.txt"], err = c.pypiTree(ctx, e, s.Pypi, version)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// npmTree has npm resolve a package; nothing is installed and nothing runs.
func (c *Client) npmTree(ctx context.Context, e roster.Entry, n *roster.Npm, version string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "terok-agent-lock-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for npm: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	manifest, _ := json.Marshal(map[string]any{"name": e.Name, "private": true, "dependencies": map[string]string{n.Package: version}})
	if err := os.WriteFile(filepath.Join(dir, "package.json"), manifest, 0o600); err != nil {
		return nil, fmt.Errorf("writing for npm: %w", err)
	}
	_, err = c.run(ctx, e.Name, dir, c.Npm, "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund",
		"--no-update-notifier", "--omit-lockfile-registry-resolved=true", "--registry="+c.sources.NpmRegistry)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return nil, fmt.Errorf("reading what npm resolved: %w", err)
	}
	return prune(text, n)
}

// prune takes optional packages that the registry did not have out of a lock,
// which npm would miss later: silently those of other systems and those that are
// left out anyway. One for Linux that is wanted is an error.
func prune(text []byte, n *roster.Npm) ([]byte, error) {
	var lock map[string]any
	if err := json.Unmarshal(text, &lock); err != nil {
		return nil, fmt.Errorf("reading what npm resolved: %w", err)
	}
	packages, _ := lock["packages"].(map[string]any)
	for where, p := range packages {
		pkg, _ := p.(map[string]any)
		optional, _ := pkg["optionalDependencies"].(map[string]any)
		for name := range optional {
			if has(packages, where, name) {
				continue
			}
			if !slices.Contains(n.Omit, "optional") && forLinux(name) {
				return nil, fmt.Errorf("the registry lacks %s, which %s needs", name, path.Base(where))
			}
			delete(optional, name)
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(lock); err != nil {
		return nil, fmt.Errorf("writing a lock: %w", err)
	}
	return b.Bytes(), nil
}

// has looks for a package as Node does: in the directories above.
func has(packages map[string]any, where, name string) bool {
	for {
		if _, ok := packages[path.Join(where, "node_modules", name)]; ok {
			return true
		}
		if where == "" {
			return false
		}
		i := strings.LastIndex(where, "node_modules/")
		where = strings.TrimSuffix(where[:max(i, 0)], "/")
	}
}

// forLinux tells whether a package is one of a program's for the systems that
// images are built for.
func forLinux(name string) bool {
	return strings.Contains(name, "linux") && (strings.Contains(name, "x64") || strings.Contains(name, "arm64")) && !strings.Contains(name, "musl")
}

// run runs a resolver with its own configuration.
func (c *Client) run(ctx context.Context, entry, dir string, command []string, args ...string) ([]byte, error) {
	argv := slices.Concat(command, args)
	cmd := osexec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch {
	case errors.Is(err, osexec.ErrNotFound):
		return nil, &MissingToolError{Entry: entry, Tool: command[0]}
	case err != nil:
		return nil, fmt.Errorf("resolving the packages of %s: %s: %w", entry, complaint(stderr.String()), err)
	}
	return stdout.Bytes(), nil
}

// complaint is what npm or pip says is wrong, in one line.
func complaint(text string) string {
	var out []string
	for _, line := range strings.Split(text, "\n") {
		for _, mark := range []string{"npm error ", "ERROR: "} {
			if rest, ok := strings.CutPrefix(line, mark); ok && !strings.HasPrefix(rest, "A complete log") && len(out) < 3 {
				out = append(out, strings.TrimSpace(rest))
			}
		}
	}
	return strings.Join(out, "; ")
}
