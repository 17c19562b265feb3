package project

import (
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/terok-ai/terok-agent/pkg/layers"
)

func (r *reader) nonEmpty(v value) string {
	before := len(r.errs)
	text := r.text(v)
	if text == "" && len(r.errs) == before {
		r.errorf(v.pos, "leave the key out to have its default", "%s is empty", nameOf(v.path))
	}
	return text
}

func (r *reader) oneOf(v value, words ...string) string {
	before := len(r.errs)
	text := r.text(v)
	if len(r.errs) == before && !slices.Contains(words, text) {
		r.errorf(v.pos, didYouMean(text, words), "%s is %q", nameOf(v.path), text)
	}
	return text
}

func (r *reader) matching(v value, pattern *regexp.Regexp, what string) string {
	before := len(r.errs)
	text := r.text(v)
	if len(r.errs) == before && !pattern.MatchString(text) {
		r.errorf(v.pos, "", "%q is not %s", text, what)
		return ""
	}
	return text
}

func (r *reader) layerName(v value) string {
	name := r.matching(v, namePattern, "a name of small letters, digits and dashes")
	if why := layers.CheckLayerName(name); name != "" && why != "" {
		r.errorf(v.pos, "", "a layer cannot be called %q: %s", name, why)
		return ""
	}
	return name
}

func (r *reader) images(v value) []string {
	out := []string{}
	r.list(v, func(e value) {
		text := r.nonEmpty(e)
		if _, err := layers.ParseRef(text); err != nil && text != "" {
			r.errorf(e.pos, "", "%v", err)
		}
		out = append(out, text)
	})
	return out
}

func (r *reader) args(v value, given map[string]Pos) map[string]string {
	out := map[string]string{}
	r.pairs(v, func(name string, inner value) {
		if !argPattern.MatchString(name) {
			r.errorf(inner.pos, "", "%q is no name of an argument", name)
			return
		}
		out[name] = r.text(inner)
		given["args."+name] = inner.pos
	})
	return out
}

func (r *reader) tags(v value) []string {
	var out []string
	r.list(v, func(e value) {
		text := r.nonEmpty(e)
		tag, err := layers.ParseTag(text)
		if err != nil && text != "" {
			r.errorf(e.pos, "", "%v", err)
			return
		}
		out = append(out, tag)
	})
	return out
}

func (r *reader) age(v value) time.Duration {
	before := len(r.errs)
	text := r.text(v)
	d, err := parseAge(text)
	if err != nil && len(r.errs) == before {
		r.errorf(v.pos, `write days, weeks or hours: "14d", "2w", "36h"`, "%v", err)
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
