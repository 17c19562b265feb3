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
	for id, variable := range o.SecretEnv {
		if id == secretFetch || id == secretCA || o.Secrets[id] != "" {
			return b, nothing, takenID(id)
		}
		if _, ok := os.LookupEnv(variable); !ok {
			return b, nothing, &Error{
				Class: string(exec.ClassSecret), Message: fmt.Sprintf("secret %s: the variable %s is not set", id, variable),
				Hint: "set it, or give a file: --secret id=" + id + ",src=FILE", ExitCode: exitUsage,
			}
		}
	}
	b.SecretEnv = o.SecretEnv
	for id, file := range o.Secrets {
		if id == secretFetch || id == secretCA {
			return b, nothing, takenID(id)
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

func takenID(id string) *Error {
	return &Error{Message: fmt.Sprintf("the secret id %q is taken", id), Hint: "choose another id", ExitCode: exitUsage}
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

// Secret is a build secret as people give it: in a file, or in a variable of
// this process.
type Secret struct{ ID, File, Variable string }

// ParseSecret reads "id=NAME,src=FILE" or "id=NAME,env=VARIABLE".
func ParseSecret(text string) (Secret, error) {
	const want = "id=NAME,src=FILE or id=NAME,env=VARIABLE"
	var s Secret
	for _, field := range strings.Split(text, ",") {
		k, v, _ := strings.Cut(field, "=")
		switch k {
		case "id":
			s.ID = v
		case "src", "source":
			s.File = v
		case "env":
			s.Variable = v
		case "type":
			if v != "file" && v != "env" {
				return s, fmt.Errorf("reading --secret: unknown type %q, want %s", v, want)
			}
		default:
			return s, fmt.Errorf("reading --secret: unknown field %q, want %s", k, want)
		}
	}
	if s.ID == "" || (s.File == "") == (s.Variable == "") {
		return s, fmt.Errorf("reading --secret of id %q: want %s", s.ID, want)
	}
	return s, nil
}
