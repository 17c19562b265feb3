package main

import (
	"github.com/urfave/cli/v2"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
	"github.com/terok-ai/terok-agent/pkg/graph/render"
)

func planCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "plan",
		Usage:     "say what would be rebuilt, and why",
		UsageText: "terok-agent plan [FLAGS] [NODE...]",
		Description: `Draws what should exist, looks at podman's storage once and prints, for every
node, what apply would do and all the reasons. Nothing is built or changed.
Without NODE, l1 and the sidecars are wanted, and the layers of the project file.`,
		Flags: join(specFlags(), lookFlags(), []cli.Flag{
			outputFlag(), stagesFlag(),
			&cli.StringFlag{Name: "out", Category: categoryShow, Usage: "also save the plan to this `FILE`, for apply FILE"},
			&cli.BoolFlag{Name: "show-config", Category: categoryShow, Usage: "show every setting and where it is from, and plan nothing"},
			&cli.BoolFlag{Name: "detailed-exit-code", Category: categoryShow, Usage: "exit with 2 when there is something to do"},
		}),
		Action: func(c *cli.Context) error {
			if c.Bool("show-config") {
				return showConfig(c, s)
			}
			p, err := makePlan(c)
			if err != nil {
				return err
			}
			if err := showPlan(c, s, p); err != nil {
				return err
			}
			if name := c.String("out"); name != "" {
				if err := savePlan(c, p, name); err != nil {
					return err
				}
			}
			if c.Bool("detailed-exit-code") && p.Changes() {
				return errChanges
			}
			return nil
		},
	}
}

// makePlan plans as the flags say.
func makePlan(c *cli.Context) (*build.Planned, error) {
	spec, o, err := requestFromFlags(c)
	if err != nil {
		return nil, err
	}
	if _, err := outputFormat(c); err != nil {
		return nil, err
	}
	return build.Plan(c.Context, spec, o)
}

// showPlan writes the plan to standard output.
func showPlan(c *cli.Context, s streams, p *build.Planned) error {
	json, err := outputFormat(c)
	if err != nil {
		return err
	}
	if json {
		return plan.Encode(s.out, p.Plan)
	}
	return render.Plan(s.out, p.Plan, render.Style{Color: hasColor(s.out), Stages: c.Bool("stages"), Width: width(s.out)})
}

func join(lists ...[]cli.Flag) []cli.Flag {
	var out []cli.Flag
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}
