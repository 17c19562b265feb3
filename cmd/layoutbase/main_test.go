package main

import (
	"archive/tar"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// An archive becomes an image that the store finds under its name, beside what
// the layout had before.
func TestAdd(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "images")
	const debian, ubuntu = "docker.io/library/debian:12", "docker.io/library/ubuntu:24.04"
	if err := run(t.Context(), []string{"has", dir, debian}); !errors.Is(err, errMissing) {
		t.Errorf("an empty layout: %v", err)
	}
	for _, name := range []string{debian, ubuntu} {
		if err := run(t.Context(), []string{"add", dir, name, archive(t, name)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{debian, ubuntu} {
		if err := run(t.Context(), []string{"has", dir, name}); err != nil {
			t.Error(err)
		}
	}
	snap, err := store.Layout{Dir: dir}.Observe(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := store.FindBase(snap, "debian:12"); !ok {
		t.Error("the store does not find the base")
	}
	if err := run(t.Context(), []string{"add", dir, debian}); err == nil {
		t.Error("no archive, and no error")
	}
}

func archive(t *testing.T, content string) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "base.tar"))
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(f)
	err = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "./etc/issue", Mode: 0o644, Size: int64(len(content))})
	if err == nil {
		_, err = w.Write([]byte(content))
	}
	if err == nil {
		err = w.Close()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}
