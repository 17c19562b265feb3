// Package dockerfile reads a Dockerfile as facts: which stages a target
// reaches, what each builds on, what every step that makes files can see, and
// what of it changes only the image's configuration.
package dockerfile

// File is a parsed Dockerfile.
type File struct {
	// Name is for messages: the file's name.
	Name string
	// Stages are all stages, in order.
	Stages []StageText

	src    []byte
	escape rune
	// globals are the ARG instructions before the first FROM, parsed the stages.
	globals []instruction
	parsed  []stage
}

// StageText is one stage as written, whether it is reached or not. It maps an
// engine's "stage s, step n" back to lines.
type StageText struct {
	Name string
	// Instructions are the stage's instructions, FROM first.
	Instructions []InstructionText
}

// InstructionText is one instruction as written.
type InstructionText struct {
	Keyword string // upper case
	Text    string // one line for people: continuation joined, here-document bodies left out
	Line    int    // first line, from 1
	EndLine int    // last line, here-document bodies included
}

// Options say for what the facts are wanted.
type Options struct {
	// Args are the build arguments passed; a value here beats a default.
	Args map[string]string
	// Target is a stage's name or index; empty means the last stage.
	Target string
	// Platform is the target's, "linux/amd64".
	Platform string
	// BuildPlatform is that of the machine that builds, as BUILDPLATFORM says
	// it; empty means the same as Platform.
	BuildPlatform string
	// OnBuild returns the ONBUILD triggers and the environment of an external
	// reference's config. A nil env says that the environment is not known, an
	// empty one that there is none. A nil function knows nothing. Whoever
	// compares keys must know the same of a base each time: a variable that the
	// base defines is expanded when it is known and stays a name when not.
	OnBuild func(ref string) (triggers, env []string)
}

// Facts are what a target needs: its reachable stages, inputs first.
type Facts struct {
	Stages []Stage
	// Target is the index in Stages of the target (always the last).
	Target int
	// Unused are passed Args that no reached stage declares, sorted.
	Unused []string
}

// Stage is one reached stage.
type Stage struct {
	// Index is its position in the Dockerfile, Name its name or "".
	Index int
	Name  string
	Line  int
	// From is what it builds on, Platform that of FROM --platform where it is not
	// the target's, else "".
	From     Ref
	Platform string
	// Alias is true when it has no instruction that changes files or config:
	// readers may look through it to From.
	Alias bool
	// Files are the facts of its files key, in order; Config those of its
	// config key. docs/cache-key.md says what belongs where.
	Files, Config []Fact
}

// Ref is a reference to another stage or to something outside.
type Ref struct {
	// Stage is the index in the Dockerfile of the stage meant, or -1.
	Stage int
	// External is the reference of something outside, expanded; "scratch" is
	// the empty image.
	External string
	// Arg is the name of the global ARG when the reference is exactly one
	// argument ("${L0}"), else "".
	Arg string
	// Line is where it is written.
	Line int
}

// FactKind says what a fact is about.
type FactKind int

// The kinds of fact.
const (
	// Instruction is a step or a setting: Keyword and Text, normalised, are
	// what counts.
	Instruction FactKind = iota
	// Arg is a declared build argument that a later step can see. One without
	// a value is not in the environment of any step, and so never a fact.
	Arg
	// Input is another stage or image: its files for RoleCopy and RoleMount,
	// files and config for RoleFrom.
	Input
	// Sources are paths of the build context that the step before it reads.
	Sources
)

// Fact is one thing that enters a key, in order.
type Fact struct {
	Kind FactKind
	// Keyword is the instruction's, upper case; Text is its normalised text,
	// with the names of stages and of things outside replaced by what does not
	// depend on spelling. Display is the text for people.
	Keyword, Text, Display string
	// Line is where it is written. A trigger of the base has the line of FROM.
	Line int
	// Step is the instruction's index in its stage, FROM being 0. State
	// inherited from another stage, and triggers of the base, have 0 too.
	Step int
	// Name and Value are an argument's; Value is what the step sees.
	Name, Value string
	// Set is false for an argument without value (no such fact is made today).
	Set bool
	// Role is "from", "copy" or "mount" and Ref the other end of an input.
	Role string
	Ref  Ref
	// Sources, for kind Sources, are what a COPY, ADD or bind mount reads.
	Sources SourceSet
	// Untracked is true for an ADD of something remote that is not pinned by a
	// checksum or a commit: it can change without any fact changing.
	Untracked bool
}

// SourceSet is a selection of paths of the build context.
type SourceSet struct {
	// Patterns are the sources, cleaned, relative to the context's root, with
	// Go path wildcards where the instruction allows them ("." is all, and
	// stands for a source that cannot be known here).
	Patterns []string
	// Exclude are the patterns of COPY --exclude.
	Exclude []string
	// Parents is COPY --parents: the paths themselves count.
	Parents bool
	// Follow is true when a link named as a source is followed (COPY does).
	Follow bool
	// Wildcards is false where a source is taken literally (bind mounts).
	Wildcards bool
	// Bind is true for a RUN's bind mount.
	Bind bool
}
