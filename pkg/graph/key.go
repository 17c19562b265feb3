package graph

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"slices"
)

// KeyFormat is the version of the algorithm below. It enters every key, so a
// change of the algorithm can never pass for a change of inputs.
const KeyFormat = "terok-agent/key/1"

// Key identifies what a node is made from: "sha256:" and 64 hex digits.
type Key string

// Keys are the keys of one node.
type Keys struct {
	// Files covers every step that makes files, with the state it sees.
	Files Key
	// Config covers the rest of the image's configuration.
	Config Key
	// Image covers both: the key of a layer.
	Image Key
}

// fields are strings put together so that no two different sequences give the
// same bytes: each is preceded by its length as eight bytes, big endian.
type fields []byte

func (b fields) add(list ...string) fields {
	for _, f := range list {
		b = binary.BigEndian.AppendUint64(b, uint64(len(f)))
		b = append(b, f...)
	}
	return b
}

func (b fields) sum() string {
	sum := sha256.Sum256(b)
	return hexDigest(sum[:])
}

func hexDigest(sum []byte) string {
	const prefix = "sha256:"
	var text [len(prefix) + 2*sha256.Size]byte
	copy(text[:], prefix)
	hex.Encode(text[len(prefix):], sum)
	return string(text[:])
}

// DigestOf returns the SHA-256 over strings, unambiguously separated, as
// "sha256:" and hex. It is what ingredients' digests are made with.
func DigestOf(list ...string) string {
	var space [256]byte
	return fields(space[:0]).add(list...).sum()
}

// NewContentHash returns a SHA-256 for content that is streamed, such as a
// file's; end it with ContentDigest.
func NewContentHash() hash.Hash { return sha256.New() }

// ContentDigest returns the digest of what was written to h.
func ContentDigest(h hash.Hash) string { return hexDigest(h.Sum(nil)) }

// makeKeys fills the keys in topological order and resolves the digests of
// input ingredients on the way.
func (g *Graph) makeKeys() {
	g.keys = make([]Keys, len(g.nodes))
	var space fields
	filled := make([]Ingredient, 0, g.countResolved())
	for i := range g.nodes {
		n := &g.nodes[i]
		if n.Kind == KindBase {
			k := Key(DigestOf(KeyFormat, "base", n.Digest))
			g.keys[i] = Keys{Files: k, Config: k, Image: k}
			continue
		}
		n.Files, filled = g.resolve(n.Files, filled)
		n.Config, filled = g.resolve(n.Config, filled)
		k := Keys{
			Files:  space.list("files", n.Platform, n.Files),
			Config: space.list("config", n.Platform, n.Config),
		}
		k.Image = Key(DigestOf(KeyFormat, "image", string(k.Files), string(k.Config)))
		g.keys[i] = k
	}
}

// countResolved counts the ingredients of all lists that name inputs.
func (g *Graph) countResolved() (n int) {
	for i := range g.nodes {
		for _, list := range [][]Ingredient{g.nodes[i].Files, g.nodes[i].Config} {
			if namesInput(list) {
				n += len(list)
			}
		}
	}
	return n
}

func namesInput(list []Ingredient) bool {
	return slices.ContainsFunc(list, func(in Ingredient) bool { return in.Kind == FromInput })
}

// resolve returns the ingredients with the keys of inputs filled in. The
// caller's list stays as it was: one that names inputs is copied behind what
// filled holds, which has the space.
func (g *Graph) resolve(list, filled []Ingredient) (resolved, all []Ingredient) {
	if !namesInput(list) {
		return list, filled
	}
	from := len(filled)
	filled = append(filled, list...)
	list = filled[from:len(filled):len(filled)]
	for i := range list {
		in := &list[i]
		if in.Kind != FromInput {
			continue
		}
		k := &g.keys[g.index[ID(in.Note)]]
		switch in.Attr {
		case FilesOf:
			in.Digest = string(k.Files)
		case ConfigOf:
			in.Digest = string(k.Config)
		default:
			in.Digest = string(k.Image)
		}
	}
	return list, filled
}

// list is the key of a list of ingredients; b is only space for it.
func (b *fields) list(which, platform string, list []Ingredient) Key {
	w := (*b)[:0].add(KeyFormat, which, platform)
	for i := range list {
		in := &list[i]
		w = w.add(string(in.Kind), in.Name, in.Attr, in.Digest)
	}
	*b = w
	return Key(w.sum())
}
