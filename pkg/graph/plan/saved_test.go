package plan_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// A saved plan agrees with a fresh one exactly as long as nothing moved; then
// it names what did.
func TestSavedPlan(t *testing.T) {
	for name, tc := range map[string]struct {
		edit func(*world)
		want string
	}{
		"nothing":                 {func(*world) {}, ""},
		"a script":                {func(w *world) { w.scripts["scripts/l0/init"] = "f0755 new" }, "l0: file-changed scripts/l0/init"},
		"a version":               {func(w *world) { w.versions["codex"] = "0.169.0" }, "agent/codex: version-changed VERSION (0.168.0 → 0.169.0)"},
		"the base":                {func(w *world) { w.base = "base-2" }, "base: base-moved debian:12"},
		"an image was made again": {func(w *world) { refreshed(t, w) }, "l1: action-changed (up-to-date "},
		"an image is there":       {func(w *world) { w.store.Remove("terok-l1:d") }, "l1: action-changed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.apply(t, plan.Policy{})
			var file bytes.Buffer
			if err := plan.Save(&file, w.graph(t), w.plan(t, plan.Policy{}), map[string][]string{"base": {"debian:12"}}); err != nil {
				t.Fatal(err)
			}
			saved, err := plan.Load(&file)
			if err != nil {
				t.Fatal(err)
			}
			tc.edit(w)
			err = plan.Check(saved, w.graph(t), w.plan(t, plan.Policy{}))
			var stale *plan.StaleError
			switch {
			case tc.want == "":
				if err != nil {
					t.Errorf("nothing moved: %v", err)
				}
			case err == nil:
				t.Errorf("got nothing, want %q", tc.want)
			case strings.Contains(err.Error(), "/install"):
				t.Errorf("a stage is said to have moved, not its layer: %v", err)
			case !errors.As(err, &stale) || !strings.Contains(err.Error(), tc.want):
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func refreshed(t *testing.T, w *world) {
	t.Helper()
	w.apply(t, plan.Policy{Refresh: map[graph.ID]plan.Code{"agent/codex": plan.RefreshRequested}})
}
