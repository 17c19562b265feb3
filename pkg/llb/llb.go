// Package llb lowers one recipe to LLB, BuildKit's graph of operations, and the
// configuration of its image. It works in this process: it dials nothing,
// resolves only what the recipe declares, and gives the same bytes for the same
// recipe.
package llb

import (
	"context"
	"io/fs"

	bkllb "github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/util/apicaps"
	"github.com/opencontainers/go-digest"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// Resolver is what lowering may ask of the world: the configuration of a
// declared parent that came without one. A BuildKit gateway client is one.
type Resolver interface {
	// ResolveImageConfig returns the reference to use, the manifest digest and
	// the image's configuration as JSON.
	ResolveImageConfig(ctx context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error)
}

// Env is what lowering knows of the daemon. The zero value is a daemon of the
// version we are built with, of which nothing is asked.
type Env struct {
	// Resolver is asked for the configuration of parents without one; nil
	// makes such a parent an error.
	Resolver Resolver
	// Caps are the LLB capabilities of the daemon; nil means all.
	Caps *apicaps.CapSet
	// SessionID is the session that serves local directories and image
	// layouts; empty leaves it to the daemon to ask any session of the build.
	SessionID string
	// BuildPlatform is what BUILDPLATFORM says, "linux/amd64"; empty means the
	// target's, as in dockerfile.Options.
	BuildPlatform string
	// Warn receives what BuildKit's linter finds; nil drops it.
	Warn func(Warning)
}

// Warning is a finding of the linter.
type Warning struct {
	// Rule is the rule's name ("StageNameCasing").
	Rule, Message string
	// Line is the line of the recipe's Dockerfile, 0 when there is none.
	Line int
}

// Recipe is one image to lower, complete.
type Recipe struct {
	// Name is the node's name, for the names of steps ("agent/codex").
	Name string
	// File is the Dockerfile's name, for messages; empty means "Dockerfile".
	File string
	// Dockerfile is its text, as written.
	Dockerfile []byte
	// Target is the stage to build; empty means the last.
	Target string
	// Platform is the image's, "os/arch[/variant]". It is required.
	Platform string
	// Args are the build arguments passed. Those that name a parent may be
	// left out: their defaults are the names that Parents has.
	Args map[string]string
	// Labels are set in the image's configuration, over those of the
	// Dockerfile; they are in no step.
	Labels map[string]string
	// Context is a generated build context: it becomes operations, with the
	// modes the files have, owned by root, at a fixed time. It may hold
	// directories, files and symbolic links. At most one of Context and
	// LocalContext is set; none is an empty context.
	Context fs.FS
	// LocalContext is the name under which the session serves a directory
	// that is the build context, and Exclude the patterns, in the grammar of a
	// .dockerignore, of what is not sent.
	LocalContext string
	Exclude      []string
	// Parents are the images that the Dockerfile refers to, by the reference
	// as the Dockerfile resolves it ("terok-l0:ubuntu-24.04" for "FROM ${L0}"
	// with that default). Nothing else is ever resolved.
	Parents map[string]Parent
	// NetworkMode is that of RUN steps: "" (the daemon's default), "host",
	// "none" or "private".
	NetworkMode string
	// Salt, when not empty, makes every step of the recipe run again unless it
	// already ran with this salt. Letters, digits and "._-".
	Salt string
}

// Parent is an image, by digest.
type Parent struct {
	// Source is "docker-image://HOST/REPO@sha256:…" or
	// "oci-layout://STORE@sha256:…", the digest being the manifest's. STORE
	// is the name under which the session serves a layout.
	Source string
	// Config is the image's configuration as JSON; empty means that
	// Env.Resolver is asked.
	Config []byte
	// Part says that the image holds only files of its own and has no path in
	// common with other parts but directories. "COPY --from=NAME / /" of it
	// becomes a layer that does not depend on what is below (COPY --link), so
	// that it is not made again when that changes. The files of the image are
	// the same: with and without, and with podman, directories that are there
	// already get the part's mode and owner. Where the image below has a link
	// and the part a directory, --link and podman put the directory in its
	// place; without it BuildKit refuses.
	Part bool
}

// Image is a lowered recipe.
type Image struct {
	// State is the image's files, to be used in other definitions; Definition
	// is what to solve.
	State      bkllb.State
	Definition *bkllb.Definition
	// Config is the image's configuration as JSON, and Base that of the image
	// it is FROM, or nil. Layers are not in Config: they are not known yet.
	Config, Base []byte
	// Steps names every vertex of Definition, the node first:
	// "[l0 2/6] RUN …".
	Steps map[digest.Digest]string
	// Lines are the places in the Dockerfile of the vertices that have one.
	Lines map[digest.Digest]Place
}

// Place is an instruction of the recipe's Dockerfile, as it was before salts
// and the like were put in.
type Place struct {
	// File is the Dockerfile's name, Line the instruction's first line, from 1.
	File string
	Line int
	// Step is the instruction's position, and Text the instruction on one
	// line, for people.
	Step graph.StepRef
	Text string
}

// Lower lowers a recipe. What is wrong with the recipe is an *Error.
func Lower(ctx context.Context, env Env, r Recipe) (*Image, error) {
	if r.File == "" {
		r.File = "Dockerfile"
	}
	parents, err := readParents(r)
	if err != nil {
		return nil, err
	}
	if err := parents.fetch(ctx, env.Resolver, r.Platform); err != nil {
		return nil, err
	}
	text, err := prepare(r, parents, env)
	if err != nil {
		return nil, err
	}
	made, err := convert(ctx, env, r, parents, text)
	if err != nil {
		return nil, text.located(err)
	}
	img := &Image{State: made.state, Definition: made.def, Config: made.config, Base: made.base}
	img.Steps = stepNames(r.Name, made.def, parents)
	img.Lines = text.places(made.def, parents)
	text.restoreSource(made.def)
	return img, nil
}
