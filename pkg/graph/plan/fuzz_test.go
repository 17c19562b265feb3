package plan_test

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// saved is a plan in a file, and what it was made from.
type saved struct {
	graph *graph.Graph
	fresh *plan.Plan
	text  string
}

func newSaved(t *testing.T) saved {
	t.Helper()
	w := newWorld(t)
	w.apply(t, plan.Policy{})
	w.scripts["scripts/l0/init"] = "f0755 new"
	s := saved{graph: w.graph(t), fresh: w.plan(t, plan.Policy{})}
	var file bytes.Buffer
	if err := plan.Save(&file, s.graph, s.fresh, map[string][]string{"base": {"debian:12"}}); err != nil {
		t.Fatal(err)
	}
	s.text = file.String()
	return s
}

// FuzzLoad holds that no file makes the package panic, that what was read is
// written and read again as it was, and that a file passes as fresh only when
// every key, base, verdict and image in it is what would be planned now. The
// input replaces a part of a good file: from, where from is in it, by to.
func FuzzLoad(f *testing.F) {
	f.Add("", "")
	f.Add("\"version\": 1", "\"version\": 2")
	f.Add("\"action\": \"build\"", "\"action\": \"up-to-date\"")
	f.Add("\"record\": \"2.", "\"record\": \"2.x")
	f.Add("\"nodes\": [", "\"nodes\": [{\"id\": \"l9\", \"kind\": \"layer\"},")
	var good saved
	var once sync.Once
	f.Fuzz(func(t *testing.T, from, to string) {
		once.Do(func() { good = newSaved(t) })
		text := to
		if strings.Contains(good.text, from) {
			text = strings.Replace(good.text, from, to, 1)
		}
		s, err := plan.Load(strings.NewReader(text))
		if err != nil {
			if !errors.Is(err, plan.ErrFormat) {
				t.Errorf("%v is not an ErrFormat", err)
			}
			return
		}
		checkEncoding(t, s.Plan)
		checkFresh(t, s, good, text)
	})
}

func checkEncoding(t *testing.T, p *plan.Plan) {
	t.Helper()
	var b bytes.Buffer
	if err := plan.Encode(&b, p); err != nil {
		t.Fatalf("a plan that was read cannot be written: %v", err)
	}
	first := b.String()
	again, err := plan.Decode(&b)
	if err != nil {
		t.Fatalf("a plan that was written cannot be read: %v", err)
	}
	b.Reset()
	if err := plan.Encode(&b, again); err != nil || b.String() != first {
		t.Errorf("was\n%s\nand became (%v)\n%s", first, err, b.String())
	}
}

// checkFresh compares a plan by itself with what plan.Check says of it.
func checkFresh(t *testing.T, s *plan.Saved, g saved, text string) {
	t.Helper()
	err := plan.Check(s, g.graph, g.fresh)
	if err == nil && !sameVerdicts(s.Plan, g.fresh) {
		t.Errorf("passes as fresh: %s", text)
	}
	var stale *plan.StaleError
	if err != nil && (!errors.As(err, &stale) || len(stale.Moved) == 0 || err.Error() == "") {
		t.Errorf("%v names nothing", err)
	}
}

// sameVerdicts says whether a file agrees with a fresh plan in all that apply
// goes by. Of what the file says twice, the last counts, as in JSON.
func sameVerdicts(file, fresh *plan.Plan) bool {
	said := map[graph.ID]plan.Step{}
	for _, s := range file.Steps {
		said[s.Node] = s
	}
	for _, now := range fresh.Steps {
		was, ok := said[now.Node]
		delete(said, now.Node)
		switch {
		case now.Kind == graph.KindStage:
		case !ok || was.Digest != now.Digest:
			return false
		case now.Kind == graph.KindLayer && (was.Key != now.Key || was.Action != now.Action || was.Found != now.Found):
			return false
		}
	}
	for _, more := range said {
		if more.Kind != graph.KindStage {
			return false
		}
	}
	return true
}
