// Package project reads terok-agent.yaml, the file in which a project says what
// images it wants. Reading is strict: every mistake is told with its place.
package project

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/terok-ai/terok-agent/pkg/layers"
)

const (
	// FileName is how the file is called where it is searched for.
	FileName = "terok-agent.yaml"
	// Version is the version of the format, the value of its key "version".
	Version = 1
)

// Project is a project file as read. A list that is nil was not given; an empty
// one was.
type Project struct {
	// File is the file's name as it was given or found; "" when there is none.
	File string
	// Dir is what relative paths are relative to.
	Dir string
	// Name is the project's name, by default that of its directory.
	Name                                string
	Base, Family, Platform              string
	Agents, Sidecars, Images, Resources []string
	Layers                              []layers.UserLayer

	at  map[string]Pos
	set map[string]bool
}

// Find returns the project file of a directory, or of the nearest one above
// that has one, relative to dir where that is shorter; "" when there is none.
func Find(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("looking for %s: %w", FileName, err)
	}
	up := ""
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(filepath.Join(at, FileName))
		switch {
		case err == nil && info.Mode().IsRegular():
			return filepath.Join(up, FileName), nil
		case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission):
			return "", fmt.Errorf("looking for %s: %w", FileName, err)
		case at == filepath.Dir(at):
			return "", nil
		}
		up = filepath.Join(up, "..")
	}
}

// Load reads a file. Mistakes in it are *Error, all of them joined.
func Load(file string) (*Project, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the project file: %w", err)
	}
	return Parse(file, text)
}

// None is the project of somebody who has no file.
func None() *Project { return &Project{at: map[string]Pos{}, set: map[string]bool{}} }

// Parse reads the text of a file; file is its name, for messages and for what
// its paths are relative to.
func Parse(file string, text []byte) (*Project, error) {
	r := newReader(file)
	p := None()
	p.File, p.Dir, p.at = file, filepath.Dir(file), r.At
	if doc, ok := r.Document(text); ok {
		p.read(r, doc)
	}
	if len(r.Errs) > 0 {
		return nil, errors.Join(r.Errs...)
	}
	return p, nil
}

func (p *Project) read(r *reader, doc value) {
	r.keys(doc, map[string]func(value){
		"version":   r.version,
		"name":      func(v value) { p.Name = r.matching(v, namePattern, "a name of small letters, digits and dashes") },
		"base":      func(v value) { p.Base = r.nonEmpty(v) },
		"family":    func(v value) { p.Family = r.oneOf(v, "deb", "rpm") },
		"platform":  func(v value) { p.Platform = r.nonEmpty(v) },
		"agents":    func(v value) { p.Agents = r.Texts(v) },
		"sidecars":  func(v value) { p.Sidecars = r.Texts(v) },
		"images":    func(v value) { p.Images = r.images(v) },
		"resources": func(v value) { p.Resources = r.Texts(v) },
		"layers":    func(v value) { p.Layers = p.layers(r, v) },
	})
	if _, given := r.At["version"]; !given && len(r.Errs) == 0 {
		r.Errorf(doc.Pos, "begin with: version: 1", "no version is given")
	}
	if p.Name == "" {
		p.Name = defaultName(p.Dir)
	}
	for i := range p.Layers {
		p.complete(&p.Layers[i])
	}
}

func (r *reader) version(v value) {
	if text := v.Source(); text != strconv.Itoa(Version) {
		r.Errorf(v.Pos, fmt.Sprintf("this program reads version %d", Version), "unknown version %s", text)
	}
}

var (
	namePattern = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*$`)
	argPattern  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	notInName   = regexp.MustCompile(`[^a-z0-9]+`)
)

// defaultName makes a name of a directory's.
func defaultName(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		abs = dir
	}
	name := strings.Trim(notInName.ReplaceAllString(strings.ToLower(filepath.Base(abs)), "-"), "-")
	if name == "" {
		return "project"
	}
	return name
}

// layers reads the list of layers.
func (p *Project) layers(r *reader, v value) []layers.UserLayer {
	out := []layers.UserLayer{}
	first := map[string]Pos{}
	for _, e := range r.Elements(v) {
		l, at := p.layer(r, e)
		if l.Name == "" {
			continue
		}
		if before, twice := first[l.Name]; twice {
			r.Errorf(at, "", "the layer %q is there already, in line %d", l.Name, before.Line)
			continue
		}
		first[l.Name] = at
		out = append(out, l)
	}
	return out
}

func (p *Project) layer(r *reader, v value) (layers.UserLayer, Pos) {
	l := layers.UserLayer{}
	at := v.Pos
	given := map[string]Pos{}
	note := func(key string, f func(value)) func(value) {
		return func(v value) { given[key] = v.Pos; f(v) }
	}
	r.keys(v, map[string]func(value){
		"name":       note("name", func(v value) { l.Name, at = r.layerName(v), v.Pos }),
		"dockerfile": note("dockerfile", func(v value) { l.Dockerfile = r.nonEmpty(v) }),
		"context":    note("context", func(v value) { l.Context = r.nonEmpty(v) }),
		"target":     note("target", func(v value) { l.Target = r.Text(v) }),
		"args":       note("args", func(v value) { l.Args = r.args(v, given) }),
		"tags":       note("tags", func(v value) { l.Tags = r.tags(v) }),
		"max_age":    note("max_age", func(v value) { l.MaxAge = r.age(v) }),
	})
	if _, ok := given["name"]; !ok {
		r.Errorf(v.Pos, "", "a layer has no name")
	}
	for key, pos := range given {
		r.At["layers."+l.Name+"."+key] = pos
	}
	return l, at
}

// complete fills in what a layer leaves out.
func (p *Project) complete(l *layers.UserLayer) {
	if l.Dockerfile == "" {
		l.Dockerfile = l.Name + ".Dockerfile"
	}
	if l.Context == "" {
		l.Context = "."
	}
	if len(l.Tags) == 0 {
		l.Tags = []string{p.Name + "-" + l.Name + ":latest"}
	}
	l.Dockerfile, l.Context = p.Path(l.Dockerfile), p.Path(l.Context)
}

// Path is a path of the file as this process finds it.
func (p *Project) Path(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(p.Dir, filepath.FromSlash(name))
}

// Where says where a value comes from ("layers.dev.args.X"): the place in the
// file, or that it was set over it; false when it was not given.
func (p *Project) Where(path string) (string, bool) {
	if p.set[path] {
		return "--set", true
	}
	at, ok := p.at[path]
	if !ok {
		return "", false
	}
	return fmt.Sprintf("%s:%d", p.File, at.Line), true
}

// parseAge reads "14d", "2w" or what time.ParseDuration reads.
func parseAge(text string) (time.Duration, error) {
	for unit, length := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			n, err := strconv.Atoi(number)
			if err != nil || n <= 0 || n > 36500 {
				return 0, fmt.Errorf("%q is no age", text)
			}
			return time.Duration(n) * length, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is no age", text)
	}
	return d, nil
}
