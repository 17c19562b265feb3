package graph

// IngredientKind says what sort of fact an ingredient is.
type IngredientKind string

// The kinds of ingredient.
const (
	// Instruction is one normalised instruction; Name is its keyword, Note its
	// text. The environment, user, workdir and shell that steps see are
	// instructions too ("ENV A=1").
	Instruction IngredientKind = "instruction"
	// File is one path of the build context that a step can see. Attr is its
	// type and full mode ("f0755", "d0755", "l"), Digest covers its content or
	// link target and its extended attributes.
	File IngredientKind = "file"
	// Arg is a build argument that a step can see; Digest covers its value.
	Arg IngredientKind = "arg"
	// Version is an argument whose value is a version and may be printed: Note
	// holds it.
	Version IngredientKind = "version"
	// Locked is an argument that a lock file supplies with the version: a
	// source or a checksum. It moves together with a Version.
	Locked IngredientKind = "locked"
	// Base is an external image by config digest; Name is the role it is used
	// in, Note its reference.
	Base IngredientKind = "base"
	// FromInput is another node's key. Name is the role, Attr says which key
	// ("files", "config", "image"), Note is the node's ID. Digest is filled in
	// by New.
	FromInput IngredientKind = "input"
	// Option is a setting of the build that changes results: network mode and
	// alike.
	Option IngredientKind = "option"
)

// Ingredient is one named, digested fact that enters a key. Kind, Name, Attr
// and Digest enter the key; Note and Step are for people and executors and never do.
type Ingredient struct {
	Kind   IngredientKind
	Name   string
	Attr   string
	Digest string
	Note   string
	// Step is the instruction's index in its stage, FROM being 0. It is not
	// recorded.
	Step int
}

// The keys an input ingredient can take, as its Attr.
const (
	// FilesOf is the files key: what COPY --from and mounts depend on.
	FilesOf = "files"
	// ConfigOf is the config key.
	ConfigOf = "config"
	// ImageOf is the key over both.
	ImageOf = "image"
)
