package buildkit

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// entry is a descriptor of an image that is called by one letter.
func entry(image, name string) ocispecs.Descriptor {
	d := ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageManifest, Digest: digest.FromString(image)}
	if name != "" {
		d.Annotations = map[string]string{store.AnnotationName: name}
	}
	return d
}

// show writes descriptors as "image=name", sorted.
func show(list []ocispecs.Descriptor) string {
	var out []string
	for _, d := range list {
		for _, image := range []string{"a", "b", "c"} {
			if d.Digest == digest.FromString(image) {
				out = append(out, image+"="+nameOf(d))
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestMoved(t *testing.T) {
	for _, c := range []struct {
		name  string
		list  []ocispecs.Descriptor
		moves map[string]string
		want  string
	}{
		{"a name is new", []ocispecs.Descriptor{entry("a", "")}, map[string]string{"x": "a"}, "a=x"},
		{"a name moves", []ocispecs.Descriptor{entry("a", "x"), entry("b", "")}, map[string]string{"x": "b"}, "a= b=x"},
		{"a name stays", []ocispecs.Descriptor{entry("a", "x")}, map[string]string{"x": "a"}, "a=x"},
		{"one of two names moves", []ocispecs.Descriptor{entry("a", "x"), entry("a", "y"), entry("b", "")}, map[string]string{"x": "b"}, "a=y b=x"},
		{"both names move", []ocispecs.Descriptor{entry("a", "x"), entry("a", "y"), entry("b", "z")}, map[string]string{"x": "b", "y": "b"}, "a= b=x b=y b=z"},
		{"names are exchanged", []ocispecs.Descriptor{entry("a", "x"), entry("b", "y")}, map[string]string{"x": "b", "y": "a"}, "a=y b=x"},
		{"others are left alone", []ocispecs.Descriptor{entry("c", "z"), entry("a", "x"), entry("b", "")}, map[string]string{"x": "b"}, "a= b=x c=z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			moves := map[string]ocispecs.Descriptor{}
			for name, image := range c.moves {
				moves[name] = entry(image, "")
			}
			got := moved(c.list, moves)
			if show(got) != c.want {
				t.Errorf("got %s, want %s", show(got), c.want)
			}
			if again := moved(got, maps.Clone(moves)); show(again) != c.want {
				t.Errorf("a second time: %s, want %s", show(again), c.want)
			}
		})
	}
}

// A reader of the index never sees half of it, and a lock that is held is
// waited for.
func TestIndexIsWhole(t *testing.T) {
	l := newLayoutDir(filepath.Join(t.TempDir(), "images"))
	if err := l.add(t.Context(), entry("a", "")); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 8)
	for _, image := range []string{"a", "b", "a", "b", "a", "b", "a", "b"} {
		go func() {
			done <- l.tag(t.Context(), map[string]ocispecs.Descriptor{"x": entry(image, ""), "y": entry(image, "")})
		}()
	}
	for running := 8; running > 0; {
		select {
		case err := <-done:
			if running--; err != nil {
				t.Fatal(err)
			}
		default:
		}
		index, err := l.readIndex()
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]digest.Digest{}
		for _, d := range index.Manifests {
			if n := nameOf(d); n != "" {
				names[n] = d.Digest
			}
		}
		if names["localhost/x"] != names["localhost/y"] || names["x"] != names["y"] {
			t.Fatalf("half a move was seen: %v", names)
		}
	}
	left, err := filepath.Glob(filepath.Join(l.Dir, ".index.json-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(l.Dir, "oci-layout")); err != nil {
		t.Error(err)
	}
}
