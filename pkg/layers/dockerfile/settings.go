package dockerfile

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// instruction adds the facts of one instruction.
func (c *collector) instruction(in instruction) error {
	switch cmd := in.cmd.(type) {
	case *instructions.ArgCommand:
		return c.arg(in, cmd)
	case *instructions.EnvCommand:
		return c.env(in, cmd)
	case *instructions.RunCommand:
		return c.runStep(in, cmd)
	case *instructions.CopyCommand:
		return c.copyStep(in, copyOf(cmd))
	case *instructions.AddCommand:
		return c.copyStep(in, addOf(cmd))
	case *instructions.WorkdirCommand:
		return c.workdir(in, cmd)
	case *instructions.UserCommand:
		v, err := c.x.word(cmd.User, c.scope)
		c.setting(in, classUser, v.String())
		return err
	case *instructions.ShellCommand:
		c.setting(in, classShell, jsonWords(cmd.Shell))
		return nil
	case *instructions.VolumeCommand:
		list, err := c.words(cmd.Volumes)
		c.setting(in, classVolume, strings.Join(list, " "))
		return err
	}
	return c.configOnly(in)
}

// fact returns the Instruction fact of in.
func (c *collector) fact(in instruction, text string) Fact {
	return Fact{
		Kind: Instruction, Keyword: strings.ToUpper(in.node.Value), Text: text,
		Display: display(in.node.Original), Line: in.line, Step: in.step,
	}
}

// setting adds a fact that is config, and state for later steps.
func (c *collector) setting(in instruction, cl class, text string) {
	f := c.fact(in, text)
	c.config = append(c.config, f)
	c.remember(cl, f)
}

func (c *collector) setBaseEnv(kv string) {
	k, v, _ := strings.Cut(kv, "=")
	c.scope.setEnv(plain(k), plain(v))
}

// env adds a fact per pair. All values are expanded before the first is set.
func (c *collector) env(in instruction, cmd *instructions.EnvCommand) error {
	keys, vals, err := c.pairs(cmd.Env)
	if err != nil {
		return err
	}
	for i, k := range keys {
		f := c.fact(in, pair(k, vals[i]))
		f.Display = "ENV " + f.Text
		c.config = append(c.config, f)
		c.remember(classVars, f)
		c.scope.setEnv(k, vals[i])
	}
	return nil
}

func (c *collector) pairs(kvs instructions.KeyValuePairs) (keys, vals []value, err error) {
	for _, kv := range kvs {
		k, err := c.x.word(kv.Key, c.scope)
		if err != nil {
			return nil, nil, err
		}
		v, err := c.x.word(kv.Value, c.scope)
		if err != nil {
			return nil, nil, err
		}
		keys, vals = append(keys, k), append(vals, v)
	}
	return keys, vals, nil
}

func (c *collector) arg(in instruction, cmd *instructions.ArgCommand) error {
	for _, kv := range cmd.Args {
		c.declared[kv.Key] = true
		if kv.Key == saltArg {
			continue
		}
		v, set, err := c.argValue(kv)
		if err != nil {
			return err
		}
		if !set {
			continue
		}
		c.scope.setArg(kv.Key, v)
		c.remember(classVars, Fact{
			Kind: Arg, Keyword: "ARG", Display: "ARG " + kv.Key, Line: in.line, Step: in.step,
			Text: kv.Key + "=" + v.String(), Name: kv.Key, Value: v.text, Set: true,
		})
	}
	return nil
}

// argValue returns what is passed, else the default, else the global value.
func (c *collector) argValue(kv instructions.KeyValuePairOptional) (v value, set bool, err error) {
	if passed, ok := c.o.Args[kv.Key]; ok {
		return plain(passed), true, nil
	}
	if kv.Value != nil {
		v, err = c.x.word(*kv.Value, c.scope)
		return v, true, err
	}
	v, k := c.global.get(kv.Key)
	return v, k == known, nil
}

// builtin returns the fact of an argument that counts without a declaration.
func (c *collector) builtin(name string, line, step int) Fact {
	v, ok := c.o.Args[name]
	if !ok {
		g, _ := c.global.get(name)
		v = g.text
	}
	return Fact{
		Kind: Arg, Keyword: "ARG", Text: name + "=" + plain(v).String(), Display: "ARG " + name,
		Line: line, Step: step, Name: name, Value: v, Set: true,
	}
}

// useBuiltin emits an undeclared argument that the step in depends on, once.
func (c *collector) useBuiltin(name string, in instruction) {
	if c.once[name] {
		return
	}
	c.once[name] = true
	c.files = append(c.files, c.builtin(name, in.line, in.step))
}

// epoch reports whether times are fixed, by argument or by a global ARG.
func (c *collector) epoch() bool {
	if _, ok := c.o.Args[epochArg]; ok {
		return true
	}
	v, k := c.global.get(epochArg)
	return k == known && v.text != ""
}

// configOnly adds a fact that no step sees.
func (c *collector) configOnly(in instruction) error {
	if l, ok := in.cmd.(*instructions.LabelCommand); ok {
		return c.labels(in, l)
	}
	text, err := c.configText(in)
	if err != nil {
		return err
	}
	c.config = append(c.config, c.fact(in, text))
	return nil
}

func (c *collector) labels(in instruction, cmd *instructions.LabelCommand) error {
	keys, vals, err := c.pairs(cmd.Labels)
	if err != nil {
		return err
	}
	for i, k := range keys {
		f := c.fact(in, pair(k, vals[i]))
		f.Display = "LABEL " + f.Text
		c.config = append(c.config, f)
	}
	return nil
}

func (c *collector) configText(in instruction) (string, error) {
	switch cmd := in.cmd.(type) {
	case *instructions.CmdCommand:
		return commandLine(cmd.ShellDependantCmdLine), nil
	case *instructions.EntrypointCommand:
		return commandLine(cmd.ShellDependantCmdLine), nil
	case *instructions.ExposeCommand:
		list, err := c.words(cmd.Ports)
		slices.Sort(list)
		return strings.Join(list, " "), err
	case *instructions.StopSignalCommand:
		v, err := c.x.word(cmd.Signal, c.scope)
		return v.String(), err
	case *instructions.HealthCheckCommand:
		text, err := json.Marshal(cmd.Health)
		return string(text), err
	case *instructions.OnbuildCommand:
		return cmd.Expression, nil
	case *instructions.MaintainerCommand:
		return cmd.Maintainer, nil
	}
	return "", c.f.errorf(in.line, "%s is not known here", strings.ToUpper(in.node.Value))
}

// words returns the expanded words, each so that they can be joined by spaces.
func (c *collector) words(raw []string) ([]string, error) {
	var out []string
	for _, w := range raw {
		v, err := c.x.word(w, c.scope)
		if err != nil {
			return nil, err
		}
		out = append(out, v.String())
	}
	return out, nil
}

// commandLine returns the text of a shell form, or the JSON of an exec form. A
// shell form never is a JSON array of strings: it would be an exec form.
func commandLine(l instructions.ShellDependantCmdLine) string {
	if l.PrependShell {
		return strings.Join(l.CmdLine, " ")
	}
	return jsonWords(l.CmdLine)
}

func jsonWords(words []string) string {
	if words == nil {
		words = []string{}
	}
	text, err := json.Marshal(words)
	if err != nil { // strings always marshal
		return strings.Join(words, " ")
	}
	return string(text)
}
