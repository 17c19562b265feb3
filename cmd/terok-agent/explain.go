package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/render"
	"github.com/terok-ai/terok-agent/pkg/layers"
)

func explainCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "list every ingredient of a layer or an image",
		UsageText: "terok-agent explain [FLAGS] NODE|IMAGE",
		Description: `Prints what enters the layer's key, one ingredient a line: what the image that
is there remembers, and what it would be made from now. Marks: ~ changed,
+ added, - removed. An IMAGE, by name or ID, is explained from its own labels
alone, wherever it was built.`,
		Flags: join(specFlags(), lookFlags()),
		Action: func(c *cli.Context) error {
			if c.Args().Len() != 1 {
				return &wrongUseError{text: "explain takes one layer or image", hint: "for example: terok-agent explain l1"}
			}
			spec, o, err := requestFromFlags(c)
			if err != nil {
				return err
			}
			o.Targets = nil // the argument is what to explain, not what is wanted
			style := render.Style{Color: hasColor(s.out), Width: width(s.out)}
			if g, err := nodesOf(spec, o); err != nil {
				return err
			} else if _, isNode := g.Lookup(graph.ID(c.Args().First())); !isNode {
				img, err := build.FindImage(c.Context, c.Args().First(), g, o)
				if err != nil {
					return err
				}
				return render.ExplainImage(s.out, img.Image, img.Record, img.Facts, style)
			}
			p, err := build.Plan(c.Context, spec, o)
			if err != nil {
				return err
			}
			e, err := p.Explain(graph.ID(c.Args().First()))
			if err != nil {
				return err
			}
			return render.Explain(s.out, e, style)
		},
	}
}

// nodesOf are the nodes that a request draws, whose names are the same for every
// family.
func nodesOf(spec build.Spec, o build.Options) (*graph.Graph, error) {
	g, err := build.DrawSpec(spec, o.Resources)
	var unnamed *layers.UnknownFamilyError
	if errors.As(err, &unnamed) {
		spec.Family = layers.Deb
		return build.DrawSpec(spec, o.Resources)
	}
	return g, err
}
