package layers

import (
	"io/fs"
	"runtime"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/roster"
)

// Spec is what the user wants, checked and complete: Draw reads nothing else
// but the resources.
type Spec struct {
	// Base is the base image as written, trimmed; empty means
	// DefaultBaseImage.
	Base string
	// BaseDigest is the config digest the base is pinned to, "sha256:…".
	BaseDigest string
	// BaseUnchecked is true when that digest is only what a record remembers.
	BaseUnchecked bool
	// Family is the base's package family; empty means the one that its name
	// suggests.
	Family Family
	// Agents is the selection for L1, in the grammar of roster.Select; nil
	// means the default selection.
	Agents *string
	// Sidecars are tools that get an image of their own.
	Sidecars []string
	// NoL1 leaves L1 and its parts out, unless something else needs them.
	NoL1 bool
	// Layers are the user's own. With any of them the built-in layers are drawn
	// only where something needs them: L1 unless NoL1 is set, sidecars, Wanted,
	// or what a user's Dockerfile refers to.
	Layers []UserLayer
	// Images are external images that a user's Dockerfile may name without
	// their registry's host ("golang:1.26").
	Images []string
	// Pinned are the config digests that external images beside the base are
	// pinned to, by node; nil leaves it to the look.
	Pinned map[graph.ID]string
	// Wanted are nodes that are asked for by name.
	Wanted []graph.ID
	// CacheDir is where the digests of the users' files are kept between runs,
	// so that only what changed is read; "" keeps none.
	CacheDir string
	// Platform is the target, "linux/amd64"; empty means the host's.
	Platform string
}

// HostPlatform is what this machine runs.
func HostPlatform() string { return "linux/" + runtime.GOARCH }

// complete fills in defaults and checks what can be checked without reading
// anything. Where the user has layers the family may stay open: it matters only
// to built-in layers.
func (s Spec) complete() (Spec, error) {
	s.Base = NormalizeBase(s.Base)
	s.Platform = s.TargetPlatform()
	if s.Family == "" {
		f, err := FamilyOf(s.Base)
		if err != nil && len(s.Layers) == 0 {
			return s, err
		}
		s.Family = f
	}
	return s, nil
}

// archSuffix is what every tag ends in when the target is not the host.
func (s Spec) archSuffix() string {
	if s.Platform == HostPlatform() {
		return ""
	}
	_, arch, _ := strings.Cut(s.Platform, "/")
	return "-" + strings.ReplaceAll(arch, "/", "-")
}

// selection is what goes into L1: all names with what they depend on, and
// whether this is the default selection.
func (s Spec) selection(r *roster.Roster) (names []string, isDefault bool, err error) {
	if s.Agents == nil {
		names, err = r.Select("")
		return names, true, err
	}
	names, err = r.Select(*s.Agents)
	if err != nil {
		return nil, false, err
	}
	text := strings.TrimSpace(strings.ToLower(*s.Agents))
	return names, strings.Trim(text, ", ") == "" || text == "all", nil
}

// RosterDir is where the resources keep the entries.
const RosterDir = "agents"

// LoadRoster reads the entries of the resources.
func LoadRoster(resources fs.FS) (*roster.Roster, error) { return roster.Load(resources, RosterDir) }

// TargetPlatform is the platform to build for.
func (s Spec) TargetPlatform() string {
	if s.Platform == "" {
		return HostPlatform()
	}
	return s.Platform
}

// pins are the external images as far as the spec says what they are.
func (s Spec) pins() map[graph.ID]External {
	found := map[graph.ID]External{BaseID: {Digest: s.BaseDigest, Unchecked: s.BaseUnchecked}}
	for id, digest := range s.Pinned {
		found[id] = External{Digest: digest}
	}
	return found
}
