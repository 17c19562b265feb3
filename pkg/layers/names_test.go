package layers_test

import (
	"crypto/sha1"
	"encoding/hex"
	"regexp"
	"strings"
	"testing"
	"testing/quick"

	"github.com/terok-ai/terok-agent/pkg/layers"
)

var example16 = "registry.example.internal/" + strings.Repeat("x", 100) + ":latest"

// digits returns the first n hexadecimal digits of the SHA-1 of s.
func digits(s string, n int) string {
	sum := sha1.Sum([]byte(s))
	return hex.EncodeToString(sum[:])[:n]
}

func TestBaseTable(t *testing.T) {
	q120 := strings.Repeat("q", 120)
	for _, c := range []struct {
		base, fragment string
		length         int
		family         layers.Family
	}{
		{"ubuntu:24.04", "ubuntu-24.04", 12, layers.Deb},
		{"   ", "ubuntu-24.04", 12, layers.Deb},
		{" Debian:12 ", "debian-12", 9, layers.Deb},
		{"fedora:43", "fedora-43", 9, layers.RPM},
		{"quay.io/podman/stable:latest", "quay.io-podman-stable-latest", 28, layers.RPM},
		{"nvcr.io/nvidia/cuda:13.0.0-devel-ubi9", "nvcr.io-nvidia-cuda-13.0.0-devel-ubi9", 37, layers.RPM},
		{"nvidia/cuda:12.4.1-devel-ubuntu24.04", "nvidia-cuda-12.4.1-devel-ubuntu24.04", 36, layers.Deb},
		{"localhost:5000/ubuntu:24.04@sha256:ab12", "localhost-5000-ubuntu-24.04-sha256-ab12", 39, ""},
		{"docker.io/library/ubuntu:24.04", "docker.io-library-ubuntu-24.04", 30, ""},
		{"repo//name::tag", "repo-name-tag", 13, ""},
		{"a:-b", "a--b", 4, ""},
		{"---", "ubuntu-24.04", 12, ""},
		{"Ünï/x:é", "n-x", 3, ""},
		{q120, q120, 120, ""},
		{q120 + "q", q120[:111] + "-8398fe66", 120, ""},
		{example16, "registry.example.internal-" + strings.Repeat("x", 85) + "-7e632c0e", 120, ""},
		{"_a.", "_a", 2, ""},
	} {
		got := layers.BaseFragment(c.base)
		if got != c.fragment || len(got) != c.length {
			t.Errorf("BaseFragment(%q) = %q (%d), want %q (%d)", c.base, got, len(got), c.fragment, c.length)
		}
		for tag, repo := range map[string]string{
			layers.L0Tag(c.base): "terok-l0:", layers.L1Tag(c.base, nil): "terok-l1-cli:",
			layers.SidecarTag(c.base): "terok-l1-sidecar:", layers.FetchTag(c.base): "terok-fetch:",
		} {
			if tag != repo+c.fragment {
				t.Errorf("base %q: tag %q, want %q", c.base, tag, repo+c.fragment)
			}
		}
		family, err := layers.FamilyOf(c.base)
		if family != c.family || (err == nil) != (c.family != "") {
			t.Errorf("FamilyOf(%q) = %q, %v, want %q", c.base, family, err, c.family)
		}
	}
}

func TestBaseHashes(t *testing.T) {
	// The hash covers the trimmed text with its capitals.
	long := "Registry.example/" + strings.Repeat("Y", 130)
	want := "registry.example-" + strings.Repeat("y", 94) + "-" + digits(long, 8)
	if got := layers.BaseFragment("\t" + long + "\u00a0\u001f"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNormalizeBase(t *testing.T) {
	for in, want := range map[string]string{
		"": "ubuntu:24.04", " \t\n\v\f\r": "ubuntu:24.04",
		"\u001c\u001d\u001e\u001f\u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000": "ubuntu:24.04",
		" a b ":      "a b",
		"\u200bx":    "\u200bx", // zero width, but no blank
		"\ufeffx":    "\ufeffx",
		"\x1fx\x1by": "x\x1by",
	} {
		if got := layers.NormalizeBase(in); got != want {
			t.Errorf("NormalizeBase(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestL1Table(t *testing.T) {
	all := strings.Split("blablador caddy claude codex copilot gh glab kisski opencode openrouter sonar toad vibe", " ")
	allTag := strings.Join(all, "-")
	b107 := strings.Repeat("b", 107)
	for _, c := range []struct {
		name, base string
		selection  []string
		tag        string
		length     int
	}{
		{"default", "ubuntu:24.04", nil, "ubuntu-24.04", 12},
		{"empty", "ubuntu:24.04", []string{}, "ubuntu-24.04-empty", 18},
		{"sorted", "ubuntu:24.04", []string{"codex", "claude"}, "ubuntu-24.04-claude-codex", 25},
		{"all", "ubuntu:24.04", all, "ubuntu-24.04-" + allTag, 100},
		{"readable while it fits", "quay.io/podman/stable:latest", all, "quay.io-podman-stable-latest-" + allTag, 116},
		{
			"hashed when too long", "nvcr.io/nvidia/nvhpc:25.9-devel-cuda13.0-ubuntu24.04", all,
			"nvcr.io-nvidia-nvhpc-25.9-devel-cuda13.0-ubuntu24.04-e45fc8c221c8", 65,
		},
		{
			"long base is cut", example16,
			[]string{"claude", "codex", "gh"},
			"registry.example.internal-" + strings.Repeat("x", 81) + "-9f788d3cfb73", 120,
		},
		{"long bases may share a tag, c", b107 + strings.Repeat("c", 90), []string{"claude"}, b107 + "-f1dda22f6c87", 120},
		{"long bases may share a tag, d", b107 + strings.Repeat("d", 90), []string{"claude"}, b107 + "-f1dda22f6c87", 120},
		{"a base may look like a selection, base", "ubuntu:24.04-claude", nil, "ubuntu-24.04-claude", 19},
		{"a base may look like a selection, selection", "ubuntu:24.04", []string{"claude"}, "ubuntu-24.04-claude", 19},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.TrimPrefix(layers.L1Tag(c.base, c.selection), "terok-l1-cli:")
			if got != c.tag || len(got) != c.length {
				t.Errorf("got %q (%d), want %q (%d)", got, len(got), c.tag, c.length)
			}
		})
	}
}

func TestL1TagLeavesSelection(t *testing.T) {
	selection := []string{"codex", "claude"}
	layers.L1Tag("x", selection)
	if selection[0] != "codex" {
		t.Error("the caller's selection was sorted")
	}
}

func TestPartTag(t *testing.T) {
	nines := strings.Repeat("9", 121)
	for got, want := range map[string]string{
		layers.PartTag("agent", "codex", "0.169.0"):           "terok-agent-codex:0.169.0",
		layers.PartTag("tool", "ast-grep", "0.51.1"):          "terok-tool-ast-grep:0.51.1",
		layers.PartTag("tool", "x", "v1+build/2"):             "terok-tool-x:v1-build-2",
		layers.PartTag("tool", "x", "1.0-RC1"):                "terok-tool-x:1.0-RC1",
		layers.PartTag("tool", "x", " ... "):                  "terok-tool-x:unversioned",
		layers.PartTagUnpinned("agent", "codex", "Debian:12"): "terok-agent-codex:debian-12",
		layers.PartTag("tool", "x", nines):                    "terok-tool-x:" + nines[:111] + "-" + digits(nines, 8),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

var validTag = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)

// checkTags holds what is true of the tags of any base, names and version.
func checkTags(t *testing.T, base string, names []string, version string) {
	t.Helper()
	fragment := layers.BaseFragment(base)
	if again := layers.BaseFragment(fragment); again != fragment {
		t.Errorf("fragment of %q is %q, whose fragment is %q", base, fragment, again)
	}
	if n := layers.NormalizeBase(base); layers.NormalizeBase(n) != n || layers.BaseFragment(n) != fragment {
		t.Errorf("normalising %q twice changes it", base)
	}
	for _, full := range []string{
		layers.L0Tag(base), layers.SidecarTag(base), layers.FetchTag(base), layers.L1Tag(base, nil),
		layers.L1Tag(base, names), layers.L1Tag(base, []string{}), layers.PartTag("tool", "x", version),
		layers.PartTagUnpinned("tool", "x", base),
	} {
		_, tag, _ := strings.Cut(full, ":")
		if !validTag.MatchString(tag) || len(tag) > 120 {
			t.Errorf("base %q, names %q, version %q: %q is not a valid tag", base, names, version, tag)
		}
		if _, err := layers.ParseRef(full); err != nil {
			t.Errorf("base %q, names %q, version %q: %v", base, names, version, err)
		}
	}
}

func TestTagsAreValid(t *testing.T) {
	random := func(base string, names []string, version string) bool {
		checkTags(t, base, names, version)
		return !t.Failed()
	}
	if err := quick.Check(random, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
	// Random text is nearly all foreign letters: also texts near the limits.
	near := func(n uint8, c uint8, tail string) bool {
		base := strings.Repeat(string("aZ.-_/: 9"[c%9]), int(n)) + tail
		checkTags(t, base, []string{tail, base}, base)
		return !t.Failed()
	}
	if err := quick.Check(near, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

func FuzzTags(f *testing.F) {
	f.Add("ubuntu:24.04", "claude", "1.2.3")
	f.Add("\x1f\xff", "", "é")
	f.Fuzz(func(t *testing.T, base, name, version string) {
		checkTags(t, base, []string{name}, version)
	})
}
