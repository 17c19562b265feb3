package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"
)

// showConfig writes every setting with where it is from.
func showConfig(c *cli.Context, s streams) error {
	asJSON, err := outputFormat(c)
	if err != nil {
		return err
	}
	g, err := readConfig(c)
	if err != nil {
		return err
	}
	if _, err := g.spec(); err != nil {
		return err
	}
	if _, err := g.resources(); err != nil {
		return err
	}
	g.noteRest(join(specFlags(), lookFlags()))
	slices.SortStableFunc(g.settings, func(a, b setting) int { return strings.Compare(a.Name, b.Name) })
	if asJSON {
		e := json.NewEncoder(s.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(map[string]any{"format": "terok-agent/config", "version": 1, "settings": g.settings})
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for _, one := range g.settings {
		text := shown(one.Value)
		if text == "" {
			text = "-"
		}
		if _, err := fmt.Fprintf(w, "%s\t%s\t%s\n", one.Name, text, one.Source); err != nil {
			return err
		}
	}
	return w.Flush()
}
