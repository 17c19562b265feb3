package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/terok-ai/terok-agent/pkg/layers/project"
)

// noFile is the value of --file that reads none.
const noFile = "none"

// config is what flags, the environment, the project file and defaults say
// together: a flag beats a variable, that beats the file, and that the default.
type config struct {
	c       *cli.Context
	project *project.Project
	// settings are the values read so far, each with where it is from.
	settings []setting
}

// setting is one value. Value is text or a list of texts.
type setting struct {
	Name   string `json:"name"`
	Value  any    `json:"value"`
	Source string `json:"source"`
}

// fileKeys are the flags that the project file has a key for.
var fileKeys = map[string]string{
	"base": "base", "family": "family", "platform": "platform", "agents": "agents", "sidecar": "sidecars", "resources": "resources",
}

// readConfig finds and reads the project file and what replaces values of it.
func readConfig(c *cli.Context) (*config, error) {
	p, err := findProject(c.String("file"))
	if err != nil {
		return nil, err
	}
	for _, s := range c.StringSlice("set") {
		if err := p.Set(s); err != nil {
			return nil, projectError(err)
		}
	}
	for flag, key := range fileKeys {
		if where, _ := p.Where(key); where == "--set" && isGiven(c, flag) {
			return nil, &wrongUseError{text: fmt.Sprintf("--%s and --set %s= both say the same thing", flag, key), hint: "leave one of them out"}
		}
	}
	return &config{c: c, project: p}, nil
}

func findProject(file string) (*project.Project, error) {
	switch file {
	case noFile:
		return project.None(), nil
	case "":
		found, err := project.Find(".")
		if err != nil {
			return nil, err
		}
		if found == "" {
			return project.None(), nil
		}
		file = found
	}
	p, err := project.Load(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &wrongUseError{text: fmt.Sprintf("--file %s: no such file", file), hint: "name a project file, or none to read none"}
	}
	if err != nil {
		return nil, projectError(err)
	}
	return p, nil
}

// projectError makes wrong use of mistakes in the file; their hints stand
// beside them.
func projectError(err error) error {
	var mistake *project.Error
	if errors.As(err, &mistake) {
		return &wrongUseError{text: err.Error()}
	}
	return err
}

// pick tells which of the places a value is from, and notes it.
func (g *config) pick(flag string, fromFlag, fromFile, fallback any) any {
	key := fileKeys[flag]
	where, inFile := "", false
	if key != "" {
		where, inFile = g.project.Where(key)
	}
	value, source := fallback, "default"
	switch {
	case isGiven(g.c, flag):
		value, source = fromFlag, "--"+flag
	case where == "--set":
		value, source = fromFile, where
	case g.c.IsSet(flag) && g.variable(flag) != "":
		value, source = fromFlag, g.variable(flag)
	case inFile:
		value, source = fromFile, where
	}
	name := flag
	if key != "" {
		name = key
	}
	g.note(name, value, source)
	return value
}

// variable is the environment variable that a flag's value is from. An empty
// one says nothing.
func (g *config) variable(flag string) string {
	source := "saved plan"
	for _, f := range g.c.Command.Flags {
		doc, ok := f.(cli.DocGenerationFlag)
		if !ok || !slices.Contains(f.Names(), flag) {
			continue
		}
		for _, name := range doc.GetEnvVars() {
			switch value, found := os.LookupEnv(name); {
			case value != "":
				return name
			case found:
				source = ""
			}
		}
	}
	return source
}

func (g *config) note(name string, value any, source string) {
	g.settings = append(g.settings, setting{name, value, source})
}

func (g *config) text(flag, fromFile string) string {
	return g.pick(flag, g.c.String(flag), fromFile, g.c.String(flag)).(string)
}

func (g *config) list(flag, sep string, fromFile []string) []string {
	return g.pick(flag, splitAll(g.c.StringSlice(flag), sep), fromFile, []string{}).([]string)
}

// source is where the setting that was read last is from.
func (g *config) source() string { return g.settings[len(g.settings)-1].Source }

// noteRest notes the values that only flags and variables have, and what the
// file says of images and layers.
func (g *config) noteRest(flags []cli.Flag) {
	for _, f := range flags {
		name := f.Names()[0]
		if fileKeys[name] != "" || name == "set" {
			continue
		}
		var value any = fmt.Sprint(g.c.Value(name))
		if _, many := f.(*cli.StringSliceFlag); many {
			value = append([]string{}, g.c.StringSlice(name)...)
		}
		g.pick(name, value, nil, value)
	}
	p := g.project
	g.fromFile("name", p.Name)
	g.fromFile("images", append([]string{}, p.Images...))
	for i := range p.Layers {
		l := &p.Layers[i]
		at := "layers." + l.Name + "."
		g.fromFile(at+"dockerfile", l.Dockerfile)
		g.fromFile(at+"context", l.Context)
		g.fromFile(at+"target", l.Target)
		for _, arg := range sortedKeys(l.Args) {
			g.fromFile(at+"args."+arg, l.Args[arg])
		}
		g.fromFile(at+"tags", l.Tags)
		age := ""
		if l.MaxAge > 0 {
			age = strings.TrimSuffix(l.MaxAge.String(), "0m0s")
		}
		g.fromFile(at+"max_age", age)
	}
}

func (g *config) fromFile(path string, value any) {
	where, ok := g.project.Where(path)
	if !ok {
		where = "default"
	}
	g.note(path, value, where)
}

func sortedKeys(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// shown is a value for people.
func shown(v any) string {
	if list, ok := v.([]string); ok {
		return strings.Join(list, ", ")
	}
	return v.(string)
}
