package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/terok-ai/terok-agent/pkg/build"
)

func renderCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "render",
		Usage:     "write the Dockerfiles and contexts, build nothing",
		UsageText: "terok-agent render [FLAGS] --build-dir DIR",
		Description: `Writes every layer's Dockerfile, the build context they share and a build.sh that
builds all of it by hand with plain podman build. No engine is asked.`,
		Flags: join(specFlags(), []cli.Flag{
			&cli.StringFlag{Name: "build-dir", Category: categoryHow, Usage: "the `DIR` to write to, absent or empty (required)"},
		}),
		Action: func(c *cli.Context) error {
			dir := c.String("build-dir")
			if dir == "" {
				return &wrongUseError{text: "no --build-dir given", hint: "name a directory that is absent or empty: --build-dir DIR"}
			}
			spec, tree, err := drawingFromFlags(c)
			if err != nil {
				return err
			}
			if err := build.RenderSpec(spec, tree, dir); err != nil {
				return err
			}
			_, err = fmt.Fprintf(s.out, "%s/build.sh builds it by hand\n", dir)
			return err
		},
	}
}
