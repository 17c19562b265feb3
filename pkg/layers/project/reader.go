package project

import (
	"maps"
	"slices"

	"github.com/terok-ai/terok-agent/pkg/layers/yamlfile"
)

// Pos is a place in a file.
type Pos = yamlfile.Pos

// Error is one mistake in a project file, named as the user named it, or in a
// value that replaces one of it, whose file is "--set".
type Error = yamlfile.Error

var format = yamlfile.Format{MaxSize: 256 << 10, Begin: "begin with: version: 1", ListAll: true}

// value is one value of the file.
type value = yamlfile.Value

// reader reads the values that a project is made of.
type reader struct{ *yamlfile.Reader }

func newReader(file string) *reader { return &reader{yamlfile.New(file, format)} }

// keys reads a mapping with known keys.
func (r *reader) keys(v value, known map[string]func(value)) {
	for p := range r.Pairs(v) {
		if read, ok := known[p.Name]; ok {
			read(p.Value)
			continue
		}
		r.UnknownKey(p, slices.Sorted(maps.Keys(known)))
	}
}
