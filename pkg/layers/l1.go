package layers

import (
	"fmt"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/layers/roster"
)

// renderedL1 is where the context keeps the files that are made for one
// selection; L1 copies the tree to its root.
const renderedL1 = "rendered/l1"

func (d *drawing) drawL1() error {
	names, isDefault, err := d.spec.selection(d.roster)
	if err != nil {
		return err
	}
	parts, env, err := d.drawTogether(names)
	if err != nil {
		return err
	}
	text, err := d.templates.render(tmplL1, assemblyData{
		L0: d.l0Tag(), Parts: aliases(parts), Env: envLine(env),
	})
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	if err := readTree(d.resources, "scripts/l1", files); err != nil {
		return err
	}
	if err := d.renderSelection(files, names); err != nil {
		return err
	}
	suffix := names
	if isDefault {
		suffix = nil
	} else if suffix == nil {
		suffix = []string{}
	}
	d.layers = append(d.layers, layer{
		id: L1ID, tags: []string{d.tag(L1Tag(d.spec.Base, suffix))}, file: fileL1, text: text,
		context: newContext(files), unpinned: unpinnedOf(parts), contains: names,
	})
	return nil
}

// renderSelection adds the files that tell, inside the image, what is in it.
// They hold no versions: those are in the parts, so that a new version of an
// agent changes its part and nothing of L1's own.
func (d *drawing) renderSelection(files map[string][]byte, names []string) error {
	put := func(path, text string) { files[renderedL1+"/"+path] = []byte(text) }
	put("etc/terok/installed.env", "TEROK_INSTALLED_AGENTS="+strings.Join(names, ",")+"\n")
	sections := map[string]string{}
	for _, name := range names {
		e, _ := d.roster.Lookup(name)
		if e.Help.Label == "" {
			continue
		}
		section := e.Help.Section
		if section == "" {
			section = roster.SectionAgent
		}
		sections[section] += e.Help.Line() + "\n"
	}
	for section, file := range map[string]string{roster.SectionAgent: "agents.txt", roster.SectionDevTool: "dev-tools.txt"} {
		if text := sections[section]; text != "" {
			put("usr/local/share/terok/help.d/"+file, text)
		}
	}
	for section := range sections {
		if section != roster.SectionAgent && section != roster.SectionDevTool {
			return fmt.Errorf("unknown help section %q", section)
		}
	}
	return nil
}
