package graph_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

func sample(files int) graph.Record {
	r := graph.Record{
		Node: "l0", Platform: "linux/amd64", Version: "1.2", Salt: "s",
		Keys: graph.Keys{Files: "sha256:f", Config: "sha256:c", Image: "sha256:i"},
		Files: []graph.Ingredient{
			{Kind: graph.Base, Name: "from", Digest: graph.DigestOf("base"), Note: "debian:12"},
			{Kind: graph.Instruction, Name: "RUN", Digest: graph.DigestOf("a"), Note: `echo "$HOME" \ 'é'`},
		},
		Config: []graph.Ingredient{{Kind: graph.Arg, Name: "A", Attr: "unset"}},
		Stages: []graph.StageRecord{{ID: "l0/x", Keys: graph.Keys{Files: "sha256:1"}, Files: []graph.Ingredient{}, Config: []graph.Ingredient{}}},
		Inputs: []graph.InputRecord{{Node: "base", Image: "sha256:b", Key: "debian:12"}},
	}
	for i := range files {
		r.Files = append(r.Files, graph.Ingredient{
			Kind: graph.File, Name: fmt.Sprintf("src/d%03d/e%d/file-%d.txt", i%100, i%7, i), Attr: "f0644", Digest: graph.DigestOf(fmt.Sprint(i)),
		})
	}
	return r
}

func TestRecordRoundTrip(t *testing.T) {
	want := sample(3)
	labels, err := want.Labels()
	if err != nil {
		t.Fatal(err)
	}
	got, err := graph.ParseRecord(labels)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want.Files {
		if !graph.SameDigest(want.Files[i].Digest, got.Files[i].Digest) {
			t.Errorf("digest of %s: %s and %s", want.Files[i].Name, want.Files[i].Digest, got.Files[i].Digest)
		}
		got.Files[i].Digest = want.Files[i].Digest
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	again, _ := want.Labels()
	if !reflect.DeepEqual(labels, again) {
		t.Error("the same record gives other labels")
	}
}

func TestRecordBudget(t *testing.T) {
	labels, err := sample(100_000).Labels()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(labels[graph.LabelRecord]); n > graph.RecordBudget {
		t.Errorf("record of 100,000 files takes %d bytes", n)
	}
	got, err := graph.ParseRecord(labels)
	if err != nil {
		t.Fatal(err)
	}
	trees := 0
	for _, in := range got.Files {
		if in.Kind == graph.Tree {
			trees++
		}
	}
	if trees == 0 {
		t.Error("nothing was folded")
	}
}

// What is written without names is read as it was, and everything else too.
func TestRecordOfManyInputs(t *testing.T) {
	for n, wantEach := range map[int]int{50: 0, 200: 200, 2250: 2250, 3000: 0} {
		r := sample(3)
		for i := range n {
			id := fmt.Sprintf("l%d", i)
			r.Inputs = append(r.Inputs, graph.InputRecord{Node: graph.ID(id), Image: graph.DigestOf(id), Key: graph.DigestOf("key", id)})
		}
		labels, err := r.Labels()
		if err != nil {
			t.Fatal(err)
		}
		if size := len(labels[graph.LabelRecord]); size > graph.RecordBudget {
			t.Errorf("%d inputs: %d bytes", n, size)
		}
		got, err := graph.ParseRecord(labels)
		if err != nil {
			t.Fatal(err)
		}
		if base, ok := got.Input("base"); !ok || base != r.Inputs[0] {
			t.Errorf("%d inputs: the base is %+v", n, base)
		}
		layers := graph.UnnamedImages(r.Inputs[1:])
		switch {
		case n == 50:
			if !reflect.DeepEqual(got.Inputs, r.Inputs) || !got.Unnamed.None() {
				t.Errorf("%d inputs: %d by name", n, len(got.Inputs))
			}
		case wantEach > 0:
			if !reflect.DeepEqual(got.Unnamed, layers) {
				t.Errorf("%d inputs: %d without a name", n, len(got.Unnamed.Images))
			}
		case !reflect.DeepEqual(got.Unnamed, layers.Together()):
			t.Errorf("%d inputs: %+v", n, got.Unnamed)
		}
	}
	// Many external images leave only what a verdict needs.
	r := sample(3)
	for i := range 1000 {
		ref := fmt.Sprintf("example.org/image:%d", i)
		r.Inputs = append(r.Inputs, graph.InputRecord{Node: graph.ID(ref), Image: graph.DigestOf(ref), Key: ref})
	}
	labels, err := r.Labels()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := graph.ParseRecord(labels); err != nil || len(got.Inputs) != 0 || !got.Unnamed.None() || got.Salt != r.Salt {
		t.Errorf("1000 bases: %d by name, %v", len(got.Inputs), err)
	}
}

func TestRecordRefuses(t *testing.T) {
	good, err := sample(1).Labels()
	if err != nil {
		t.Fatal(err)
	}
	with := func(k, v string) map[string]string {
		m := map[string]string{}
		for key, val := range good {
			m[key] = val
		}
		m[k] = v
		return m
	}
	for name, tc := range map[string]struct {
		labels map[string]string
		want   error
	}{
		"none":              {nil, graph.ErrNoRecord},
		"newer format":      {with(graph.LabelRecord, "3.abc"), graph.ErrRecordFormat},
		"not base64":        {with(graph.LabelRecord, "2.%%%.x"), graph.ErrRecordBroken},
		"cut off":           {with(graph.LabelRecord, good[graph.LabelRecord][:40]), graph.ErrRecordBroken},
		"no body":           {with(graph.LabelRecord, "2.W10"), graph.ErrRecordBroken},
		"a short head":      {with(graph.LabelRecord, "2.W10.x"), graph.ErrRecordBroken},
		"another's node":    {with(graph.LabelNode, "l1"), graph.ErrRecordBroken},
		"another's key":     {with(graph.LabelKey, "sha256:z"), graph.ErrRecordBroken},
		"images not base64": {with(graph.LabelRecord, good[graph.LabelRecord]+".%"), graph.ErrRecordBroken},
		"images cut off":    {with(graph.LabelRecord, good[graph.LabelRecord]+".AAAA"), graph.ErrRecordBroken},
		"two over all":      {with(graph.LabelRecord, good[graph.LabelRecord]+".=AAAAAAAAAAAAAAAAAAAAAA"), graph.ErrRecordBroken},
		"empty is no one":   {with(graph.LabelRecord, ""), graph.ErrNoRecord},
		"a letter flipped":  {with(graph.LabelRecord, strings.Replace(good[graph.LabelRecord], "A", "B", 1)), graph.ErrRecordBroken},
	} {
		if _, err := graph.ParseRecord(tc.labels); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestRecordLines(t *testing.T) {
	r := sample(0)
	r.Version = "1\n2"
	if _, err := r.Labels(); err == nil || !strings.Contains(err.Error(), "more than one line") {
		t.Errorf("a version of two lines: %v", err)
	}
}
