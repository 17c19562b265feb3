package roster

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"text/template"
	"text/template/parse"
)

// The platforms that entries can be built for, with the spellings of their
// architecture that vendors use.
var architectures = map[string]struct{ arch, node, gnu string }{
	"linux/amd64": {"amd64", "x64", "x86_64"},
	"linux/arm64": {"arm64", "arm64", "aarch64"},
}

// AllPlatforms are the platforms an entry has unless it says otherwise.
func AllPlatforms() []string {
	list := make([]string, 0, len(architectures))
	for p := range architectures {
		list = append(list, p)
	}
	sort.Strings(list)
	return list
}

// variables are what a template may name: Version, and of a version with a "+"
// what stands before it as Core and behind it as Build; Arch, NodeArch, GnuArch,
// Track and Prefix. A variable without a value is left out.
type variables map[string]string

func platformVariables(platform, prefix string) variables {
	a := architectures[platform]
	return variables{"Arch": a.arch, "NodeArch": a.node, "GnuArch": a.gnu, "Prefix": prefix}
}

// with returns the variables with one more, unless its value is empty.
func (v variables) with(name, value string) variables {
	if value == "" {
		return v
	}
	out := make(variables, len(v)+1)
	for k, e := range v {
		out[k] = e
	}
	out[name] = value
	return out
}

// withVersion returns the variables with a version and its halves.
func (v variables) withVersion(version string) variables {
	core, build, _ := strings.Cut(version, "+")
	return v.with("Version", version).with("Core", core).with("Build", build)
}

var variableNames = []string{"Arch", "Build", "Core", "GnuArch", "NodeArch", "Prefix", "Track", "Version"}

// checkTemplate allows text and variables and nothing else, so that an entry
// stays data: nothing in it can loop, and its result is a little longer than
// itself at most.
func checkTemplate(text string) (*template.Template, error) {
	t, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, fmt.Errorf("template %q: %s", text, strings.TrimPrefix(err.Error(), "template: :1: "))
	}
	if t.Tree == nil || t.Root == nil {
		return t, nil
	}
	for _, n := range t.Root.Nodes {
		if n.Type() == parse.NodeText {
			continue
		}
		name, ok := variableOf(n)
		if !ok {
			return nil, fmt.Errorf("template %q: %s is not a variable", text, n)
		}
		if !slices.Contains(variableNames, name) {
			return nil, fmt.Errorf("template %q: unknown variable %q, known are %s", text, name, strings.Join(variableNames, ", "))
		}
	}
	return t, nil
}

// variableOf returns the X of {{.X}}.
func variableOf(n parse.Node) (string, bool) {
	action, ok := n.(*parse.ActionNode)
	if !ok || len(action.Pipe.Decl) > 0 || len(action.Pipe.Cmds) != 1 || len(action.Pipe.Cmds[0].Args) != 1 {
		return "", false
	}
	field, ok := action.Pipe.Cmds[0].Args[0].(*parse.FieldNode)
	if !ok || len(field.Ident) != 1 {
		return "", false
	}
	return field.Ident[0], true
}

// expand fills a template; a variable without a value is an error.
func expand(text string, vars variables) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	t, err := checkTemplate(text)
	if err != nil {
		return "", err
	}
	for _, n := range t.Root.Nodes {
		if name, ok := variableOf(n); ok && vars[name] == "" {
			return "", fmt.Errorf("template %q: there is no %s here", text, name)
		}
	}
	var b strings.Builder
	if err := t.Execute(&b, map[string]string(vars)); err != nil {
		return "", fmt.Errorf("template %q: %w", text, err)
	}
	return b.String(), nil
}
