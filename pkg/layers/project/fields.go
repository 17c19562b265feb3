package project

import (
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/terok-ai/terok-agent/pkg/layers"
)

func (r *reader) nonEmpty(v value) string {
	before := len(r.Errs)
	text := r.Text(v)
	if text == "" && len(r.Errs) == before {
		r.Errorf(v.Pos, "leave the key out to have its default", "%s is empty", v.Name())
	}
	return text
}

func (r *reader) oneOf(v value, words ...string) string {
	before := len(r.Errs)
	text := r.Text(v)
	if len(r.Errs) == before && !slices.Contains(words, text) {
		r.Errorf(v.Pos, r.Unknown(text, words), "%s is %q", v.Name(), text)
	}
	return text
}

func (r *reader) matching(v value, pattern *regexp.Regexp, what string) string {
	before := len(r.Errs)
	text := r.Text(v)
	if len(r.Errs) == before && !pattern.MatchString(text) {
		r.Errorf(v.Pos, "", "%q is not %s", text, what)
		return ""
	}
	return text
}

func (r *reader) layerName(v value) string {
	name := r.matching(v, namePattern, "a name of small letters, digits and dashes")
	if why := layers.CheckLayerName(name); name != "" && why != "" {
		r.Errorf(v.Pos, "", "a layer cannot be called %q: %s", name, why)
		return ""
	}
	return name
}

func (r *reader) images(v value) []string {
	out := []string{}
	for _, e := range r.Elements(v) {
		text := r.nonEmpty(e)
		if _, err := layers.ParseRef(text); err != nil && text != "" {
			r.Errorf(e.Pos, "", "%v", err)
		}
		out = append(out, text)
	}
	return out
}

func (r *reader) args(v value, given map[string]Pos) map[string]string {
	out := map[string]string{}
	for p := range r.Pairs(v) {
		if !argPattern.MatchString(p.Name) {
			r.Errorf(p.Pos, "", "%q is no name of an argument", p.Name)
			continue
		}
		out[p.Name] = r.Text(p.Value)
		given["args."+p.Name] = p.Pos
	}
	return out
}

func (r *reader) tags(v value) []string {
	var out []string
	for _, e := range r.Elements(v) {
		text := r.nonEmpty(e)
		tag, err := layers.ParseTag(text)
		if err != nil && text != "" {
			r.Errorf(e.Pos, "", "%v", err)
			continue
		}
		out = append(out, tag)
	}
	return out
}

func (r *reader) age(v value) time.Duration {
	before := len(r.Errs)
	text := r.Text(v)
	d, err := parseAge(text)
	if err != nil && len(r.Errs) == before {
		r.Errorf(v.Pos, `write days, weeks or hours: "14d", "2w", "36h"`, "%v", err)
	}
	return d
}

// layerNames are the names of all layers, sorted.
func (p *Project) layerNames() []string {
	names := map[string]bool{}
	for i := range p.Layers {
		names[p.Layers[i].Name] = true
	}
	return slices.Sorted(maps.Keys(names))
}
