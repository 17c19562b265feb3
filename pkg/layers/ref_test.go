package layers_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers"
)

func TestParseRef(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	for _, c := range []struct{ in, familiar, full string }{
		{"ubuntu:24.04", "ubuntu:24.04", "docker.io/library/ubuntu:24.04"},
		{" ubuntu ", "ubuntu:latest", "docker.io/library/ubuntu:latest"},
		{"", "ubuntu:24.04", "docker.io/library/ubuntu:24.04"},
		{"docker.io/library/ubuntu:24.04", "ubuntu:24.04", "docker.io/library/ubuntu:24.04"},
		{"nvidia/cuda:1", "nvidia/cuda:1", "docker.io/nvidia/cuda:1"},
		{"quay.io/podman/stable", "quay.io/podman/stable:latest", "quay.io/podman/stable:latest"},
		{"localhost/terok-l0:x", "localhost/terok-l0:x", "localhost/terok-l0:x"},
		{"localhost:5000/a/b:1", "localhost:5000/a/b:1", "localhost:5000/a/b:1"},
		{"debian@" + digest, "debian@" + digest, "docker.io/library/debian@" + digest},
		{"debian:12@" + digest, "debian:12@" + digest, "docker.io/library/debian:12@" + digest},
	} {
		ref, err := layers.ParseRef(c.in)
		if err != nil || ref.Familiar() != c.familiar || ref.Full() != c.full {
			t.Errorf("ParseRef(%q) = %q, %q, %v, want %q, %q", c.in, ref.Familiar(), ref.Full(), err, c.familiar, c.full)
		}
	}
}

func TestParseRefErrors(t *testing.T) {
	for _, c := range []struct{ name, in, message, hint string }{
		{"capitals", "Ubuntu:24.04", "lower-case", `"ubuntu:24.04"`},
		{"capitals in the tag are fine", "Quay.io/Podman/Stable:LATEST", "lower-case", `"quay.io/podman/stable:LATEST"`},
		{"scheme", "https://quay.io/podman/stable", "scheme", "https://"},
		{"image ID", strings.Repeat("a", 64), "ID", "podman tag"},
		{"two colons", "repo//name::tag", "invalid", "host"},
		{"bad tag", "a:-b", "invalid", "host"},
		{"short digest", "ubuntu@sha256:ab12", "", "host"},
		{"foreign letters", "Ünï/x:é", "", "host"},
		{"blank inside", "ubuntu 24.04", "", "host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := layers.ParseRef(c.in)
			var e *layers.RefError
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want a RefError", err)
			}
			if !strings.Contains(e.Message, c.message) || !strings.Contains(e.Hint, c.hint) {
				t.Errorf("message %q, hint %q; want %q, %q in them", e.Message, e.Hint, c.message, c.hint)
			}
			if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), c.in) {
				t.Errorf("error %q is not one line naming %q", err, c.in)
			}
		})
	}
}

func TestWithDigest(t *testing.T) {
	ref, err := layers.ParseRef("debian:12")
	if err != nil {
		t.Fatal(err)
	}
	if got := ref.WithDigest("sha256:1").Full(); got != "docker.io/library/debian:12@sha256:1" {
		t.Errorf("got %q", got)
	}
	if ref.Digest != "" {
		t.Error("WithDigest changed its receiver")
	}
}

func FuzzParseRef(f *testing.F) {
	for _, s := range []string{"ubuntu:24.04", "Ubuntu", "a@b", ":", "http://x", "localhost:5000/x@sha256:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := layers.ParseRef(s)
		if err != nil {
			return
		}
		again, err := layers.ParseRef(ref.Full())
		if err != nil || again != ref {
			t.Errorf("%q is %+v, whose full spelling is %+v, %v", s, ref, again, err)
		}
		short, err := layers.ParseRef(ref.Familiar())
		if err != nil || short != ref {
			t.Errorf("%q is %+v, whose short spelling is %+v, %v", s, ref, short, err)
		}
	})
}

func TestParseFamily(t *testing.T) {
	for _, s := range []string{"deb", "rpm"} {
		if f, err := layers.ParseFamily(s); err != nil || string(f) != s {
			t.Errorf("ParseFamily(%q) = %q, %v", s, f, err)
		}
	}
	for _, s := range []string{"", "Deb", "apk", " deb"} {
		if _, err := layers.ParseFamily(s); err == nil || !strings.Contains(err.Error(), "deb or rpm") {
			t.Errorf("ParseFamily(%q): %v", s, err)
		}
	}
}

func TestFamilyOf(t *testing.T) {
	for base, want := range map[string]layers.Family{
		"registry.fedoraproject.org/fedora:43": layers.RPM, "Fedora": layers.RPM,
		"nvidia/cuda:1-UBI8": layers.RPM, "nvcr.io/nvidia/cuda:ubix": layers.Deb, "nvcr.io/nvidia/ubi9/x": layers.Deb,
		"ubuntu/nginx@sha256:ab": layers.Deb,
	} {
		if got, err := layers.FamilyOf(base); err != nil || got != want {
			t.Errorf("FamilyOf(%q) = %q, %v, want %q", base, got, err, want)
		}
	}
}

func TestFamilyHint(t *testing.T) {
	for base, want := range map[string]string{
		"docker.io/library/ubuntu:24.04": `"ubuntu:24.04"`, "ubuntus:1": "--family deb", "alpine": "debian",
	} {
		_, err := layers.FamilyOf(base)
		var e *layers.UnknownFamilyError
		if !errors.As(err, &e) || e.Base != base || !strings.Contains(e.Hint(), want) {
			t.Errorf("FamilyOf(%q): %v; want a hint with %s", base, err, want)
		}
	}
}
