package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/sources"
)

// The ids of the secrets that the built-in recipes mount.
const (
	secretFetch = "terok-fetch"
	secretCA    = "terok-ca"
)

// buildOptions collects what holds for every build. What downloads need to
// know of this machine goes in as secrets: it enters neither key nor image.
func (o Options) buildOptions(ctx context.Context, p *Planned) (exec.BuildOptions, func(), error) {
	b := exec.BuildOptions{Secrets: map[string]string{}, SSH: o.SSH, Network: o.Network, Isolation: o.Isolation}
	nothing := func() {}
	for id, file := range o.Secrets {
		if id == secretFetch || id == secretCA {
			return b, nothing, &Error{Message: fmt.Sprintf("the secret id %q is taken", id), Hint: "choose another id", ExitCode: exitUsage}
		}
		if _, err := os.Stat(file); err != nil {
			return b, nothing, &Error{
				Class: string(exec.ClassSecret), Message: fmt.Sprintf("secret %s: cannot read %s", id, file),
				Hint: "give a file that exists: --secret id=" + id + ",src=FILE", ExitCode: exitUsage, Err: err,
			}
		}
		b.Secrets[id] = file
	}
	ca, err := sources.CABundle(o.Getenv, o.CABundle)
	if err != nil {
		return b, nothing, &Error{Class: string(exec.ClassSecret), Message: err.Error(), Hint: "name a PEM file with --ca-bundle", ExitCode: exitUsage, Err: err}
	}
	if ca != "" {
		b.Secrets[secretCA] = ca
	}
	if !buildsParts(p) {
		return b, nothing, nil
	}
	host := sources.Machine(ctx, ".")
	host.Env = o.Getenv
	cfg, err := sources.Load(host, o.Mirrors)
	if err != nil {
		return b, nothing, fmt.Errorf("reading where downloads come from: %w", err)
	}
	dir, err := os.MkdirTemp(o.Getenv("XDG_RUNTIME_DIR"), "terok-agent-")
	if errors.Is(err, os.ErrNotExist) {
		dir, err = os.MkdirTemp("", "terok-agent-")
	}
	if err != nil {
		return b, nothing, fmt.Errorf("making a directory for secrets: %w", err)
	}
	cleanup := func() { _ = os.RemoveAll(dir) }
	file := filepath.Join(dir, secretFetch)
	if err := os.WriteFile(file, cfg.Encode(), 0o600); err != nil {
		cleanup()
		return b, nothing, fmt.Errorf("writing a secret: %w", err)
	}
	b.Secrets[secretFetch] = file
	return b, cleanup, nil
}

// buildsParts reports whether anything will be downloaded by a part.
func buildsParts(p *Planned) bool {
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Action == plan.Build && layers.IsPart(s.Node) {
			return true
		}
	}
	return false
}

// ParseSecret reads "id=NAME,src=FILE".
func ParseSecret(text string) (id, file string, err error) {
	for _, field := range strings.Split(text, ",") {
		k, v, _ := strings.Cut(field, "=")
		switch k {
		case "id":
			id = v
		case "src", "source":
			file = v
		default:
			return "", "", fmt.Errorf("reading --secret %q: unknown field %q, want id=NAME,src=FILE", text, k)
		}
	}
	if id == "" || file == "" {
		return "", "", fmt.Errorf("reading --secret %q: want id=NAME,src=FILE", text)
	}
	return id, file, nil
}
