package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/render"
)

func graphCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:        "graph",
		Usage:       "show the layers and what they are made from",
		UsageText:   "terok-agent graph [FLAGS]",
		Description: `Draws the layers without looking at any store.`,
		Flags: join(specFlags(), []cli.Flag{
			stagesFlag(),
			&cli.StringFlag{Name: "format", Category: categoryShow, Value: "tree", Usage: "`tree|dot|mermaid`"},
			&cli.StringFlag{Name: "llb", Category: categoryShow, Usage: "show what BuildKit would be given for this `NODE`, as JSON; keys stand for parents' digests"},
		}),
		Action: func(c *cli.Context) error {
			spec, tree, err := drawingFromFlags(c)
			if err != nil {
				return err
			}
			g, err := build.DrawSpec(spec, tree)
			if err != nil {
				return err
			}
			if node := c.String("llb"); node != "" {
				return writeLLB(c.Context, s.out, g, graph.ID(node))
			}
			err = render.Graph(s.out, g, c.String("format"), c.Bool("stages"))
			if errors.Is(err, render.ErrFormat) {
				return &wrongUseError{text: err.Error(), hint: "use --format tree, dot or mermaid"}
			}
			return err
		},
	}
}
