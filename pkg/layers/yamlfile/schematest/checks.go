package schematest

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// check tells why a value is not what one word with its argument asks for.
type check func(s Schema, arg, v any) error

// checks are the words that say what is valid.
func checks() map[string]check {
	return map[string]check{
		"$ref": func(s Schema, arg, v any) error {
			name := strings.TrimPrefix(arg.(string), "#/$defs/")
			return s.valid(s.root["$defs"].(map[string]any)[name].(map[string]any), v)
		},
		"type": func(_ Schema, arg, v any) error {
			if got := typeOf(v); got != arg && (got != "integer" || arg != "number") {
				return fmt.Errorf("%s is no %s", got, arg)
			}
			return nil
		},
		"const": func(_ Schema, arg, v any) error {
			if fmt.Sprintf("%T %v", arg, arg) != fmt.Sprintf("%T %v", v, v) {
				return fmt.Errorf("%v is not %v", v, arg)
			}
			return nil
		},
		"enum": func(_ Schema, arg, v any) error {
			if typeOf(v) != "string" || !slices.Contains(arg.([]any), v) {
				return fmt.Errorf("%v is none of %v", v, arg)
			}
			return nil
		},
		"pattern": func(_ Schema, arg, v any) error {
			if s, ok := v.(string); ok && !regexp.MustCompile(arg.(string)).MatchString(s) {
				return fmt.Errorf("%q does not match %s", s, arg)
			}
			return nil
		},
		"minimum":       least[float64](func(n float64) float64 { return n }),
		"minLength":     least[string](func(s string) float64 { return float64(utf8.RuneCountInString(s)) }),
		"minItems":      least[[]any](func(list []any) float64 { return float64(len(list)) }),
		"minProperties": least[map[string]any](func(m map[string]any) float64 { return float64(len(m)) }),
		"maxProperties": func(_ Schema, arg, v any) error {
			if m, ok := v.(map[string]any); ok && float64(len(m)) > arg.(float64) {
				return fmt.Errorf("%v are more than %v", m, arg)
			}
			return nil
		},
		"required": func(_ Schema, arg, v any) error {
			m, ok := v.(map[string]any)
			for _, name := range arg.([]any) {
				if _, given := m[name.(string)]; ok && !given {
					return fmt.Errorf("%s is missing", name)
				}
			}
			return nil
		},
		"items": func(s Schema, arg, v any) error {
			list, _ := v.([]any)
			for _, e := range list {
				if err := s.valid(arg.(map[string]any), e); err != nil {
					return err
				}
			}
			return nil
		},
		"propertyNames": func(s Schema, arg, v any) error {
			m, _ := v.(map[string]any)
			for name := range m {
				if err := s.valid(arg.(map[string]any), name); err != nil {
					return err
				}
			}
			return nil
		},
		"allOf": func(s Schema, arg, v any) error { return errors.Join(s.each(arg, v)...) },
		"anyOf": func(s Schema, arg, v any) error {
			if wrong := s.each(arg, v); len(wrong) == len(arg.([]any)) {
				return errors.Join(wrong...)
			}
			return nil
		},
		"oneOf": func(s Schema, arg, v any) error {
			wrong := s.each(arg, v)
			if good := len(arg.([]any)) - len(wrong); good != 1 {
				return fmt.Errorf("%v is %d of those that it must be one of: %w", v, good, errors.Join(wrong...))
			}
			return nil
		},
		"not": func(s Schema, arg, v any) error {
			if s.valid(arg.(map[string]any), v) == nil {
				return fmt.Errorf("%v is not allowed", v)
			}
			return nil
		},
	}
}

// least is the check of a lower bound, which is about one kind of value only.
func least[T any](measure func(T) float64) check {
	return func(_ Schema, arg, v any) error {
		if x, ok := v.(T); ok && measure(x) < arg.(float64) {
			return fmt.Errorf("%v is less than %v", v, arg)
		}
		return nil
	}
}

func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		if v == math.Trunc(v) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

// each judges a value by every schema of a list, and returns what those say
// that do not take it.
func (s Schema) each(list, v any) []error {
	var wrong []error
	for _, part := range list.([]any) {
		if err := s.valid(part.(map[string]any), v); err != nil {
			wrong = append(wrong, err)
		}
	}
	return wrong
}

func (s Schema) valid(part map[string]any, v any) error {
	for word, arg := range part {
		if check, ok := checks()[word]; ok {
			if err := check(s, arg, v); err != nil {
				return err
			}
		}
	}
	m, _ := v.(map[string]any)
	known, _ := part["properties"].(map[string]any)
	for name, inner := range m {
		rule, ok := known[name].(map[string]any)
		if !ok {
			switch more := part["additionalProperties"].(type) {
			case bool:
				if !more {
					return fmt.Errorf("%s is not known", name)
				}
			case map[string]any:
				rule = more
			}
		}
		if err := s.valid(rule, inner); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
