package podman

import (
	"errors"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

// readRecipe reads the Dockerfile, refuses what this podman cannot build or
// builds wrongly, and puts labels and salt in.
func readRecipe(r exec.Request, v version) (recipe, error) {
	args := passedArgs(r)
	f, err := dockerfile.Parse(r.Recipe.Name, r.Recipe.Dockerfile)
	if err != nil {
		return recipe{}, recipeError(err)
	}
	facts, err := f.Facts(dockerfile.Options{Args: args, Target: r.Recipe.Target, Platform: r.Recipe.Platform})
	if err != nil {
		return recipe{}, recipeError(err)
	}
	if err := checkDialect(f, facts, v); err != nil {
		return recipe{}, err
	}
	named, err := dockerfile.Parse(r.Recipe.Name, writeFroms(f, facts, r.Parents))
	if err != nil {
		return recipe{}, recipeError(err)
	}
	text, err := dockerfile.Instrument(named, dockerfile.InstrumentOptions{
		Target: r.Recipe.Target, Args: args, Platform: r.Recipe.Platform, Labels: r.Labels, Salt: r.Salt,
	})
	if err != nil {
		return recipe{}, recipeError(err)
	}
	for _, name := range facts.Unused {
		// A trigger of an image that this builds on may declare an argument.
		if _, own := r.Recipe.Args[name]; !own {
			delete(args, name)
		}
	}
	return recipe{file: f, facts: facts, text: text, args: args}, nil
}

// passedArgs are the recipe's arguments and those that carry parents, by image
// ID: a name could have moved.
func passedArgs(r exec.Request) map[string]string {
	args := make(map[string]string, len(r.Recipe.Args)+len(r.Parents))
	for k, v := range r.Recipe.Args {
		args[k] = v
	}
	for _, p := range r.Parents {
		if p.Arg != "" && p.Image != "" {
			args[p.Arg] = bareID(p.Image)
		}
	}
	return args
}

func recipeError(err error) error {
	e := failed(exec.ClassRecipe, err)
	var parse *dockerfile.ParseError
	if errors.As(err, &parse) {
		e.Line = parse.Line
	}
	return e
}

// seesThroughMounts says whether a step that is reached can see content that
// this podman leaves out of its cache key: a bind mount of the context, of a
// stage or of another image. Then nothing of its cache can be believed.
func (b *build) seesThroughMounts(v version) bool {
	if v.atLeast(5, 0) {
		return false
	}
	for _, s := range b.facts.Stages {
		for _, f := range s.Files {
			if (f.Kind == dockerfile.Sources && f.Sources.Bind) || (f.Kind == dockerfile.Input && f.Role == "mount") {
				return true
			}
		}
	}
	return false
}
