package project

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/yamlfile"
)

// Set replaces one value, "base=debian:12" or "layers.dev.args.PYTHON=3.14".
// Elements of a list are separated by commas. What is wrong is an *Error.
func (p *Project) Set(assignment string) error {
	path, text, ok := strings.Cut(assignment, "=")
	if !ok {
		return &Error{File: "--set", Message: fmt.Sprintf("%q has no '='", assignment), Hint: "write --set base=debian:12 or --set layers.NAME.args.X=Y"}
	}
	r := newReader("--set")
	if rest, isLayer := strings.CutPrefix(path, "layers."); isLayer {
		p.setLayer(r, rest, text)
	} else {
		p.setTop(r, path, text)
	}
	if len(r.Errs) > 0 {
		return errors.Join(r.Errs...)
	}
	p.set[path] = true
	return nil
}

// listed is the list that a text with commas means.
func listed(path, text string) value {
	var parts []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return yamlfile.List(path, parts)
}

func (p *Project) setTop(r *reader, path, text string) {
	one, many := yamlfile.Text(path, text), listed(path, text)
	known := map[string]func(){
		"name":      func() { p.rename(r.matching(one, namePattern, "a name of small letters, digits and dashes")) },
		"base":      func() { p.Base = r.nonEmpty(one) },
		"family":    func() { p.Family = r.oneOf(one, "deb", "rpm") },
		"platform":  func() { p.Platform = r.nonEmpty(one) },
		"agents":    func() { p.Agents = r.Texts(many) },
		"sidecars":  func() { p.Sidecars = r.Texts(many) },
		"images":    func() { p.Images = r.images(many) },
		"resources": func() { p.Resources = r.Texts(many) },
	}
	choose(r, path, path, known)
}

// rename gives the project another name, and its layers the tags that follow.
func (p *Project) rename(name string) {
	for i := range p.Layers {
		l := &p.Layers[i]
		if _, own := p.Where("layers." + l.Name + ".tags"); !own {
			l.Tags = []string{name + "-" + l.Name + ":latest"}
		}
	}
	p.Name = name
}

func (p *Project) setLayer(r *reader, path, text string) {
	l, field := p.layerOf(path)
	if l == nil {
		name, _, _ := strings.Cut(path, ".")
		r.Errorf(Pos{}, r.Unknown(name, p.layerNames()), "no layer is called %q", name)
		return
	}
	full := "layers." + l.Name + "." + field
	if arg, isArg := strings.CutPrefix(field, "args."); isArg {
		if !argPattern.MatchString(arg) {
			r.Errorf(Pos{}, "", "%q is no name of an argument", arg)
			return
		}
		args := map[string]string{arg: text}
		for k, v := range l.Args {
			if k != arg {
				args[k] = v
			}
		}
		l.Args = args
		return
	}
	one, many := yamlfile.Text(full, text), listed(full, text)
	choose(r, full, field, map[string]func(){
		"dockerfile": func() { l.Dockerfile = p.Path(r.nonEmpty(one)) },
		"context":    func() { l.Context = p.Path(r.nonEmpty(one)) },
		"target":     func() { l.Target = text },
		"tags":       func() { l.Tags = r.tags(many) },
		"max_age":    func() { l.MaxAge = r.age(one) },
	})
}

// layerOf splits "NAME.FIELD"; a name may hold dots itself.
func (p *Project) layerOf(path string) (l *layers.UserLayer, field string) {
	for i := range p.Layers {
		rest, ok := strings.CutPrefix(path, p.Layers[i].Name+".")
		if ok && (l == nil || len(p.Layers[i].Name) > len(l.Name)) {
			l, field = &p.Layers[i], rest
		}
	}
	return l, field
}

func choose(r *reader, path, key string, known map[string]func()) {
	if set, ok := known[key]; ok {
		set()
		return
	}
	var names []string
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	if strings.HasPrefix(path, "layers.") {
		names = append(names, "args.NAME")
	}
	r.Errorf(Pos{}, r.Unknown(key, names), "nothing is called %q", path)
}
