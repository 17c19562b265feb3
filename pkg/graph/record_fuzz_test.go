package graph_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"reflect"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// FuzzParseRecord holds that no label makes the package panic, that what can be
// read can be written, and that what is written is read as it was. Where packed
// is true, head and body are what a record holds in the clear: no mutation of
// packed bytes would get that far.
func FuzzParseRecord(f *testing.F) {
	good, err := sample(2).Labels()
	if err != nil {
		f.Fatal(err)
	}
	_, rest, _ := strings.Cut(good[graph.LabelRecord], ".")
	head, body, _ := strings.Cut(rest, ".")
	f.Add(head, body, false)
	f.Add("W10", "", false)
	f.Add("sha256:i\nlinux/amd64\n1\ns", `{"n":"l0","k":["f","c","sha256:i"],"f":[["F","a/b","f0644","12","x"],["I","RUN","","34"]],"c":[],"t":[{"n":"l0/s","k":["","",""]}]}`, true)
	f.Fuzz(func(t *testing.T, head, body string, packed bool) {
		key, _, _ := strings.Cut(head, "\n")
		if packed {
			head, body = base64.RawURLEncoding.EncodeToString([]byte(head)), pack(t, body)
		}
		labels := map[string]string{graph.LabelRecord: "2." + head + "." + body, graph.LabelNode: "l0", graph.LabelKey: key}
		top, headErr := graph.ParseHead(labels)
		r, err := graph.ParseRecord(labels)
		if err != nil {
			return
		}
		if headErr != nil || top.Salt != r.Salt || !reflect.DeepEqual(top.Inputs, r.Inputs) {
			t.Fatalf("the head alone is read as %+v (%v), with its body as %+v", top, headErr, r)
		}
		if len(body) < graph.RecordBudget/4 {
			again := writeAndRead(t, r)
			if third := writeAndRead(t, again); !reflect.DeepEqual(again, third) {
				t.Errorf("was\n%+v\nand became\n%+v", again, third)
			}
		}
	})
}

func writeAndRead(t *testing.T, r graph.Record) graph.Record {
	t.Helper()
	labels, err := r.Labels()
	if err != nil {
		t.Fatalf("a record that was read cannot be written: %v", err)
	}
	out, err := graph.ParseRecord(labels)
	if err != nil {
		t.Fatalf("a record that was written cannot be read: %v", err)
	}
	return out
}

func pack(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b.Bytes())
}
