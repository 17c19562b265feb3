package graph

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
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

// hasher writes strings so that no two different sequences give the same
// bytes: each is preceded by its length as eight bytes, big endian.
type hasher struct{ h hash.Hash }

func newHasher(fields ...string) hasher {
	w := hasher{sha256.New()}
	w.add(fields...)
	return w
}

func (w hasher) add(fields ...string) {
	var n [8]byte
	for _, f := range fields {
		binary.BigEndian.PutUint64(n[:], uint64(len(f)))
		w.h.Write(n[:])
		w.h.Write([]byte(f))
	}
}

func (w hasher) sum() string { return "sha256:" + hex.EncodeToString(w.h.Sum(nil)) }

// DigestOf returns the SHA-256 over fields, unambiguously separated, as
// "sha256:" and hex. It is what ingredients' digests are made with.
func DigestOf(fields ...string) string { return newHasher(fields...).sum() }

// NewContentHash returns a SHA-256 for content that is streamed, such as a
// file's; end it with ContentDigest.
func NewContentHash() hash.Hash { return sha256.New() }

// ContentDigest returns the digest of what was written to h.
func ContentDigest(h hash.Hash) string { return "sha256:" + hex.EncodeToString(h.Sum(nil)) }

// makeKeys fills the keys in topological order and resolves the digests of
// input ingredients on the way.
func (g *Graph) makeKeys() {
	g.keys = make([]Keys, len(g.nodes))
	for i := range g.nodes {
		n := &g.nodes[i]
		if n.Kind == KindBase {
			k := Key(DigestOf(KeyFormat, "base", n.Digest))
			g.keys[i] = Keys{Files: k, Config: k, Image: k}
			continue
		}
		n.Files, n.Config = g.resolve(n.Files), g.resolve(n.Config)
		k := Keys{
			Files:  listKey("files", n.Platform, n.Files),
			Config: listKey("config", n.Platform, n.Config),
		}
		k.Image = Key(DigestOf(KeyFormat, "image", string(k.Files), string(k.Config)))
		g.keys[i] = k
	}
}

// resolve returns the ingredients with the keys of inputs filled in.
func (g *Graph) resolve(list []Ingredient) []Ingredient {
	copied := false
	for i, in := range list {
		if in.Kind != FromInput {
			continue
		}
		if !copied { // the caller's slice stays as it was
			list, copied = append([]Ingredient(nil), list...), true
		}
		k := g.keys[g.index[ID(in.Note)]]
		switch in.Attr {
		case FilesOf:
			list[i].Digest = string(k.Files)
		case ConfigOf:
			list[i].Digest = string(k.Config)
		default:
			list[i].Digest = string(k.Image)
		}
	}
	return list
}

func listKey(which, platform string, list []Ingredient) Key {
	w := newHasher(KeyFormat, which, platform)
	for i := range list {
		in := &list[i]
		w.add(string(in.Kind), in.Name, in.Attr, in.Digest)
	}
	return Key(w.sum())
}
