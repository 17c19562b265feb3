package exectest

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// Content returns a file of an image, without the newline at its end.
func Content(t testing.TB, img v1.Image, path string) string {
	t.Helper()
	text, found := "", false
	EachFile(t, img, func(h *tar.Header, content io.Reader) error {
		if h.Name != strings.TrimPrefix(path, "/") {
			return nil
		}
		all, err := io.ReadAll(content)
		text, found = strings.TrimSuffix(string(all), "\n"), true
		return err
	})
	if !found {
		t.Fatalf("no file %s in the image", path)
	}
	return text
}

// EachFile calls f with every path of an image, all layers taken together. The
// names have no slash at either end.
func EachFile(t testing.TB, img v1.Image, f func(h *tar.Header, content io.Reader) error) {
	t.Helper()
	in := mutate.Extract(img)
	defer in.Close()
	r := tar.NewReader(in)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			h.Name = strings.Trim(strings.TrimPrefix(h.Name, "./"), "/")
			err = f(h, r)
		}
		if err != nil {
			t.Fatalf("reading an image: %v", err)
		}
	}
}

// Everything is all that an image consists of: its configuration and its
// layers, unpacked.
func Everything(t testing.TB, img v1.Image) []byte {
	t.Helper()
	var all bytes.Buffer
	config, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	all.Write(config)
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		in, err := l.Uncompressed()
		if err == nil {
			_, err = io.Copy(&all, in)
			_ = in.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.Bytes()
}
