package layers_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/resources"
)

func TestPrepareBuildContext(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "context")
	if err := layers.PrepareBuildContext(dir, resources.FS); err != nil {
		t.Fatal(err)
	}
	agents, _ := filepath.Glob(dir + "/toad-agents/*")
	if len(agents) != 2 || !strings.HasSuffix(agents[0], "/blablador.helmholtz.de.toml") {
		t.Errorf("toad-agents holds %q", agents)
	}
	for _, name := range []string{"scripts/l0/init-ssh-and-repo.sh", "scripts/agents/toad/toad", "tmux/container-tmux.conf"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if err := layers.PrepareBuildContext(dir, resources.FS); err == nil {
		t.Error("a directory that holds something was taken")
	}
}
