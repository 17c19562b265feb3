package layers

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/roster"
)

// part is an entry drawn as an image that holds only its files.
type part struct {
	entry    roster.Entry
	alias    alias
	env      map[string]string
	unpinned []string
	// paths are what it puts into an image, apart from its own prefix.
	paths []string
}

// partData is what the template of parts is given.
type partData struct {
	ID, Name, Kind, Fetch, Version, Prefix, PrefixParent, GnuArch string
	Needs                                                         []alias
	Steps                                                         []stepData
	// Artefacts are those of the steps.
	Artefacts []*artefactData
	Files     []fileData
	// Dirs are the directories of the files.
	Dirs     []string
	Links    []roster.Link
	Prepare  []commandData
	ProbeEnv []string
	Probe    string
}

type fileData struct{ From, To, Mode string }

type commandData struct {
	Env     []string
	Command string
}

// drawParts draws the parts of these entries, each once, and returns them in
// the same order.
func (d *drawing) drawParts(names []string) ([]*part, error) {
	out := make([]*part, len(names))
	for i, name := range names {
		p, err := d.drawPart(name)
		if err != nil {
			return nil, err
		}
		out[i] = p
	}
	return out, nil
}

func (d *drawing) drawPart(name string) (*part, error) {
	if p, done := d.parts[name]; done {
		return p, nil
	}
	e, ok := d.roster.Lookup(name)
	if !ok {
		return nil, &roster.SelectionError{Wanted: []string{name}, Available: d.roster.Names()}
	}
	if len(e.Families) > 0 && !slices.Contains(e.Families, string(d.spec.Family)) {
		return nil, e.Errorf("families", "%s works on %s, and the base is %s", name, strings.Join(e.Families, ", "), d.spec.Family)
	}
	res, err := e.Resolve(d.spec.Platform)
	if err != nil {
		return nil, err
	}
	needs, err := d.drawParts(e.Needs)
	if err != nil {
		return nil, err
	}
	data := newPartData(res, d.fetchTag())
	data.Needs = aliases(needs)
	// What an unpinned part goes into is no better pinned than that.
	for _, n := range needs {
		if len(n.unpinned) > 0 {
			res.Unpinned = append(res.Unpinned, "made with "+n.entry.Name+", which is unpinned")
		}
	}
	text, err := d.templates.render(tmplPart, data)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, f := range res.Files {
		content, err := fs.ReadFile(d.resources, f.Source)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: reading %q: %w", e.File, f.Line, f.Source, err)
		}
		files[f.Source] = content
	}
	for _, s := range res.Steps {
		addLocks(files, s.Tree)
	}
	l := layer{
		id: PartID(e), file: e.Part() + "-" + name + ".Dockerfile", text: text, context: newContext(files),
		version: res.Version, unpinned: res.Unpinned, hermetic: len(res.Unpinned) == 0,
		builders: map[graph.ID]bool{FetchID: true},
		versions: map[string]bool{"VERSION": true}, locked: map[string]bool{},
	}
	for i := range res.Artefacts {
		l.locked[fmt.Sprint("SOURCE_", i+1)], l.locked[fmt.Sprint("DIGEST_", i+1)] = true, true
	}
	l.tags = []string{d.tag(partTag(e, res, d.spec.Base))}
	d.layers = append(d.layers, l)
	p := &part{entry: e, alias: aliasOf(e.Part(), name, l.tags[0]), env: res.Env, unpinned: res.Unpinned, paths: pathsOf(data)}
	d.parts[name] = p
	return p, nil
}

func partTag(e roster.Entry, res roster.Resolved, base string) string {
	if len(res.Unpinned) > 0 || res.Version == "" {
		return PartTagUnpinned(e.Part(), e.Name, base)
	}
	return PartTag(e.Part(), e.Name, res.Version)
}

func newPartData(res roster.Resolved, fetch string) partData {
	e := res.Entry
	d := partData{
		ID: string(PartID(e)), Name: e.Name, Kind: string(e.Kind), Fetch: fetch, Version: res.Version,
		Prefix: res.Prefix, PrefixParent: path.Dir(res.Prefix), GnuArch: gnuArch(res.Platform),
	}
	for _, s := range res.Steps {
		d.addStep(s)
	}
	for _, f := range res.Files {
		d.Files = append(d.Files, fileData{From: f.Source, To: f.To, Mode: fmt.Sprintf("%04o", f.Mode.Perm())})
		if dir := path.Dir(f.To); dir != "/usr/local/bin" && !slices.Contains(d.Dirs, dir) {
			d.Dirs = append(d.Dirs, dir)
		}
	}
	for _, c := range res.Commands {
		d.Links = append(d.Links, roster.Link{Path: "/usr/local/bin/" + c.Name, Target: c.Target})
	}
	d.Links = append(d.Links, res.Links...)
	if res.Prepare != nil {
		d.Prepare = append(d.Prepare, commandData{Env: envPairs(res.Prepare.Env), Command: shellWords(res.Prepare.Run)})
	}
	if res.Probe != nil {
		d.Probe, d.ProbeEnv = shellWords(res.Probe.Run), envPairs(res.Env)
	}
	return d
}

// pathsOf lists what a part puts outside its own prefix.
func pathsOf(d partData) []string {
	var out []string
	for _, f := range d.Files {
		out = append(out, f.To)
	}
	for _, l := range d.Links {
		out = append(out, l.Path)
	}
	return out
}

func envPairs(env map[string]string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(env)) {
		out = append(out, shellQuote(k+"="+env[k]))
	}
	return out
}

func shellWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = shellQuote(w)
	}
	return strings.Join(quoted, " ")
}

// shellQuote writes a word that a POSIX shell reads back unchanged.
func shellQuote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,@+%") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// gnuArch spells a platform's processor as uname does.
func gnuArch(platform string) string {
	_, arch, _ := strings.Cut(platform, "/")
	switch arch {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	}
	return arch
}
