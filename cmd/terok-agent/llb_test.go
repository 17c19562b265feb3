package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
)

func showLLB(node string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = run(context.Background(), []string{"terok-agent", "graph", "--llb", node, "--agents", "codex", "--platform", "linux/amd64"}, streams{out: &o, err: &e})
	return code, o.String(), e.String()
}

func TestGraphLLB(t *testing.T) {
	code, first, errs := showLLB("l1")
	if code != exitDone {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var d struct {
		Ops    []struct{ Kind, Name, Source string }
		Config struct{ Config struct{ User string } }
	}
	if err := json.Unmarshal([]byte(first), &d); err != nil {
		t.Fatal(err)
	}
	if d.Config.Config.User != "dev" || len(d.Ops) == 0 || !strings.HasPrefix(d.Ops[0].Name, "[l1 ") {
		t.Errorf("got %+v", d)
	}
	if _, second, _ := showLLB("l1"); second != first {
		t.Error("two runs, two answers")
	}
	// Of l0 the configuration is there, and no step.
	for _, op := range d.Ops {
		if strings.Contains(op.Name, "apt-get") {
			t.Errorf("a step of the parent: %s", op.Name)
		}
	}
}

func TestGraphLLBOfNothing(t *testing.T) {
	code, _, errs := showLLB("l2")
	if code != exitUsage || !strings.Contains(errs, `"l2"`) || !strings.Contains(errs, "agent/codex") {
		t.Errorf("exit %d: %s", code, errs)
	}
}
