package graph

import "io/fs"

// Recipe is what one layer is built from, the single source of truth for every
// executor, and something a person can save and build by hand.
type Recipe struct {
	// Name is the Dockerfile's file name, for messages ("L0.Dockerfile").
	Name string
	// Dockerfile is the rendered text.
	Dockerfile []byte
	// Target is the stage to build; empty means the last.
	Target string
	// Context is the build context; nil means an empty one. Modes are the
	// ones the builder must see.
	Context fs.FS
	// ContextDir is where Context lies on disk; "" when it must be written out
	// first (generated contexts).
	ContextDir string
	// Exclude are the rules, in the grammar of a .dockerignore, of what of
	// ContextDir the builder does not see. Nil leaves it to the builder to read
	// the ignore files; an empty list says that it sees everything.
	Exclude []string
	// Args are the build arguments whose values are not the Dockerfile's own
	// defaults, without those that name inputs.
	Args map[string]string
	// Platform is "os/arch[/variant]".
	Platform string
	// Secrets are the ids of the secrets its steps may ask for.
	Secrets []string
}

// StepRef is an instruction of a recipe's Dockerfile: the stage's index and
// the instruction's in it, FROM being 0.
type StepRef struct{ Stage, Step int }
