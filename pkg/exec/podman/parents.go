package podman

import (
	"slices"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

// writeFroms returns the Dockerfile with every FROM of a parent that is given by
// reference made a FROM of its image. A build context of that name would do for
// one that is spelled out, but podman does not look for it where an argument
// stands. No line moves.
func writeFroms(f *dockerfile.File, facts *dockerfile.Facts, parents []exec.Parent) []byte {
	images := map[string]string{}
	for _, p := range parents {
		if p.Arg == "" && p.Image != "" {
			images[p.Ref] = bareID(p.Image)
		}
	}
	lines := strings.Split(string(f.Source()), "\n")
	for i := range facts.Stages {
		s := &facts.Stages[i]
		image := images[s.From.External]
		if s.From.Stage >= 0 || image == "" {
			continue
		}
		from := f.Stages[s.Index].Instructions[0]
		lines[from.Line-1] = fromImage(from.Text, image)
		for n := from.Line; n < from.EndLine; n++ {
			lines[n] = ""
		}
	}
	return []byte(strings.Join(lines, "\n"))
}

// fromImage puts an image into a FROM; flags and the stage's name stay.
func fromImage(text, image string) string {
	words := strings.Fields(text)
	for i := 1; i < len(words); i++ {
		if !strings.HasPrefix(words[i], "--") {
			words[i] = image
			break
		}
	}
	return strings.Join(words, " ")
}

// otherThanStages are the parents whose reference is not the name of a stage.
// With FROM settled such a name means the stage, and podman would take the
// build context.
func otherThanStages(f *dockerfile.File, parents []exec.Parent) []exec.Parent {
	return slices.DeleteFunc(slices.Clone(parents), func(p exec.Parent) bool {
		return p.Arg == "" && slices.ContainsFunc(f.Stages, func(s dockerfile.StageText) bool {
			return s.Name != "" && strings.EqualFold(s.Name, p.Ref)
		})
	})
}
