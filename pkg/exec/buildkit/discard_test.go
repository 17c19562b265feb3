package buildkit_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// Two images share a layer; removing one leaves what the other needs, and what
// nobody knows.
func TestDiscardFromLayout(t *testing.T) {
	dir := t.TempDir()
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	below, err := random.Image(1000, 2)
	if err != nil {
		t.Fatal(err)
	}
	more, err := random.Layer(5000, "application/vnd.oci.image.layer.v1.tar+gzip")
	if err != nil {
		t.Fatal(err)
	}
	above, err := mutate.AppendLayers(below, more)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.AppendImage(below, layout.WithAnnotations(map[string]string{store.AnnotationName: "localhost/below:1"})); err != nil {
		t.Fatal(err)
	}
	if err := l.AppendImage(above); err != nil {
		t.Fatal(err)
	}
	stranger := filepath.Join(dir, "blobs", "sha256", "0000000000000000000000000000000000000000000000000000000000000000")
	if err := os.WriteFile(stranger, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	look := store.Layout{Dir: dir}
	before, err := look.Holding(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	id, err := above.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	var gone graph.Image
	for _, img := range before.Images {
		if img.ID == id.String() {
			gone = img
		}
	}
	size := func() (sum int64) {
		entries, err := os.ReadDir(filepath.Join(dir, "blobs", "sha256"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			sum += info.Size()
		}
		return sum
	}
	was, promised := size(), before.Freed([]string{gone.ID})
	if err := buildkit.DiscardFromLayout(context.Background(), dir, []graph.Image{gone}); err != nil {
		t.Fatal(err)
	}
	if freed := was - size(); freed != promised || freed < 5000 {
		t.Errorf("freed %d bytes, promised %d", freed, promised)
	}
	if _, err := os.Stat(stranger); err != nil {
		t.Errorf("a blob that no image used: %v", err)
	}
	after, err := look.Observe(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := after.ByName("localhost/below:1"); !ok || len(after.Images) != 1 {
		t.Errorf("left: %v", after.Images)
	}
	index, err := l.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	left, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := left.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range layers {
		if _, err := layer.Compressed(); err != nil {
			t.Errorf("a layer that is needed: %v", err)
		}
	}
}
