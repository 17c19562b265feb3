package roster

import "github.com/terok-ai/terok-agent/pkg/layers/yamlfile"

// Pos is a place in a file.
type Pos = yamlfile.Pos

// Error is one mistake in one file, named by its path in the file system that
// Load was given.
type Error = yamlfile.Error

// format is what the files of entries and their locks have in common.
var format = yamlfile.Format{MaxSize: 64 << 10}

// value is one value of a file.
type value = yamlfile.Value

// reader reads the values that entries and locks are made of.
type reader struct{ *yamlfile.Reader }

func newReader(file string) *reader { return &reader{yamlfile.New(file, format)} }
