package layers

import (
	"fmt"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/words"
)

// nameTable leads from a reference, as a Dockerfile writes it, to a layer.
type nameTable map[string]namedLayer

// namedLayer is a layer with one of its names, as written.
type namedLayer struct {
	id   graph.ID
	name string
}

// addLayer adds a layer under its own name and under those of its image. Two
// layers cannot share one.
func (t nameTable) addLayer(l *layer) error {
	for _, name := range append([]string{string(l.id)}, l.tags...) {
		key := nameKey(name)
		have, taken := t[key]
		if taken && have.id != l.id {
			return &NameTakenError{Name: name, First: have.id, Second: l.id}
		}
		if !taken {
			t[key] = namedLayer{l.id, name}
		}
	}
	return nil
}

// lookup returns the layer that a reference means.
func (t nameTable) lookup(ref string) (graph.ID, bool) {
	l, ok := t[nameKey(ref)]
	return l.id, ok
}

// nameKey is the one spelling of a name: an image without a registry is local,
// and one without a tag is the latest.
func nameKey(name string) string {
	name = strings.TrimPrefix(name, "localhost/")
	if _, tag := splitTag(name); tag == "" && !strings.Contains(name, "@") {
		name += ":latest"
	}
	return name
}

// nearest returns those of names that look most like ref, the nearest first.
func nearest(ref string, names []string) []string {
	return words.Sorted(ref, names)[:min(3, len(names))]
}

// NameTakenError says that two layers want one name.
type NameTakenError struct {
	Name          string
	First, Second graph.ID
}

func (e *NameTakenError) Error() string {
	return fmt.Sprintf("%q is the name of two layers, %s and %s", e.Name, e.First, e.Second)
}

// UnknownRefError is a FROM, COPY --from or mount that names neither a stage
// nor anything we know. It is never pulled from somewhere unasked.
type UnknownRefError struct {
	File string
	Line int
	Ref  string
	// Nearest are names that look like it, the nearest first.
	Nearest []string
	// Full is the reference that would name an image of a registry, or "".
	Full string
}

func (e *UnknownRefError) Error() string {
	text := fmt.Sprintf("%s:%d: %q is neither a stage, nor a layer, nor an image that is declared or in the store", e.File, e.Line, e.Ref)
	if len(e.Nearest) > 0 {
		text += " (nearest: " + strings.Join(e.Nearest, ", ") + ")"
	}
	return text
}

// Hint says what the user can do.
func (e *UnknownRefError) Hint() string {
	if e.Full == "" {
		return ""
	}
	return fmt.Sprintf("if an image of a registry is meant, write %s, or add %s to images: in the project file", e.Full, e.Ref)
}
