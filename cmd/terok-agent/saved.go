package main

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// requestTargets is the name under which a saved request keeps its arguments.
const requestTargets = "NODE"

// savePlan writes the plan and the request behind it to a file. The resources'
// directory is not part of it: apply is given it again.
func savePlan(c *cli.Context, p *build.Planned, name string) error {
	request := map[string][]string{}
	for _, f := range join(specFlags(), lookFlags()) {
		n := f.Names()[0]
		if n == "resources" || !c.IsSet(n) {
			continue
		}
		switch f.(type) {
		case *cli.StringSliceFlag:
			request[n] = c.StringSlice(n)
		default:
			request[n] = []string{fmt.Sprint(c.Value(n))}
		}
	}
	if c.Args().Present() {
		request[requestTargets] = c.Args().Slice()
	}
	f, err := os.Create(name)
	if err != nil {
		return &wrongUseError{text: fmt.Sprintf("writing the plan: %v", err), hint: "name a file that can be written with --out"}
	}
	err = plan.Save(f, p.Graph, p.Plan, request)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// savedPlan reads the plan that apply's only argument names, if it names a file.
func savedPlan(c *cli.Context) (*plan.Saved, error) {
	if c.Args().Len() != 1 {
		return nil, nil
	}
	name := c.Args().First()
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return nil, nil // a node
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, &wrongUseError{text: fmt.Sprintf("reading the plan: %v", err)}
	}
	defer func() { _ = f.Close() }() // only read
	saved, err := plan.Load(f)
	if err != nil {
		return nil, &wrongUseError{text: fmt.Sprintf("%s: %v", name, err), hint: "give a file that plan --out wrote"}
	}
	return saved, nil
}

// applyRequest sets the flags that a saved plan was made with. Flags that say
// what is wanted cannot be given beside a file.
func applyRequest(c *cli.Context, request map[string][]string) error {
	for _, f := range join(specFlags(), lookFlags()) {
		if n := f.Names()[0]; n != "resources" && isGiven(c, n) {
			return &wrongUseError{text: fmt.Sprintf("--%s beside a saved plan", n), hint: "the plan says what is wanted; leave the flag out"}
		}
	}
	for name, values := range request {
		if name == requestTargets {
			continue
		}
		for _, v := range values {
			if err := c.Set(name, v); err != nil {
				return &wrongUseError{text: fmt.Sprintf("the saved plan asks for --%s=%s: %v", name, v, err), hint: "save it again with this version"}
			}
		}
	}
	return nil
}
