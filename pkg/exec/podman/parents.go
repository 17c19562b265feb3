package podman

import (
	"slices"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

// writeFroms returns the Dockerfile with every FROM of a parent that is given by
// reference made a FROM of its image. A build context of that name would do for
// one that is spelled out, but podman does not look for it where an argument
// stands.
func writeFroms(f *dockerfile.File, facts *dockerfile.Facts, parents []exec.Parent) []byte {
	images := map[string]string{}
	for _, p := range parents {
		if p.Arg == "" && p.Image != "" {
			images[p.Ref] = bareID(p.Image)
		}
	}
	return f.NameFroms(facts, images)
}

// otherThanStages are the parents whose reference is not the name of a stage.
// With FROM settled such a name means the stage, and podman would take the
// build context.
func otherThanStages(f *dockerfile.File, parents []exec.Parent) []exec.Parent {
	return slices.DeleteFunc(slices.Clone(parents), func(p exec.Parent) bool {
		return p.Arg == "" && f.HasStage(p.Ref)
	})
}
