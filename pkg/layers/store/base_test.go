package store_test

import (
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

func TestFindBase(t *testing.T) {
	hex := func(c string) string { return strings.Repeat(c, 64) }
	manifest := "sha256:" + hex("9")
	snap := graph.NewSnapshot([]graph.Image{
		{ID: "sha256:" + hex("a"), Names: []string{"docker.io/library/ubuntu:24.04"}},
		{ID: "sha256:" + hex("b"), Names: []string{"docker.io/library/debian:latest"}, Manifest: manifest},
		{ID: "sha256:" + hex("c"), Names: []string{"localhost/x:latest", "localhost/both:1"}},
		{ID: "sha256:" + hex("d"), Names: []string{"docker.io/library/both:1", "docker.io/me/app:2"}},
		{ID: "sha256:" + hex("e"), Names: []string{"127.0.0.1:5000/a/b:3"}},
		{ID: "sha256:" + hex("f"), Names: []string{"registry.fedoraproject.org/fedora:40"}},
		{ID: "sha256:" + hex("1"), Names: []string{"localhost/ubuntu:24.04"}},
	})
	for _, c := range []struct{ ref, want string }{
		{"ubuntu:24.04", "a"},
		{" ubuntu:24.04\n", "a"},
		{"docker.io/ubuntu:24.04", "a"},
		{"docker.io/library/ubuntu:24.04", "a"},
		{"localhost/ubuntu:24.04", "1"},
		{"ubuntu", ""},
		{"debian", "b"},
		{"debian@" + manifest, "b"},
		{"debian:12@" + manifest, "b"},
		{"renamed@" + manifest, "b"},
		{"debian@sha256:" + hex("8"), ""},
		{"localhost/x", "c"},
		{"x", "c"},
		{"both:1", "c"}, // podman looks under localhost first
		{"me/app:2", "d"},
		{"127.0.0.1:5000/a/b:3", "e"},
		{"127.0.0.1:5000/a/b", ""},
		{"fedora:40", "f"},
		{"sha256:" + hex("e"), "e"},
		{hex("e"), "e"},
		{"Ubuntu:24.04", ""},
		{"", ""},
		{":1", ""},
		{"@", ""},
	} {
		img, ok := store.FindBase(snap, c.ref)
		want := ""
		if c.want != "" {
			want = "sha256:" + hex(c.want)
		}
		if img.ID != want || ok != (want != "") {
			t.Errorf("FindBase(%q) = %q, %v, want %q", c.ref, img.ID, ok, want)
		}
	}
}
