package layers

import (
	"crypto/sha1" //nolint:gosec // tags follow a published scheme; nothing is protected by this hash
	"encoding/hex"
	"regexp"
	"sort"
	"strings"
	"unicode"
)

// DefaultBaseImage is the base used when none is given.
const DefaultBaseImage = "ubuntu:24.04"

// The repositories of the built-in layers.
const (
	repositoryL0      = "terok-l0"
	repositoryL1      = "terok-l1-cli"
	repositorySidecar = "terok-l1-sidecar"
	repositoryFetch   = "terok-fetch"
	partPrefix        = "terok-"
)

// The lengths that keep a tag under the 128 characters a registry allows, with
// room left for the name of a foreign architecture.
const (
	maxTag         = 120
	hashedFragment = 111 // + "-" + 8 digits
	cutFragment    = 107 // + "-" + 12 digits
)

var notInTag = regexp.MustCompile(`[^0-9A-Za-z._-]+`)

// NormalizeBase returns the base that a user's text means: the text without
// the blanks around it, or DefaultBaseImage when nothing is left.
func NormalizeBase(s string) string {
	s = strings.TrimFunc(s, isBlank)
	if s == "" {
		return DefaultBaseImage
	}
	return s
}

// isBlank also knows the four separators U+001C to U+001F, which existing tags
// were made without.
func isBlank(r rune) bool {
	return unicode.IsSpace(r) || (r >= 0x1c && r <= 0x1f)
}

// BaseFragment returns the part of a tag that stands for a base: a valid tag
// of at most 120 characters. Different bases may share one; the record of an
// image tells them apart. Any string is accepted.
func BaseFragment(base string) string {
	raw := NormalizeBase(base)
	s := notInTag.ReplaceAllString(raw, "-")
	s = strings.ToLower(strings.Trim(s, "-."))
	switch {
	case s == "":
		return BaseFragment(DefaultBaseImage)
	case len(s) > maxTag:
		return s[:hashedFragment] + "-" + sha1Hex(raw)[:8]
	}
	return s
}

// L0Tag is the full name of the L0 image on a base.
func L0Tag(base string) string { return repositoryL0 + ":" + BaseFragment(base) }

// SidecarTag is the full name of the sidecar image on a base.
func SidecarTag(base string) string { return repositorySidecar + ":" + BaseFragment(base) }

// FetchTag is the full name of the image on a base that downloads parts.
func FetchTag(base string) string { return repositoryFetch + ":" + BaseFragment(base) }

// L1Tag is the full name of the L1 image with a selection of agents on a base.
// A nil selection is the default one, whose tag has no suffix; an empty one
// that is not nil is an image without agents. The order of the selection does
// not matter.
func L1Tag(base string, selection []string) string {
	fragment := BaseFragment(base)
	if selection == nil {
		return repositoryL1 + ":" + fragment
	}
	names := append([]string(nil), selection...)
	sort.Strings(names)
	suffix := selectionSuffix(names)
	if len(fragment)+1+len(suffix) > maxTag {
		suffix = sha1Hex(strings.Join(names, ","))[:12]
		// Two long bases that differ only behind the cut share this tag; the
		// record's key tells the images apart.
		fragment = fragment[:min(len(fragment), cutFragment)]
	}
	return repositoryL1 + ":" + fragment + "-" + suffix
}

// selectionSuffix joins sorted names.
func selectionSuffix(names []string) string {
	if len(names) == 0 {
		return "empty"
	}
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = BaseFragment(name)
	}
	return strings.Join(parts, "-")
}

// PartTag is the full name of a part whose every byte is locked: kind is
// "agent" or "tool", and the tag is the version ("terok-agent-codex:0.169.0").
func PartTag(kind, name, version string) string {
	return partPrefix + kind + "-" + name + ":" + versionTag(version)
}

// PartTagUnpinned is the full name of a part with steps that no lock covers.
// What such a part holds depends on the base it was fetched on, so its tag is
// the base's.
func PartTagUnpinned(kind, name, base string) string {
	return partPrefix + kind + "-" + name + ":" + BaseFragment(base)
}

// versionTag makes a version a valid tag. Capitals stay: versions that differ
// only in case are different versions.
func versionTag(version string) string {
	s := strings.Trim(notInTag.ReplaceAllString(version, "-"), "-.")
	switch {
	case s == "":
		return "unversioned"
	case len(s) > maxTag:
		return s[:hashedFragment] + "-" + sha1Hex(version)[:8]
	}
	return s
}

func sha1Hex(s string) string {
	sum := sha1.Sum([]byte(s)) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}
