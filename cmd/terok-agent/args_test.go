package main

import (
	"io"
	"slices"
	"testing"

	"github.com/urfave/cli/v2"
)

// toy is an app with one command; its action tells what it was given.
func toy(action func(*cli.Context)) *cli.App {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "base", EnvVars: []string{"TEROK_TEST_BASE"}},
		&cli.StringSliceFlag{Name: "refresh"},
		&cli.IntFlag{Name: "jobs", Aliases: []string{"j"}},
		&cli.BoolFlag{Name: "rebuild"},
	}
	run := func(c *cli.Context) error { action(c); return nil }
	return &cli.App{
		Writer: io.Discard, ErrWriter: io.Discard,
		Commands: []*cli.Command{
			{Name: "plan", Flags: flags, Action: run},
			{Name: "images", Subcommands: []*cli.Command{{Name: "prune", Flags: flags, Action: run}}},
		},
	}
}

// A flag is given when it stands on the line, wherever it stands there; not
// when a variable or the program sets it, nor when a word only looks like it.
func TestIsGiven(t *testing.T) {
	t.Setenv("TEROK_TEST_BASE", "from-a-variable")
	for name, tc := range map[string]struct {
		line  []string
		given []string
		args  []string
	}{
		"no flag":                     {line: []string{"plan"}},
		"before the arguments":        {[]string{"plan", "--base", "x", "l1"}, []string{"base"}, []string{"l1"}},
		"behind the arguments":        {[]string{"plan", "l1", "--base", "x"}, []string{"base"}, []string{"l1"}},
		"with its value in one word":  {[]string{"plan", "l1", "--base=x"}, []string{"base"}, []string{"l1"}},
		"with one dash":               {[]string{"plan", "-base", "x"}, []string{"base"}, nil},
		"by its short name":           {[]string{"plan", "l1", "-j", "2"}, []string{"jobs"}, []string{"l1"}},
		"as false":                    {[]string{"plan", "--rebuild=false"}, []string{"rebuild"}, nil},
		"two":                         {[]string{"plan", "--rebuild", "l1", "-j=2"}, []string{"rebuild", "jobs"}, []string{"l1"}},
		"behind a command's command":  {[]string{"images", "prune", "x", "--base", "y"}, []string{"base"}, []string{"x"}},
		"as the value of another":     {[]string{"plan", "--refresh", "--base"}, []string{"refresh"}, nil},
		"as an argument":              {[]string{"plan", "--rebuild", "--", "--base"}, []string{"rebuild"}, []string{"--base"}},
		"as an argument without dash": {[]string{"plan", "base"}, nil, []string{"base"}},
	} {
		t.Run(name, func(t *testing.T) {
			ran := false
			app := toy(func(c *cli.Context) {
				ran = true
				if !c.IsSet("base") {
					t.Error("base is not set, and a variable sets it")
				}
				if err := c.Set("refresh", "by-the-program"); err != nil {
					t.Error(err)
				}
				for _, f := range []string{"base", "refresh", "jobs", "rebuild"} {
					if got, want := isGiven(c, f), slices.Contains(tc.given, f); got != want {
						t.Errorf("%s given: %t, want %t", f, got, want)
					}
				}
				if got := c.Args().Slice(); !slices.Equal(got, tc.args) {
					t.Errorf("arguments %q, want %q", got, tc.args)
				}
			})
			if err := app.Run(permute(app, append([]string{"terok-agent"}, tc.line...))); err != nil || !ran {
				t.Errorf("ran %t: %v", ran, err)
			}
		})
	}
}
