package buildkit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	bkclient "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/tonistiigi/fsutil"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

// localContext is what our session calls a build context that lies on disk.
const localContext = "context"

// hostNetworkEntitlement is the permission to use the host's network.
const hostNetworkEntitlement = "network.host"

func hostPlatform() string { return "linux/" + runtime.GOARCH }

// solveOpt is what the client needs beside the definition: where the image
// goes and what the session serves. Its maps are new for every build, because
// the client writes to them.
func (b *build) solveOpt() (bkclient.SolveOpt, error) {
	opt := bkclient.SolveOpt{FrontendAttrs: map[string]string{}, OCIStores: map[string]content.Store{}}
	entry, err := b.x.o.Target.export(b.r)
	if err != nil {
		return opt, err
	}
	if epoch := b.x.o.getenv(epochVariable); epoch != "" {
		entry.Attrs["source-date-epoch"], entry.Attrs["rewrite-timestamp"] = epoch, "true"
	}
	opt.Exports = []bkclient.ExportEntry{entry}
	b.caches(&opt)
	for _, s := range b.parents {
		if s.store != nil {
			opt.OCIStores[storeName] = s.store
		}
	}
	if b.networkMode() == "host" {
		opt.AllowedEntitlements = []string{hostNetworkEntitlement}
	}
	if b.networkMode() == "private" && b.daemon.hostNetwork {
		return opt, &exec.Error{
			Class: exec.ClassNetwork, ExitCode: -1, Message: "the BuildKit daemon that was started has only the host's network for steps",
			Hint: "name a daemon that has more with --buildkit-addr, or leave --network out",
		}
	}
	if dir := b.r.Recipe.ContextDir; dir != "" {
		tree, err := fsutil.NewFS(dir)
		if err != nil {
			return opt, &exec.Error{Class: exec.ClassContext, ExitCode: -1, Message: err.Error(), Err: err}
		}
		opt.LocalMounts = map[string]fsutil.FS{localContext: tree}
	}
	opt.Session, err = b.attachables()
	return opt, err
}

// attachables are what a step or the daemon may ask our session for.
func (b *build) attachables() ([]session.Attachable, error) {
	secrets, err := b.secrets()
	if err != nil {
		return nil, err
	}
	all := []session.Attachable{secrets, b.x.credentials()}
	agents, err := b.agents()
	if agents != nil {
		all = append(all, agents)
	}
	return all, err
}

// secrets serves the secrets' files and variables; files are read when a step
// asks.
func (b *build) secrets() (session.Attachable, error) {
	var files []secretsprovider.Source
	for _, id := range sortedKeys(b.r.Options.Secrets) {
		files = append(files, secretsprovider.Source{ID: id, FilePath: b.r.Options.Secrets[id]})
	}
	for _, id := range sortedKeys(b.r.Options.SecretEnv) {
		variable := b.r.Options.SecretEnv[id]
		if _, ok := os.LookupEnv(variable); !ok {
			return nil, &exec.Error{Class: exec.ClassSecret, ExitCode: -1, Message: fmt.Sprintf("secret %q: the variable %s is not set", id, variable)}
		}
		files = append(files, secretsprovider.Source{ID: id, Env: variable})
	}
	store, err := secretsprovider.NewStore(files)
	if err != nil {
		return nil, &exec.Error{
			Class: exec.ClassSecret, ExitCode: -1, Message: err.Error(), Err: err,
			Hint: "a secret is a readable file of at most 500 KiB",
		}
	}
	return secretsprovider.NewSecretProvider(store), nil
}

// agents serves ssh agents and keys, "id[=path]".
func (b *build) agents() (session.Attachable, error) {
	if len(b.r.Options.SSH) == 0 {
		return nil, nil
	}
	var configs []sshprovider.AgentConfig
	for _, text := range b.r.Options.SSH {
		id, path, _ := strings.Cut(text, "=")
		c := sshprovider.AgentConfig{ID: id}
		if path != "" {
			c.Paths = strings.Split(path, ",")
		}
		configs = append(configs, c)
	}
	provider, err := sshprovider.NewSSHAgentProvider(configs)
	if err != nil {
		return nil, &exec.Error{
			Class: exec.ClassSecret, ExitCode: -1, Message: fmt.Sprintf("--ssh %s: %v", strings.Join(b.r.Options.SSH, " "), err), Err: err,
			Hint: "start an ssh agent, or give a key: --ssh ID=PATH",
		}
	}
	return provider, nil
}

// excluded are the recipe's own rules; where it has none, those of the
// directory's .dockerignore, or of the one that belongs to the Dockerfile alone.
func (b *build) excluded() []string {
	if b.r.Recipe.Exclude != nil {
		return b.r.Recipe.Exclude
	}
	dir := b.r.Recipe.ContextDir
	for _, file := range []string{b.r.Recipe.Name + ".dockerignore", ".dockerignore"} {
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(file)))
		if err != nil {
			continue
		}
		if patterns, err := ignorefile.ReadAll(bytes.NewReader(text)); err == nil {
			return patterns
		}
	}
	return nil
}
