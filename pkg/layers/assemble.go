package layers

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

// assemble reads every layer's Dockerfile and joins them to a graph.
func (d *drawing) assemble() (*graph.Graph, error) {
	names := nameTable{d.spec.Base: BaseID}
	for i := range d.layers {
		for _, tag := range d.layers[i].tags {
			names[tag] = d.layers[i].id
		}
		names[string(d.layers[i].id)] = d.layers[i].id
	}
	nodes := []graph.Node{{
		ID: BaseID, Kind: graph.KindBase, Ref: d.spec.Base, Digest: d.spec.BaseDigest, Unchecked: d.spec.BaseUnchecked,
	}}
	for i := range d.layers {
		r := &reading{d: d, layer: &d.layers[i], names: names}
		made, err := r.nodes()
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, made...)
	}
	return graph.New(nodes...)
}

// nameTable leads from a reference, as a Dockerfile writes it, to a node.
type nameTable map[string]graph.ID

// nearest returns the names that look most like ref.
func (t nameTable) nearest(ref string) string {
	var list []string
	for name := range t {
		list = append(list, name)
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := commonPrefix(list[i], ref), commonPrefix(list[j], ref)
		if a != b {
			return a > b
		}
		return list[i] < list[j]
	})
	return strings.Join(list[:min(3, len(list))], ", ")
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// UnknownRefError is a FROM, COPY --from or mount that names neither a stage
// nor anything we know. It is never pulled from somewhere unasked.
type UnknownRefError struct {
	File    string
	Line    int
	Ref     string
	Nearest string
}

func (e *UnknownRefError) Error() string {
	return fmt.Sprintf("%s:%d: %q is neither a stage, nor a layer, nor the base (nearest: %s)", e.File, e.Line, e.Ref, e.Nearest)
}

// reading turns one layer's Dockerfile into its nodes.
type reading struct {
	d      *drawing
	layer  *layer
	names  nameTable
	facts  *dockerfile.Facts
	stages map[int]*dockerfile.Stage // by index in the Dockerfile
}

func (r *reading) nodes() ([]graph.Node, error) {
	file, err := dockerfile.Parse(r.layer.file, r.layer.text)
	if err != nil {
		return nil, err
	}
	r.facts, err = file.Facts(dockerfile.Options{Platform: r.d.spec.Platform})
	if err != nil {
		return nil, err
	}
	r.stages = map[int]*dockerfile.Stage{}
	for i := range r.facts.Stages {
		r.stages[r.facts.Stages[i].Index] = &r.facts.Stages[i]
	}
	var nodes []graph.Node
	for i := range r.facts.Stages {
		st := &r.facts.Stages[i]
		if st.Alias && i != r.facts.Target {
			continue
		}
		n, err := r.node(st, i == r.facts.Target)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

func (r *reading) node(st *dockerfile.Stage, target bool) (graph.Node, error) {
	n := graph.Node{
		ID: r.stageID(st), Kind: graph.KindStage, Layer: r.layer.id, Stage: st.Index, Platform: r.d.spec.Platform,
	}
	if target {
		n.ID, n.Kind, n.Layer = r.layer.id, graph.KindLayer, ""
		n.Tags, n.Version, n.Unpinned, n.Contains = r.layer.tags, r.layer.version, r.layer.unpinned, r.layer.contains
		n.Recipe = &graph.Recipe{
			Name: r.layer.file, Dockerfile: r.layer.text, Context: r.layer.context, Platform: r.d.spec.Platform,
		}
	}
	var err error
	if n.Files, err = r.ingredients(&n, st.Files, graph.FilesOf); err != nil {
		return n, err
	}
	n.Config, err = r.ingredients(&n, st.Config, graph.ConfigOf)
	return n, err
}

func (r *reading) stageID(st *dockerfile.Stage) graph.ID {
	name := st.Name
	if name == "" {
		name = strconv.Itoa(st.Index)
	}
	return graph.ID(string(r.layer.id) + "/" + name)
}

// ingredients turns facts into ingredients and adds the edges they show.
func (r *reading) ingredients(n *graph.Node, facts []dockerfile.Fact, which string) ([]graph.Ingredient, error) {
	var out []graph.Ingredient
	for i := range facts {
		f := &facts[i]
		switch f.Kind {
		case dockerfile.Instruction:
			out = append(out, graph.Ingredient{
				Kind: graph.Instruction, Name: f.Keyword, Digest: graph.DigestOf(f.Text), Note: printable(f), Step: f.Step,
			})
		case dockerfile.Arg:
			out = append(out, r.arg(f))
		case dockerfile.Input:
			in, err := r.input(n, f, which)
			if err != nil {
				return nil, err
			}
			out = append(out, in...)
		case dockerfile.Sources:
			files, err := hashContext(r.layer.context, f.Sources, f.Step)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", r.layer.file, f.Line, err)
			}
			out = append(out, files...)
		}
	}
	return out, nil
}

// printable is an instruction's text for people and records, without the values
// of variables that look like secrets.
func printable(f *dockerfile.Fact) string {
	if f.Keyword != "ENV" {
		return f.Display
	}
	name, _, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(f.Display, "ENV")), "=")
	if looksSecret(name) {
		return "ENV " + name + "=…"
	}
	return f.Display
}

// looksSecret reports whether a variable's name says that its value should not
// be shown.
func looksSecret(name string) bool {
	name = strings.ToUpper(name)
	for _, word := range []string{"SECRET", "TOKEN", "PASSWORD", "PASSWD", "CREDENTIAL", "APIKEY", "API_KEY", "PRIVATE_KEY", "ACCESS_KEY", "AUTH"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

func (r *reading) arg(f *dockerfile.Fact) graph.Ingredient {
	in := graph.Ingredient{Kind: graph.Arg, Name: f.Name, Digest: graph.DigestOf(f.Value), Step: f.Step}
	switch {
	case !f.Set:
		in.Attr, in.Digest = "unset", ""
	case r.layer.versions[f.Name]:
		in.Kind, in.Note = graph.Version, f.Value
	case r.layer.locked[f.Name]:
		in.Kind, in.Note = graph.Locked, f.Value
	}
	return in
}

// input resolves a reference; an alias stage is looked through to what it
// names. Several ingredients never come of one reference; none comes of an
// input that only builds.
func (r *reading) input(n *graph.Node, f *dockerfile.Fact, which string) ([]graph.Ingredient, error) {
	role, ref := graph.Role(f.Role), f.Ref
	for ref.Stage >= 0 {
		st := r.stages[ref.Stage]
		if st == nil || !st.Alias {
			break
		}
		ref = st.From
	}
	if ref.Stage >= 0 {
		id := r.stageID(r.stages[ref.Stage])
		addInput(n, graph.Input{Role: role, Node: id})
		attr := which
		if role != graph.RoleFrom {
			attr = graph.FilesOf
		}
		return []graph.Ingredient{{Kind: graph.FromInput, Name: f.Role, Attr: attr, Note: string(id), Step: f.Step}}, nil
	}
	if ref.External == "scratch" {
		return nil, nil
	}
	id, ok := r.names[ref.External]
	if !ok {
		return nil, &UnknownRefError{File: r.layer.file, Line: ref.Line, Ref: ref.External, Nearest: r.names.nearest(ref.External)}
	}
	in := graph.Input{Role: role, Node: id, Arg: ref.Arg, Ref: ref.External, Builder: r.layer.hermetic && r.layer.builders[id]}
	addInput(n, in)
	switch {
	case in.Builder:
		return nil, nil
	case id == BaseID:
		return []graph.Ingredient{{Kind: graph.Base, Name: f.Role, Digest: r.d.spec.BaseDigest, Note: r.d.spec.Base, Step: f.Step}}, nil
	case role != graph.RoleFrom:
		return []graph.Ingredient{{Kind: graph.FromInput, Name: f.Role, Attr: graph.FilesOf, Note: string(id), Step: f.Step}}, nil
	}
	// A stage sees the environment of the image it builds on, which is in
	// that image's config.
	attr := graph.ImageOf
	if which == graph.ConfigOf {
		attr = graph.ConfigOf
	}
	return []graph.Ingredient{{Kind: graph.FromInput, Name: f.Role, Attr: attr, Note: string(id), Step: f.Step}}, nil
}

func addInput(n *graph.Node, in graph.Input) {
	for _, have := range n.Inputs {
		if have == in {
			return
		}
	}
	n.Inputs = append(n.Inputs, in)
}
