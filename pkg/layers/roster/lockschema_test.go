package roster_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/yamlfile/schematest"
)

// TestLockSchema holds that Load knows every key of the published schema of
// locks and no other.
func TestLockSchema(t *testing.T) {
	s := schematest.Read(t, "lock")
	unknown := func(lock, key string) bool {
		_, err := load(t, map[string]string{"a.yaml": npmOnly, "a.lock.json": fmt.Sprintf(lock, key)})
		return err != nil && strings.Contains(err.Error(), fmt.Sprintf("unknown key %q", key))
	}
	for _, c := range []struct {
		name, lock string
		keys       []string
		want       int
	}{
		{"lock", `{"schema": 1, %q: []}`, s.Keys(), 6},
		{"artefact", `{"schema": 1, "artefacts": [{%q: []}]}`, s.Part(t, "properties", "artefacts", "items").Keys(), 6},
	} {
		if len(c.keys) != c.want {
			t.Errorf("%s has %d keys, want %d", c.name, len(c.keys), c.want)
		}
		for _, key := range c.keys {
			if key != "schema" && unknown(c.lock, key) {
				t.Errorf("%s: Load does not know %q", c.name, key)
			}
		}
		if !unknown(c.lock, "nonsense") {
			t.Errorf("%s: the check does not reach its keys", c.name)
		}
	}
}
