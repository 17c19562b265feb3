package roster

import (
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/layers/words"
	"github.com/terok-ai/terok-agent/pkg/layers/yamlfile"
)

// need reports keys that are missing or empty.
func (r *reader) need(v value, m map[string]value, keys ...string) {
	for _, key := range keys {
		if f, ok := m[key]; !ok {
			r.Errorf(v.Pos, "", "%s needs %q", v.Name(), key)
		} else if s, isText := f.Scalar(); isText && strings.TrimSpace(s) == "" {
			r.Errorf(f.Pos, "", "%q is empty", f.Path)
		}
	}
}

// forbid reports keys that do not go with the others.
func (r *reader) forbid(m map[string]value, why string, keys ...string) {
	for _, key := range keys {
		if v, ok := m[key]; ok {
			r.Errorf(v.Pos, "", "%q does not belong here: %s", v.Path, why)
		}
	}
}

func (r *reader) optional(m map[string]value, key string) string {
	if v, ok := m[key]; ok {
		return r.Text(v)
	}
	return ""
}

func (r *reader) optionalBool(m map[string]value, key string) bool {
	v, ok := m[key]
	return ok && r.Bool(v)
}

func (r *reader) optionalTexts(m map[string]value, key string) []string {
	if v, ok := m[key]; ok {
		return r.Texts(v)
	}
	return nil
}

// textOrTexts reads a key that holds one name or a list of them.
func (r *reader) textOrTexts(m map[string]value, key string) []string {
	v, ok := m[key]
	if !ok {
		return nil
	}
	if s, isText := v.Scalar(); isText {
		return []string{s}
	}
	return r.Texts(v)
}

// template reads a string that may name variables.
func (r *reader) template(m map[string]value, key string) string {
	if v, ok := m[key]; ok {
		return r.checkedTemplate(v)
	}
	return ""
}

func (r *reader) templates(m map[string]value, key string) []string {
	v, ok := m[key]
	if !ok {
		return nil
	}
	var out []string
	for _, e := range r.Elements(v) {
		out = append(out, r.checkedTemplate(e))
	}
	return out
}

func (r *reader) templateMap(v value) map[string]string { return r.MapOf(v, r.checkedTemplate) }

func (r *reader) checkedTemplate(v value) string {
	s := r.Text(v)
	if strings.ContainsAny(s, "\n\x00") {
		r.Errorf(v.Pos, "", "%s must be one line", v.Name())
	}
	if _, err := checkTemplate(s); err != nil {
		r.Errorf(v.Pos, "", "%s", yamlfile.OneLine(err.Error()))
	}
	return s
}

// oneOf reports words that are not known.
func (r *reader) oneOf(m map[string]value, key string, given []string, known ...string) {
	for _, w := range given {
		if !slices.Contains(known, w) {
			hint := words.DidYouMean(w, known)
			if hint == "" {
				hint = "one of " + strings.Join(known, ", ")
			}
			r.Errorf(m[key].Pos, hint, "%q cannot be %q", m[key].Path, w)
		}
	}
}

// insides reports paths that leave the directory they start from.
func (r *reader) insides(m map[string]value, key string, paths []string) {
	v, given := m[key]
	for _, p := range paths {
		if given && !isInside(p) {
			r.Errorf(v.Pos, "", "%q: %q is not a clean relative path", v.Path, p)
		}
	}
}

// checkNames reports keys of a free mapping that cannot be names.
func (r *reader) checkNames(v value, m map[string]string, valid *regexp.Regexp, what string) {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if !valid.MatchString(name) {
			r.Errorf(r.At[yamlfile.Join(v.Path, name)], "", "%q is not the name of a %s", name, what)
		}
	}
}
