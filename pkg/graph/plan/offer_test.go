package plan_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// shareAll builds everything and returns it as what a registry has.
func shareAll(t *testing.T, w *world, p plan.Policy) map[string]graph.Image {
	t.Helper()
	p.Targets = []graph.ID{"fetch", "l0", "l1"}
	w.apply(t, p)
	for _, s := range w.plan(t, plan.Policy{Targets: p.Targets}).Steps {
		if s.Kind != graph.KindLayer {
			continue
		}
		if err := w.store.Push(context.Background(), s.Found, []string{"registry.test/" + string(s.Node)}, exec.SinkFunc(func(exec.Event) {})); err != nil {
			t.Fatal(err)
		}
	}
	return w.store.Registry
}

// What a registry has is pulled instead of built, and only what is needed.
func TestPlanPullsWhatIsOffered(t *testing.T) {
	later := time.Unix(1000000, 0)
	for _, tc := range []struct {
		name string
		// there edits the project whose images are offered, here this one.
		there, here func(*testing.T, *world)
		elsewhere   plan.Policy
		policy      plan.Policy
		want        string
		builds      string
	}{
		{
			name: "nothing is here",
			want: "agent/claude not-needed no-image(terok-agent-claude:2.1); agent/codex not-needed no-image(terok-agent-codex:0.168.0); " +
				"fetch not-needed no-image(terok-fetch:d); l0 not-needed no-image(terok-l0:d); l1 pull no-image(terok-l1:d)",
		},
		{
			name:   "nothing is here and one agent is newer than what is offered",
			here:   func(_ *testing.T, w *world) { w.versions["codex"] = "0.169.0" },
			want:   "agent/claude pull no-image(terok-agent-claude:2.1); agent/codex no-image(terok-agent-codex:0.169.0); fetch pull no-image(terok-fetch:d); l0 pull no-image(terok-l0:d); l1 no-image(terok-l1:d)",
			builds: "agent/codex l1",
		},
		{
			name: "an older l1 is here, and what it stands on",
			here: func(t *testing.T, w *world) {
				w.apply(t, plan.Policy{})
				w.versions["codex"] = "0.169.0"
			},
			there: func(_ *testing.T, w *world) { w.versions["codex"] = "0.169.0" },
			want:  "agent/codex not-needed version-changed(VERSION 0.168.0→0.169.0); l1 pull input-changed(agent/codex)",
		},
		{
			name: "the offered l1 stands on another l0 than the one here",
			here: func(t *testing.T, w *world) {
				w.store.Add("", nil) // images get other IDs from here on
				w.apply(t, plan.Policy{})
				w.versions["codex"] = "0.169.0"
			},
			there:  func(_ *testing.T, w *world) { w.versions["codex"] = "0.169.0" },
			want:   "agent/codex pull version-changed(VERSION 0.168.0→0.169.0); l1 input-changed(agent/codex)",
			builds: "l1",
		},
		{
			name: "another l0 is pulled under an l1 that is here",
			here: func(t *testing.T, w *world) {
				w.store.Add("", nil)
				w.apply(t, plan.Policy{})
				w.store.Remove("terok-l0:d")
			},
			policy: plan.Policy{Targets: []graph.ID{"l0", "l1"}},
			want:   "l0 pull no-image(terok-l0:d); l1 input-rebuilt(l0)",
			builds: "l1",
		},
		{
			name: "the same l0 is pulled under an l1 that is here",
			here: func(t *testing.T, w *world) {
				w.apply(t, plan.Policy{Targets: []graph.ID{"fetch", "l0", "l1"}})
				w.store.Remove("terok-l0:d")
			},
			policy: plan.Policy{Targets: []graph.ID{"l0", "l1"}},
			want:   "l0 pull no-image(terok-l0:d)",
		},
		{
			name: "an offered l0 that nobody needs changes nothing",
			here: func(t *testing.T, w *world) {
				w.store.Add("", nil)
				w.apply(t, plan.Policy{})
				w.store.Remove("terok-l0:d")
			},
			want: "l0 not-needed no-image(terok-l0:d)",
		},
		{
			name:   "what is asked to be made again is made here",
			policy: plan.Policy{Refresh: map[graph.ID]plan.Code{"l1": plan.RefreshRequested}},
			want:   "agent/claude pull no-image(terok-agent-claude:2.1); agent/codex pull no-image(terok-agent-codex:0.168.0); fetch not-needed no-image(terok-fetch:d); l0 pull no-image(terok-l0:d); l1 refresh-requested(l1) no-image(terok-l1:d)",
			builds: "l1",
		},
		{
			name: "what parts are fetched with is made again, and they are not",
			policy: plan.Policy{
				Targets: []graph.ID{"fetch", "l1"}, Refresh: map[graph.ID]plan.Code{"fetch": plan.RefreshRequested},
			},
			want: "agent/claude not-needed no-image(terok-agent-claude:2.1); agent/codex not-needed no-image(terok-agent-codex:0.168.0); " +
				"fetch refresh-requested(fetch) no-image(terok-fetch:d); l0 not-needed no-image(terok-l0:d); l1 pull no-image(terok-l1:d)",
			builds: "fetch",
		},
		{
			name:   "what is offered is too old",
			policy: plan.Policy{MaxAge: map[graph.ID]time.Duration{"l1": time.Hour}, Now: later},
			want:   "agent/claude pull no-image(terok-agent-claude:2.1); agent/codex pull no-image(terok-agent-codex:0.168.0); fetch not-needed no-image(terok-fetch:d); l0 pull no-image(terok-l0:d); l1 no-image(terok-l1:d)",
			builds: "l1",
		},
		{
			name: "what was refreshed here does not fall back",
			here: func(t *testing.T, w *world) {
				w.apply(t, plan.Policy{})
				w.apply(t, plan.Policy{Refresh: map[graph.ID]plan.Code{"agent/codex": plan.RefreshRequested}})
				w.versions["codex"] = "0.169.0"
			},
			there:  func(_ *testing.T, w *world) { w.versions["codex"] = "0.169.0" },
			want:   "agent/codex version-changed(VERSION 0.168.0→0.169.0); l1 input-changed(agent/codex)",
			builds: "agent/codex l1",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			there := newWorld(t)
			if tc.there != nil {
				tc.there(t, there)
			}
			offered := shareAll(t, there, tc.elsewhere)
			w := newWorld(t)
			if tc.here != nil {
				tc.here(t, w)
			}
			w.store.Built()
			w.store.Registry = offered
			tc.policy.Offered = w.store.Offers()
			if got, want := sorted(says(w.plan(t, tc.policy))), sorted(tc.want); !slices.Equal(got, want) {
				t.Errorf("plan:\n got %q\nwant %q", got, want)
			}
			if b := w.apply(t, tc.policy); b != tc.builds {
				t.Errorf("built %q, want %q", b, tc.builds)
			}
			if after := w.plan(t, plan.Policy{Targets: tc.policy.Targets}); after.Changes() {
				t.Errorf("after apply: %s", says(after))
			}
		})
	}
}

// An image with the wanted key and the record of another node is none.
func TestPlanPullsOnlyItsOwn(t *testing.T) {
	w := newWorld(t)
	offered := shareAll(t, newWorld(t), plan.Policy{})
	for ref, img := range offered {
		img.Labels = maps.Clone(img.Labels)
		img.Labels[graph.LabelNode] = "somebody"
		offered[ref] = img
	}
	w.store.Registry = offered
	p := w.plan(t, plan.Policy{Offered: w.store.Offers()})
	if s := p.Summary(); s.Pull != 0 {
		t.Errorf("pulls %d: %s", s.Pull, says(p))
	}
}
