package roster_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestLockSchema holds that Load knows every key of the published schema of
// locks and no other.
func TestLockSchema(t *testing.T) {
	text, err := os.ReadFile("../../../docs/schema/lock.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	unknown := func(lock, key string) bool {
		_, err := load(t, map[string]string{"a.yaml": npmOnly, "a.lock.json": fmt.Sprintf(lock, key)})
		return err != nil && strings.Contains(err.Error(), fmt.Sprintf("unknown key %q", key))
	}
	for _, c := range []struct {
		name, lock string
		keys       schema
		want       int
	}{
		{"lock", `{"schema": 1, %q: []}`, s, 6},
		{"artefact", `{"schema": 1, "artefacts": [{%q: []}]}`, *s.Properties["artefacts"].Items, 6},
	} {
		if len(c.keys.Properties) != c.want {
			t.Errorf("%s has %d keys, want %d", c.name, len(c.keys.Properties), c.want)
		}
		for key := range c.keys.Properties {
			if key != "schema" && unknown(c.lock, key) {
				t.Errorf("%s: Load does not know %q", c.name, key)
			}
		}
		if !unknown(c.lock, "nonsense") {
			t.Errorf("%s: the check does not reach its keys", c.name)
		}
	}
}
