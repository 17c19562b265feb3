package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

func applyCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "apply",
		Usage:     "build what the plan says",
		UsageText: "terok-agent apply [FLAGS] [NODE... | FILE]",
		Description: `Plans and carries the plan out: layers that do not wait for each other are built
at the same time, and all names move together at the end. A run that fails or is
interrupted moves no name; what it finished is used by the next one. With a FILE
that plan --out wrote, a fresh plan is made and compared first; if anything
moved, nothing is touched and the exit code is 3.`,
		Flags: join(specFlags(), lookFlags(), buildFlags(), []cli.Flag{outputFlag(), stagesFlag()}),
		Action: func(c *cli.Context) error {
			return apply(c, s)
		},
	}
}

func apply(c *cli.Context, s streams) error {
	saved, err := savedPlan(c)
	if err != nil {
		return err
	}
	if saved != nil {
		if err := applyRequest(c, saved.Request); err != nil {
			return err
		}
	}
	spec, o, err := requestFromFlags(c)
	if err != nil {
		return err
	}
	if saved != nil {
		o.Targets = saved.Targets
	}
	if _, err := outputFormat(c); err != nil {
		return err
	}
	view, err := newProgress(c.String("progress"), s)
	if err != nil {
		return err
	}
	o.Sink = view
	done, err := build.Run(c.Context, spec, o, func(p *build.Planned) error {
		if saved != nil {
			if err := plan.Check(saved, p.Graph, p.Plan); err != nil {
				return err
			}
		}
		view.start(p)
		return showPlan(c, s, p)
	})
	if err != nil {
		return err
	}
	if done.Changes() { // else the plan has said that there is nothing to do
		view.finish(done)
	}
	return nil
}

// doneLine says in one line what an apply did.
func doneLine(d *build.Applied) string {
	line := fmt.Sprintf("done: %d built, %d retagged", len(d.Built), len(d.Retagged))
	if n := len(d.Pulled); n > 0 {
		line += fmt.Sprintf(", %d pulled", n)
	}
	return line
}
