package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/store"
	"github.com/terok-ai/terok-agent/pkg/testfile"
)

func TestDockerConfig(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	says := func(answer string) {
		testfile.Script(t, filepath.Join(dir, "docker"), "cat <<'JSON'\n"+answer+"\nJSON")
	}
	says(`[{"Id":"sha256:11","Os":"linux","Architecture":"amd64","Config":{"Env":["A=b"],"OnBuild":["RUN x"]}}]`)
	c, err := store.Docker{}.Config(t.Context(), "sha256:11")
	if err != nil || c.ID != "sha256:11" || len(c.Env) != 1 || c.Env[0] != "A=b" || len(c.OnBuild) != 1 || c.OnBuild[0] != "RUN x" || c.Platform != "linux/amd64" {
		t.Errorf("got %+v (%v)", c, err)
	}
	for _, answer := range []string{"[]", "nonsense"} {
		says(answer)
		if _, err := (store.Docker{}).Config(t.Context(), "x"); !errors.Is(err, store.ErrBadAnswer) {
			t.Errorf("%s: %v", answer, err)
		}
	}
}
