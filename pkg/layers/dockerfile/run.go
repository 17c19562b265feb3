package dockerfile

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// runStep adds a RUN with all it sees.
func (c *collector) runStep(in instruction, cmd *instructions.RunCommand) error {
	flags, extra, err := c.runFlags(in, cmd)
	if err != nil {
		return err
	}
	seen := []class{classVars, classVolume, classUser, classWorkdir}
	if cmd.PrependShell {
		seen = append(seen, classShell)
	}
	c.see(seen...)
	if _, ok := c.o.Args[hostnameArg]; ok {
		c.useBuiltin(hostnameArg, in)
	}
	text := commandText(cmd.ShellDependantCmdLine)
	if strings.HasPrefix(text, "--") {
		flags = append(flags, "--") // what follows are no flags
	}
	c.files = append(c.files, c.fact(in, strings.Join(append(flags, text), " ")))
	c.files = append(c.files, extra...)
	return nil
}

// commandText is what the shell or the kernel gets. The delimiter of a
// here-document that is the whole command does not count, but for a script: it
// is run from a file of that name.
func commandText(l instructions.ShellDependantCmdLine) string {
	text := commandLine(l)
	if len(l.Files) == 0 {
		return text
	}
	first := l.Files[0]
	if len(l.CmdLine) == 1 && parser.MustParseHeredoc(l.CmdLine[0]) != nil {
		body, mark := first.Data, "<<"
		if chomped := parser.ChompHeredocContent(body); first.Chomp && chomped != body {
			mark = "<<-" // not every builder removes the tabs
		}
		if strings.HasPrefix(strings.TrimLeft(body, "\t\n"), "#!") {
			mark += " " + strconv.Quote(first.Name)
		}
		return mark + "\n" + body
	}
	for _, f := range l.Files {
		text += "\n" + f.Data + f.Name
	}
	return text
}

// runFlags returns the flags that count, and the facts of what mounts show.
func (c *collector) runFlags(in instruction, cmd *instructions.RunCommand) (flags []string, extra []Fact, err error) {
	if n := instructions.GetNetwork(cmd); n != instructions.NetworkDefault {
		flags = append(flags, "--network="+n)
	}
	if s := instructions.GetSecurity(cmd); s != instructions.SecuritySandbox {
		flags = append(flags, "--security="+s)
	}
	for _, d := range instructions.GetDevices(cmd) {
		flags = append(flags, fmt.Sprintf("--device=%q,%t", d.Name, d.Required))
	}
	if len(instructions.GetMounts(cmd)) == 0 {
		return flags, nil, nil
	}
	mounts, open, err := c.mounts(in)
	if err != nil {
		return nil, nil, err
	}
	if len(open) > 0 {
		return c.openMounts(in, append(flags, open...), mounts)
	}
	for _, m := range mounts {
		fact, err := c.mountInput(in, m)
		if err != nil {
			return nil, nil, err
		}
		flags = append(flags, mountText(m, fact))
		if fact != nil {
			extra = append(extra, *fact)
		}
		if m.Type == instructions.MountTypeCache && m.CacheID == "" {
			if _, ok := c.o.Args[cacheNSArg]; ok {
				c.useBuiltin(cacheNSArg, in)
			}
		}
	}
	return append(flags, rawMounts(in)...), extra, nil
}

// mounts returns the mounts with their options expanded. When an option names
// a variable that cannot be told, open holds descriptions of the flags instead
// and of the mounts only From is good.
func (c *collector) mounts(in instruction) (mounts []*instructions.Mount, open []string, err error) {
	fresh, err := instructions.ParseInstruction(in.node)
	if err != nil {
		return nil, nil, err
	}
	run := fresh.(*instructions.RunCommand)
	asWritten := instructions.GetMounts(run)
	unclear := false
	err = run.Expand(func(word string) (string, error) {
		v, err := c.x.word(word, c.scope)
		unclear = unclear || v.symbolic
		return v.text, err
	})
	if !unclear {
		return instructions.GetMounts(run), nil, err
	}
	for _, flag := range in.node.Flags {
		v, err := c.x.content(flag, c.scope)
		if err != nil {
			return nil, nil, err
		}
		open = append(open, "--open="+v.String())
	}
	return asWritten, open, nil
}

// openMounts gives the facts of mounts whose options cannot be told: whatever
// they may show counts.
func (c *collector) openMounts(in instruction, flags []string, mounts []*instructions.Mount) ([]string, []Fact, error) {
	var extra []Fact
	for _, m := range mounts {
		if m.From == "" {
			extra = append(extra, c.sources(in, SourceSet{Patterns: []string{"."}, Bind: true}))
			continue
		}
		ref, err := c.ref(m.From, c.index, in.line)
		if err != nil {
			return nil, nil, err
		}
		extra = append(extra, c.input("mount", ref, in.step))
	}
	return flags, extra, nil
}

// rawMounts returns the mount flags as written that contain a variable: not
// every builder expands them.
func rawMounts(in instruction) []string {
	var out []string
	for _, f := range in.node.Flags {
		if strings.HasPrefix(f, "--mount") && strings.Contains(f, "$") {
			out = append(out, "--written="+strconv.Quote(f))
		}
	}
	return out
}

// mountInput returns the fact of what a mount shows, or nil.
func (c *collector) mountInput(in instruction, m *instructions.Mount) (*Fact, error) {
	switch {
	case m.From == "scratch":
		return nil, nil
	case m.From != "" && (m.Type == instructions.MountTypeBind || m.Type == instructions.MountTypeCache):
		ref, err := c.ref(m.From, c.index, in.line)
		if err != nil {
			return nil, err
		}
		f := c.input("mount", ref, in.step)
		f.Display = "RUN --mount from=" + m.From
		return &f, nil
	case m.From == "" && m.Type == instructions.MountTypeBind:
		f := c.sources(in, SourceSet{Patterns: []string{contextPath(m.Source)}, Bind: true})
		return &f, nil
	}
	return nil, nil
}

// mountText returns the options that count in a fixed order. Where a cache
// lives does not: neither its id nor how it is shared.
func mountText(m *instructions.Mount, shows *Fact) string {
	opts := []string{"type=" + string(m.Type)}
	add := func(key, val string) {
		text := plain(val).String()
		if strings.Contains(val, ",") {
			text = strconv.Quote(val)
		}
		opts = append(opts, key+"="+text)
	}
	if shows != nil && shows.Kind == Input {
		add("from", "*")
	} else if m.From != "" {
		add("from", m.From)
	}
	if m.Type == instructions.MountTypeSecret || m.Type == instructions.MountTypeSSH {
		add("id", m.CacheID)
		add("source", m.Source)
	} else if src := path.Join("/", m.Source); src != "/" {
		add("source", src)
	}
	if m.Target != "" {
		add("target", m.Target)
	}
	if m.ReadOnly {
		opts = append(opts, "ro")
	}
	if m.Required {
		opts = append(opts, "required")
	}
	if m.SizeLimit != 0 {
		add("size", fmt.Sprint(m.SizeLimit))
	}
	if m.Env != nil {
		add("env", *m.Env)
	}
	for _, n := range []struct {
		key string
		val *uint64
	}{{"mode", m.Mode}, {"uid", m.UID}, {"gid", m.GID}} {
		if n.val != nil {
			add(n.key, fmt.Sprint(*n.val))
		}
	}
	return "--mount=" + strings.Join(opts, ",")
}
