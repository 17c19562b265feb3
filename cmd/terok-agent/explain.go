package main

import (
	"github.com/urfave/cli/v2"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/render"
)

func explainCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "list every ingredient of a layer, recorded against current",
		UsageText: "terok-agent explain [FLAGS] NODE",
		Description: `Prints what enters the layer's key, one ingredient a line: what the image that
is there remembers, and what it would be made from now. Marks: ~ changed,
+ added, - removed.`,
		Flags: join(specFlags(), lookFlags()),
		Action: func(c *cli.Context) error {
			if c.Args().Len() != 1 {
				return &wrongUseError{text: "explain takes one layer", hint: "for example: terok-agent explain l1"}
			}
			spec, o, err := requestFromFlags(c)
			if err != nil {
				return err
			}
			o.Targets = nil // the argument is what to explain, not what is wanted
			p, err := build.Plan(c.Context, spec, o)
			if err != nil {
				return err
			}
			e, err := p.Explain(graph.ID(c.Args().First()))
			if err != nil {
				return err
			}
			return render.Explain(s.out, e, render.Style{Color: hasColor(s.out), Width: width(s.out)})
		},
	}
}
