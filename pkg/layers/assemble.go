package layers

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/content"
	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

// assembly joins the layers of a drawing to a graph, on external images that
// are known.
type assembly struct {
	*drawing
	found map[graph.ID]External
	// read are the layers whose facts are complete, or being completed.
	read map[graph.ID]*dockerfile.Facts
	// used are the external images that something really reads.
	used map[graph.ID]Base
}

func (a *assembly) graph() (*graph.Graph, error) {
	var nodes []graph.Node
	for i := range a.layers {
		facts, err := a.factsOf(&a.layers[i])
		if err != nil {
			return nil, err
		}
		r := &reading{a: a, layer: &a.layers[i], facts: facts, stages: map[int]*dockerfile.Stage{}}
		made, err := r.nodes()
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, made...)
	}
	for _, d := range a.digests {
		d.Save()
	}
	for _, b := range a.used {
		n, err := baseNode(b, a.found[b.ID])
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return graph.New(nodes...)
}

// factsOf completes the facts of a user's layer by what the images that it
// stands on hand on: the triggers they leave and the environment they set.
func (a *assembly) factsOf(l *layer) (*dockerfile.Facts, error) {
	if l.user == nil {
		return l.facts, nil
	}
	if facts, seen := a.read[l.id]; seen {
		return facts, nil
	}
	a.read[l.id] = nil // a circle is found when the graph is made
	o := l.factOptions(a.spec.Platform)
	o.OnBuild = a.handedOn
	facts, err := l.parsed.Facts(o)
	if err != nil {
		return nil, err
	}
	a.read[l.id] = facts
	return facts, nil
}

// handedOn is what an image hands on to what is built on it. The environment of
// a layer of ours is not told: it is in that layer's key.
func (a *assembly) handedOn(ref string) (triggers, env []string) {
	id, ok := a.names.lookup(ref)
	if !ok {
		if b, isExternal := a.external(ref); isExternal {
			e := a.found[b.ID]
			return e.OnBuild, e.Env
		}
		return nil, nil
	}
	for i := range a.layers {
		l := &a.layers[i]
		if l.id != id {
			continue
		}
		facts, err := a.factsOf(l)
		if err != nil || facts == nil {
			return nil, nil // reported where the layer itself is read
		}
		for _, f := range facts.Stages[facts.Target].Config {
			if f.Kind == dockerfile.Instruction && f.Keyword == "ONBUILD" {
				triggers = append(triggers, f.Text)
			}
		}
	}
	return triggers, nil
}

// reading turns one layer's Dockerfile into its nodes.
type reading struct {
	a      *assembly
	layer  *layer
	facts  *dockerfile.Facts
	stages map[int]*dockerfile.Stage // by index in the Dockerfile
	tree   *content.Tree
}

func (r *reading) nodes() ([]graph.Node, error) {
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
		ID: r.stageID(st), Kind: graph.KindStage, Layer: r.layer.id, Stage: st.Index, Platform: r.a.spec.Platform,
	}
	if target {
		n.ID, n.Kind, n.Layer = r.layer.id, graph.KindLayer, ""
		n.Tags, n.Version, n.Unpinned, n.Contains = r.layer.tags, r.layer.version, r.layer.unpinned, r.layer.contains
		n.Recipe = r.recipe()
		if r.layer.user != nil {
			n.Unpinned = untracked(r.facts)
		}
	}
	var err error
	if n.Files, err = r.ingredients(&n, st.Files, graph.FilesOf); err != nil {
		return n, err
	}
	n.Config, err = r.ingredients(&n, st.Config, graph.ConfigOf)
	return n, err
}

// recipe is what the layer is built from.
func (r *reading) recipe() *graph.Recipe {
	out := &graph.Recipe{Name: r.layer.file, Dockerfile: r.layer.text, Platform: r.a.spec.Platform}
	if u := r.layer.user; u != nil {
		out.Target, out.ContextDir, out.Exclude = u.Target, u.dir, u.exclude
		// Builders warn of what nobody declares.
		out.Args = maps.Clone(u.Args)
		for _, name := range r.facts.Unused {
			delete(out.Args, name)
		}
	} else {
		out.Context = r.layer.context
	}
	return out
}

// untracked lists the steps that can give something else although nothing
// that is known changed.
func untracked(facts *dockerfile.Facts) []string {
	var out []string
	for i := range facts.Stages {
		for _, f := range facts.Stages[i].Files {
			if f.Untracked {
				out = append(out, fmt.Sprintf("line %d: %s has no checksum", f.Line, f.Display))
			}
		}
	}
	return out
}

// context is what the layer's steps can read.
func (r *reading) context() *content.Tree {
	switch {
	case r.tree != nil:
	case r.layer.user != nil:
		r.tree = r.layer.user.tree
	default:
		r.tree = content.New(r.layer.context)
	}
	return r.tree
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
			files, err := r.context().Ingredients(f.Sources, f.Step)
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
	id, ok := r.a.names.lookup(ref.External)
	if !ok {
		return r.base(n, role, ref, f)
	}
	in := graph.Input{Role: role, Node: id, Arg: r.argOf(ref), Ref: ref.External, Builder: r.layer.hermetic && r.layer.builders[id]}
	addInput(n, in)
	switch {
	case in.Builder:
		return nil, nil
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

// base is an input that is an external image.
func (r *reading) base(n *graph.Node, role graph.Role, ref dockerfile.Ref, f *dockerfile.Fact) ([]graph.Ingredient, error) {
	b, isExternal := r.a.external(ref.External)
	found, known := r.a.found[b.ID]
	if !isExternal || !known {
		return nil, r.a.unknownRef(r.layer, ref)
	}
	if have, ok := r.a.bases[b.ID]; ok {
		b = have // with the reference that serves all
	}
	r.a.used[b.ID] = b
	addInput(n, graph.Input{Role: role, Node: b.ID, Arg: r.argOf(ref), Ref: ref.External})
	return []graph.Ingredient{{Kind: graph.Base, Name: f.Role, Digest: found.Digest, Note: b.Ref, Step: f.Step}}, nil
}

// argOf is the argument that a builder is given an input by. In a user's
// Dockerfile it may be used for something else as well, so there the reference
// itself is given another meaning.
func (r *reading) argOf(ref dockerfile.Ref) string {
	if r.layer.user != nil {
		return ""
	}
	return ref.Arg
}

func addInput(n *graph.Node, in graph.Input) {
	for _, have := range n.Inputs {
		if have == in {
			return
		}
	}
	n.Inputs = append(n.Inputs, in)
}
