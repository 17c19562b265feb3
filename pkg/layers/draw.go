// Package layers draws what should exist: it names the built-in layers, renders
// their recipes from the resources, reads the edges out of the Dockerfiles and
// hands all of it over as a graph. It looks at no store and needs no engine.
package layers

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/content"
	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
	"github.com/terok-ai/terok-agent/pkg/layers/roster"
)

// BaseID is the node of the base image.
const BaseID graph.ID = "base"

// The nodes of the built-in layers that have no name of their own.
const (
	L0ID    graph.ID = "l0"
	L1ID    graph.ID = "l1"
	FetchID graph.ID = "fetch"
)

// SidecarID is the node of a tool's sidecar.
func SidecarID(tool string) graph.ID { return graph.ID("sidecar/" + tool) }

// PartID is the node of an entry's part.
func PartID(e roster.Entry) graph.ID { return graph.ID(e.Part() + "/" + e.Name) }

// layer is one layer as drawn, before its Dockerfile is read.
type layer struct {
	id       graph.ID
	tags     []string
	file     string // the Dockerfile's name
	text     []byte
	context  *Context
	version  string
	unpinned []string
	// hermetic layers do not depend on what built them: inputs in builders
	// give no ingredient.
	hermetic bool
	builders map[graph.ID]bool
	// contains are the entries inside, sorted.
	contains []string
	// versions and locked name the arguments with these meanings.
	versions, locked map[string]bool
	// user is what a layer of the user's has more, nil for a built-in one.
	user *userRecipe
	// parsed is its Dockerfile, read; facts are those that do not depend on what
	// external images hand on.
	parsed *dockerfile.File
	facts  *dockerfile.Facts
}

// Draw makes the graph of what should exist: pure, given the resources. Edges
// are read from the Dockerfiles.
func Draw(spec Spec, resources fs.FS) (*graph.Graph, error) {
	s, err := NewSketch(spec, resources)
	if err != nil {
		return nil, err
	}
	return s.Graph(spec.pins())
}

// drawing is one Draw under way.
type drawing struct {
	spec      Spec
	resources fs.FS
	roster    *roster.Roster
	templates *templates
	layers    []layer
	parts     map[string]*part
	// asked is what the spec asks for; what else is drawn is needed by that.
	asked struct {
		l1       bool
		sidecars []string
	}
	// names are those of all layers, bases the external images that they refer
	// to.
	names nameTable
	bases map[graph.ID]Base
	// digests are what is remembered of the files of contexts, by directory.
	digests map[string]*content.Digests
}

func newDrawing(spec Spec, resources fs.FS) (*drawing, error) {
	spec, err := spec.complete()
	if err != nil {
		return nil, err
	}
	r, err := LoadRoster(resources)
	if err != nil {
		return nil, err
	}
	d := &drawing{
		spec: spec, resources: resources, roster: r, templates: &templates{resources}, parts: map[string]*part{},
		names: nameTable{}, bases: map[graph.ID]Base{}, digests: map[string]*content.Digests{},
	}
	d.asked.l1, d.asked.sidecars = !spec.NoL1, spec.Sidecars
	return d, nil
}

// drawAll draws every layer, reads its Dockerfile and finds what it refers to.
func (d *drawing) drawAll() error {
	draw := d.drawBuiltIn
	if len(d.spec.Layers) > 0 {
		draw = d.drawUsers
	}
	if err := draw(); err != nil {
		return err
	}
	if len(d.parts) > 0 && !d.has(FetchID) {
		if err := d.drawFetch(); err != nil {
			return err
		}
	}
	for i := range d.layers {
		if err := d.names.addLayer(&d.layers[i]); err != nil {
			return err
		}
	}
	for i := range d.layers {
		l := &d.layers[i]
		if err := d.readFacts(l); err != nil {
			return err
		}
		if err := d.findBases(l, l.facts); err != nil {
			return err
		}
	}
	return nil
}

// drawBuiltIn draws what a project without layers of its own has.
func (d *drawing) drawBuiltIn() error {
	if err := d.drawL0(); err != nil {
		return err
	}
	if !d.spec.NoL1 {
		if err := d.drawL1(); err != nil {
			return err
		}
	}
	for i, tool := range d.spec.Sidecars {
		if err := d.drawSidecar(tool, i == 0); err != nil {
			return err
		}
	}
	return nil
}

// readFacts reads a layer's Dockerfile, once.
func (d *drawing) readFacts(l *layer) error {
	if l.facts != nil {
		return nil
	}
	var err error
	if l.parsed, err = dockerfile.Parse(l.file, l.text); err != nil {
		return err
	}
	l.facts, err = l.parsed.Facts(l.factOptions(d.spec.Platform))
	if err != nil {
		return err
	}
	return checkPlatforms(l)
}

// checkPlatforms refuses stages on images of another platform than the target's:
// one image of each name is looked for and pinned.
func checkPlatforms(l *layer) error {
	for i := range l.facts.Stages {
		if s := &l.facts.Stages[i]; s.Platform != "" && s.From.Stage < 0 && s.From.External != "scratch" {
			return &dockerfile.ParseError{
				File: l.file, Line: s.Line, Message: fmt.Sprintf("FROM --platform=%s is another platform than the target's", s.Platform),
				Hint: "a layer stands on images of its own platform; build for that one, or leave --platform out",
			}
		}
	}
	return nil
}

// factOptions are what a layer's Dockerfile is read with.
func (l *layer) factOptions(platform string) dockerfile.Options {
	o := dockerfile.Options{Platform: platform}
	if l.user != nil {
		o.Args, o.Target = l.user.Args, l.user.Target
	}
	return o
}

func (d *drawing) tag(name string) string { return name + d.spec.archSuffix() }

func (d *drawing) l0Tag() string    { return d.tag(L0Tag(d.spec.Base)) }
func (d *drawing) fetchTag() string { return d.tag(FetchTag(d.spec.Base)) }

// baseData is what the templates of L0 and fetch are given.
type baseData struct {
	Base, Family string
	// Packages are those of the distribution that entries ask for.
	Packages []string
}

func (d *drawing) baseData() baseData {
	return baseData{Base: d.spec.Base, Family: string(d.spec.Family)}
}

func (d *drawing) drawL0() error {
	data := d.baseData()
	var err error
	if data.Packages, err = d.wantedPackages(); err != nil {
		return err
	}
	text, err := d.templates.render(tmplL0, data)
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	for _, dir := range []string{"scripts/l0", "tmux"} {
		if err := readTree(d.resources, dir, files); err != nil {
			return err
		}
	}
	d.layers = append(d.layers, layer{
		id: L0ID, tags: []string{d.l0Tag()}, file: fileL0, text: text, context: newContext(files),
	})
	return nil
}

func (d *drawing) drawFetch() error {
	text, err := d.templates.render(tmplFetch, d.baseData())
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	if err := readTree(d.resources, "scripts/fetch", files); err != nil {
		return err
	}
	d.layers = append(d.layers, layer{
		id: FetchID, tags: []string{d.fetchTag()}, file: fileFetch, text: text, context: newContext(files),
	})
	return nil
}

// drawTogether draws the parts that go into one image and makes sure that they
// get along there; env is what the image sets for them.
func (d *drawing) drawTogether(names []string) (parts []*part, env map[string]string, err error) {
	if parts, err = d.drawParts(names); err != nil {
		return nil, nil, err
	}
	if env, err = mergeEnv(parts); err != nil {
		return nil, nil, err
	}
	return parts, env, checkPaths(parts)
}

// mergeEnv joins the environments of parts; two that want one variable
// differently are an error of the later entry.
func mergeEnv(parts []*part) (map[string]string, error) {
	env, owner := map[string]string{}, map[string]string{}
	for _, p := range parts {
		for k, v := range p.env {
			if have, ok := env[k]; ok && have != v {
				return nil, p.entry.Errorf("env."+k, "%s is %q here and %q in %s: two entries cannot share one image with different values", k, v, have, owner[k])
			}
			env[k], owner[k] = v, p.entry.Name
		}
	}
	return env, nil
}

// checkPaths makes sure that no two parts of one image write the same path.
func checkPaths(parts []*part) error {
	owner := map[string]string{}
	for _, p := range parts {
		for _, path := range p.paths {
			if have, ok := owner[path]; ok && have != p.entry.Name {
				return p.entry.Errorf("", "%s and %s both put %s into the image", have, p.entry.Name, path)
			}
			owner[path] = p.entry.Name
		}
	}
	return nil
}

func (d *drawing) drawSidecar(tool string, first bool) error {
	e, ok := d.roster.Lookup(tool)
	if !ok || e.Sidecar == nil {
		return d.unknownSidecar(tool)
	}
	names, err := d.roster.Expand([]string{tool})
	if err != nil {
		return err
	}
	parts, env, err := d.drawTogether(names)
	if err != nil {
		return err
	}
	text, err := d.templates.render(tmplSidecar, assemblyData{L0: d.l0Tag(), Parts: aliases(parts), Env: envLine(env)})
	if err != nil {
		return err
	}
	plain := d.tag(SidecarTag(d.spec.Base))
	tags := []string{d.tag(SidecarTag(d.spec.Base) + "-" + tool)}
	if first {
		// The name without the tool is what other programs look for.
		tags = append(tags, plain)
	}
	file := fileSidecar
	if !first {
		file = "L1.sidecar." + tool + ".Dockerfile"
	}
	d.layers = append(d.layers, layer{
		id: SidecarID(tool), tags: tags, file: file, text: text, context: newContext(nil), unpinned: unpinnedOf(parts),
	})
	return nil
}

func (d *drawing) unknownSidecar(tool string) error {
	var have []string
	for _, name := range d.roster.Names() {
		if e, _ := d.roster.Lookup(name); e.Sidecar != nil {
			have = append(have, name)
		}
	}
	return &roster.SelectionError{Wanted: []string{tool}, Available: have}
}

func unpinnedOf(parts []*part) []string {
	var out []string
	for _, p := range parts {
		for _, u := range p.unpinned {
			out = append(out, fmt.Sprintf("%s: %s", p.entry.Name, u))
		}
	}
	return out
}

// IsPart reports whether a node is an agent's or a tool's part.
func IsPart(id graph.ID) bool {
	return strings.HasPrefix(string(id), "agent/") || strings.HasPrefix(string(id), "tool/")
}

// IsSidecar reports whether a node is a sidecar.
func IsSidecar(id graph.ID) bool { return strings.HasPrefix(string(id), "sidecar/") }

// IsRunnable reports whether a node is an image that people run.
func IsRunnable(id graph.ID) bool { return id == L1ID || IsSidecar(id) }
