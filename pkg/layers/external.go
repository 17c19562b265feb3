package layers

import (
	"fmt"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

// External is what is known of an external image.
type External struct {
	// Digest is its config digest, "sha256:…".
	Digest string
	// Unchecked is true when that is only what a record remembers.
	Unchecked bool
	// Env and OnBuild are what its configuration hands on to what is built on
	// it. A nil Env is not known, an empty one is none.
	Env, OnBuild []string
}

// Base is an external image that something is built on or copied from.
type Base struct {
	ID graph.ID
	// Ref is the reference to look for and to pull.
	Ref string
	// Local is true for a name that only the store can tell: it stands for an
	// image that is there, and is never asked for elsewhere.
	Local bool
	// Inherited is true when somebody must know its Env and OnBuild, because a
	// user's layer is built on it.
	Inherited bool
}

// hostOf returns the registry's host that a reference spells out, or "".
func hostOf(ref string) string {
	host, _, slash := strings.Cut(ref, "/")
	if slash && (strings.ContainsAny(host, ".:") || host == "localhost") {
		return host
	}
	return ""
}

// full is a reference as every host understands it; "" when it is none.
func full(ref string) string {
	if strings.TrimSpace(ref) == "" {
		return ""
	}
	r, err := ParseRef(ref)
	if err != nil {
		return ""
	}
	return r.Full()
}

// external returns the external image that a reference names. What has no
// registry's host and is not declared can only be in the store; what is no
// reference at all is not external.
func (d *drawing) external(ref string) (Base, bool) {
	name := full(ref)
	switch {
	case ref == string(BaseID) && d.spec.Base == "scratch":
		return Base{}, false // there is nothing that could be read
	case ref == string(BaseID) || (name != "" && name == full(d.spec.Base)) || ref == d.spec.Base:
		return Base{ID: BaseID, Ref: d.spec.Base}, true
	case name == "":
		return Base{}, false
	}
	r, _ := ParseRef(ref)
	b := Base{ID: graph.ID(r.Familiar()), Ref: ref}
	if hostOf(ref) != "" {
		return b, true
	}
	for _, declared := range d.spec.Images {
		if full(declared) == name {
			b.Ref = name
			return b, true
		}
	}
	b.Local = true
	return b, true
}

// findBases notes the external images that a layer refers to.
func (d *drawing) findBases(l *layer, facts *dockerfile.Facts) error {
	return eachRef(facts, func(role string, ref dockerfile.Ref) error {
		if _, known := d.names.lookup(ref.External); known {
			return nil
		}
		b, ok := d.external(ref.External)
		if !ok || (l.user == nil && b.ID != BaseID) {
			return d.unknownRef(l, ref)
		}
		have := d.bases[b.ID]
		b.Inherited = have.Inherited || (l.user != nil && role == string(graph.RoleFrom))
		b.Local = b.Local && (have.ID == "" || have.Local)
		if have.ID != "" && !have.Local {
			b.Ref = have.Ref // the spelling of the first that is certain
		}
		d.bases[b.ID] = b
		return nil
	})
}

func (d *drawing) unknownRef(l *layer, ref dockerfile.Ref) error {
	names := append([]string{string(BaseID), d.spec.Base}, d.spec.Images...)
	for _, l := range d.names {
		names = append(names, l.name)
	}
	return &UnknownRefError{
		File: l.file, Line: ref.Line, Ref: ref.External, Nearest: nearest(ref.External, names), Full: full(ref.External),
	}
}

// eachRef calls f for everything outside that the stages refer to.
func eachRef(facts *dockerfile.Facts, f func(role string, ref dockerfile.Ref) error) error {
	for i := range facts.Stages {
		st := &facts.Stages[i]
		for _, list := range [][]dockerfile.Fact{st.Files, st.Config} {
			for j := range list {
				if list[j].Kind != dockerfile.Input || list[j].Ref.Stage >= 0 || list[j].Ref.External == "scratch" {
					continue
				}
				if err := f(list[j].Role, list[j].Ref); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// baseNode is the node of an external image.
func baseNode(b Base, e External) (graph.Node, error) {
	if !strings.HasPrefix(e.Digest, "sha256:") {
		return graph.Node{}, fmt.Errorf("drawing on %q: the base is not pinned", b.Ref)
	}
	return graph.Node{ID: b.ID, Kind: graph.KindBase, Ref: b.Ref, Digest: e.Digest, Unchecked: e.Unchecked}, nil
}
