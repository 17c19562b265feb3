package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// labelled is a small image for an architecture with a label of its own.
func labelled(t *testing.T, arch, label string) v1.Image {
	t.Helper()
	img, err := random.Image(64, 1)
	if err == nil {
		var config *v1.ConfigFile
		if config, err = img.ConfigFile(); err == nil {
			config = config.DeepCopy()
			config.OS, config.Architecture = "linux", arch
			config.Config.Labels = map[string]string{"which": label}
			img, err = mutate.ConfigFile(img, config)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// newLayout makes an empty layout.
func newLayout(t *testing.T) (layout.Path, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "images")
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	return path, dir
}

func appendImage(t *testing.T, path layout.Path, img v1.Image, annotations map[string]string) {
	t.Helper()
	if err := path.AppendImage(img, layout.WithAnnotations(annotations)); err != nil {
		t.Fatal(err)
	}
}

func TestLayoutObserve(t *testing.T) {
	path, dir := newLayout(t)
	one, arm := labelled(t, "amd64", "one"), labelled(t, "arm64", "arm")
	appendImage(t, path, one, map[string]string{store.AnnotationName: "localhost/one:1"})
	appendImage(t, path, one, map[string]string{"org.opencontainers.image.ref.name": "other:2"})
	appendImage(t, path, arm, map[string]string{store.AnnotationName: "localhost/arm:1"})
	appendImage(t, path, labelled(t, "amd64", "untagged"), nil)
	index := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: labelled(t, "amd64", "in index")}, mutate.IndexAddendum{Add: labelled(t, "arm64", "in index, arm")})
	if err := path.AppendIndex(index, layout.WithAnnotations(map[string]string{store.AnnotationName: "docker.io/library/multi:1"})); err != nil {
		t.Fatal(err)
	}
	snap, err := store.Layout{Dir: dir}.Observe(t.Context(), "linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	if len(snap.Images) != 3 {
		t.Fatalf("%d images for amd64, want 3: %+v", len(snap.Images), snap.Images)
	}
	for name, want := range map[string]string{"localhost/one:1": "one", "localhost/other:2": "one", "docker.io/library/multi:1": "in index"} {
		img, ok := snap.ByName(name)
		if !ok || img.Labels["which"] != want {
			t.Errorf("%s = %q, want %q", name, img.Labels["which"], want)
		}
		if img.Manifest == "" || img.Size == 0 {
			t.Errorf("%s has manifest %q and size %d", name, img.Manifest, img.Size)
		}
	}
	for ref, want := range map[string]string{"other:2": "one", "multi:1": "in index"} {
		if img, ok := store.FindBase(snap, ref); !ok || img.Labels["which"] != want {
			t.Errorf("base %s = %q, want %q", ref, img.Labels["which"], want)
		}
	}
	id, err := one.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	if img, ok, err := (store.Layout{Dir: dir}).Find(t.Context(), id.String()); err != nil || !ok || len(img.Names) != 2 {
		t.Errorf("Find = %+v, %v, %v; want an image with two names", img, ok, err)
	}
}

// What is not there is empty; what cannot be read is an error.
func TestLayoutTrouble(t *testing.T) {
	path, dir := newLayout(t)
	img := labelled(t, "amd64", "x")
	appendImage(t, path, img, nil)
	id, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "blobs", "sha256", id.Hex)
	good, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	look := func(dir string) (int, error) {
		snap, err := store.Layout{Dir: dir}.Observe(t.Context(), "")
		return len(snap.Images), err
	}
	if n, err := look(filepath.Join(dir, "nonexistent")); n != 0 || err != nil {
		t.Errorf("a missing directory: %d images, %v; want none and no error", n, err)
	}
	if err := os.Remove(config); err != nil {
		t.Fatal(err)
	}
	if n, err := look(dir); n != 0 || err != nil {
		t.Errorf("an image without its config: %d images, %v; want none and no error", n, err)
	}
	if err := os.WriteFile(config, append(good, ' '), 0o644); err != nil {
		t.Fatal(err)
	}
	wantStorage(t, "a config that was changed", dir)
	if err := os.WriteFile(filepath.Join(dir, "index.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantStorage(t, "half an index", dir)
}

func wantStorage(t *testing.T, what, dir string) {
	t.Helper()
	_, err := store.Layout{Dir: dir}.Observe(t.Context(), "")
	var e *store.Error
	if !errors.As(err, &e) || e.Class != store.ClassStorage || e.Hint == "" || !strings.Contains(e.Message, dir) {
		t.Errorf("%s: %v, want a storage error with the directory and a hint", what, err)
	}
}

func TestValidPrefix(t *testing.T) {
	for prefix, ok := range map[string]bool{
		"registry.example/team": true, "127.0.0.1:5000/a/b": true, "localhost:5000/x": true, "ghcr.io/x": true,
		"": false, "team": false, "team/images": false, "localhost/x": false, "registry.example/Team": false, "registry.example/a//b": false,
	} {
		if err := store.ValidPrefix(prefix); (err == nil) != ok {
			t.Errorf("ValidPrefix(%q) = %v, want ok %v", prefix, err, ok)
		}
	}
}

func TestCanonicalName(t *testing.T) {
	for in, want := range map[string]string{
		"ubuntu:24.04": "docker.io/library/ubuntu:24.04", "ubuntu": "docker.io/library/ubuntu:latest", "fedora:42": "registry.fedoraproject.org/fedora:42",
		"own/thing:1": "docker.io/own/thing:1", "quay.io/a/b": "quay.io/a/b:latest", "localhost/x:1": "localhost/x:1",
		"127.0.0.1:5000/a:1": "127.0.0.1:5000/a:1", "debian@sha256:" + strings.Repeat("0", 64): "docker.io/library/debian:latest",
	} {
		if got := store.CanonicalName(in); got != want {
			t.Errorf("CanonicalName(%q) = %q, want %q", in, got, want)
		}
	}
}

func ExampleLayout() {
	fmt.Println(store.Layout{Dir: "/var/lib/images"}.BlobPath("sha256:" + "0000000000000000000000000000000000000000000000000000000000000000"))
	// Output: /var/lib/images/blobs/sha256/0000000000000000000000000000000000000000000000000000000000000000 <nil>
}
