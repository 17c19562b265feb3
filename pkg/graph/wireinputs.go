package graph

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// inputsBudget is the most bytes that the images a record's own was built on
// take, so that there is always room for its ingredients.
const inputsBudget = RecordBudget * 3 / 4

// Unnamed are images that a layer was built on and that are too many to be
// recorded by name: the digest of each, in the order of the nodes' names, or,
// where even that is too much, one digest over all. The zero value is none.
type Unnamed struct {
	// Images are "sha256:" and 64 bits each; nil when All is set.
	Images []string
	// All is a digest over Images, or "".
	All string
}

// None reports whether all inputs are recorded by name.
func (u Unnamed) None() bool { return len(u.Images) == 0 && u.All == "" }

// UnnamedImages puts images as a record does that has no space for their names;
// they are the images of layers, in any order.
func UnnamedImages(inputs []InputRecord) Unnamed {
	inputs = slices.Clone(inputs)
	slices.SortFunc(inputs, func(a, b InputRecord) int { return strings.Compare(string(a.Node), string(b.Node)) })
	u := Unnamed{Images: make([]string, len(inputs))}
	for i, in := range inputs {
		u.Images[i] = shortDigest(in.Image)
	}
	return u
}

// Together is the same as one digest over all.
func (u Unnamed) Together() Unnamed {
	if u.All != "" {
		return u
	}
	return Unnamed{All: shortDigest(DigestOf(u.Images...))}
}

// shortDigest is an image's digest cut to 64 bits; a digest of what is none.
func shortDigest(image string) string {
	if _, err := hex.DecodeString(strings.TrimPrefix(image, digestPrefix)); err != nil || len(image) < len(digestPrefix)+shortHex {
		image = DigestOf(image)
	}
	return image[:len(digestPrefix)+shortHex]
}

const digestPrefix = "sha256:"

// foldInputs are the ways to write the images that were built on, the most
// telling first: those of bases stay by name as long as that is possible, for
// a later run pins a base to what is recorded.
func (r Record) foldInputs() []Record {
	var bases, layers []InputRecord
	for _, in := range r.Inputs {
		if strings.HasPrefix(in.Key, digestPrefix) {
			layers = append(layers, in)
		} else {
			bases = append(bases, in)
		}
	}
	if len(layers) == 0 || !r.Unnamed.None() {
		bare := r
		bare.Inputs, bare.Unnamed = nil, r.Unnamed.Together()
		if r.Unnamed.None() {
			bare.Unnamed = Unnamed{}
		}
		return []Record{r, bare}
	}
	each, all, bare := r, r, r
	each.Inputs, each.Unnamed = bases, UnnamedImages(layers)
	all.Inputs, all.Unnamed = bases, each.Unnamed.Together()
	bare.Inputs, bare.Unnamed = nil, all.Unnamed
	return []Record{r, each, all, bare}
}

// together marks one digest over all; digits of base64 never begin with it.
const together = "="

func (u Unnamed) encode() (string, error) {
	mark, list := "", u.Images
	if u.All != "" {
		mark, list = together, []string{u.All}
	}
	var raw []byte
	for _, d := range list {
		b, err := hex.DecodeString(strings.TrimPrefix(d, digestPrefix))
		if err != nil || len(b) != shortHex/2 {
			return "", fmt.Errorf("%q is not a digest of 64 bits", d)
		}
		raw = append(raw, b...)
	}
	return mark + wireEncoding.EncodeToString(raw), nil
}

func decodeUnnamed(text string) (Unnamed, error) {
	digits, all := strings.CutPrefix(text, together)
	raw, err := wireEncoding.DecodeString(digits)
	if err != nil {
		return Unnamed{}, fmt.Errorf("%w: %w", ErrRecordBroken, err)
	}
	const size = shortHex / 2
	if len(raw) == 0 || len(raw)%size != 0 || (all && len(raw) != size) {
		return Unnamed{}, fmt.Errorf("%w: %d bytes of images", ErrRecordBroken, len(raw))
	}
	var u Unnamed
	for ; len(raw) > 0; raw = raw[size:] {
		u.Images = append(u.Images, digestPrefix+hex.EncodeToString(raw[:size]))
	}
	if all {
		u = Unnamed{All: u.Images[0]}
	}
	return u, nil
}
