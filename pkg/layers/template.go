package layers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"sort"
	"strings"
	"text/template"
)

// The templates and the names of what they render.
const (
	tmplL0      = "templates/l0.Dockerfile.tmpl"
	tmplFetch   = "templates/fetch.Dockerfile.tmpl"
	tmplPart    = "templates/part.Dockerfile.tmpl"
	tmplL1      = "templates/l1.Dockerfile.tmpl"
	tmplSidecar = "templates/sidecar.Dockerfile.tmpl"

	fileL0      = "L0.Dockerfile"
	fileFetch   = "fetch.Dockerfile"
	fileL1      = "L1.cli.Dockerfile"
	fileSidecar = "L1.sidecar.Dockerfile"
)

// templates renders the recipes of the resources.
type templates struct{ resources fs.FS }

// funcs are what a template can call: ref writes a reference to a build
// argument, json a JSON value (for exec-form instructions).
var funcs = template.FuncMap{
	"ref": func(name string) string { return "${" + name + "}" },
	"json": func(v any) (string, error) {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		err := enc.Encode(v)
		return strings.TrimSpace(b.String()), err
	},
}

func (t *templates) render(name string, data any) ([]byte, error) {
	text, err := fs.ReadFile(t.resources, name)
	if err != nil {
		return nil, fmt.Errorf("reading the template %s: %w", name, err)
	}
	tmpl, err := template.New(name).Funcs(funcs).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("reading a template: %w", err)
	}
	var b bytes.Buffer
	if err := tmpl.Execute(&b, data); err != nil {
		return nil, fmt.Errorf("filling in a template: %w", err)
	}
	return b.Bytes(), nil
}

// alias is a parent that a recipe names as a stage of its own.
type alias struct{ Arg, Alias, Tag string }

// assemblyData is what the templates of L1 and of sidecars are given.
type assemblyData struct {
	L0    string
	Parts []alias
	// Env is one line of NAME=value pairs, sorted and quoted.
	Env string
}

func aliases(parts []*part) []alias {
	out := make([]alias, len(parts))
	for i, p := range parts {
		out[i] = p.alias
	}
	return out
}

// aliasOf names the stage and the argument of a part: agent-codex, AGENT_CODEX.
func aliasOf(kind, name, tag string) alias {
	stage := kind + "-" + name
	return alias{Arg: strings.ToUpper(strings.ReplaceAll(stage, "-", "_")), Alias: stage, Tag: tag}
}

// envLine writes an ENV instruction's pairs.
func envLine(env map[string]string) string {
	pairs := make([]string, 0, len(env))
	for k, v := range env {
		pairs = append(pairs, k+"="+quoteWord(v))
	}
	sort.Strings(pairs)
	return strings.Join(pairs, " ")
}

// quoteWord writes a value that the Dockerfile's own expansion gives back
// unchanged.
func quoteWord(v string) string {
	r := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`)
	return `"` + r.Replace(v) + `"`
}
