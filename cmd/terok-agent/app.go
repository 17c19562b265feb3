package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/terok-ai/terok-agent/pkg/layers/words"
)

// The exit codes, named in every command's help.
const (
	exitDone    = 0
	exitFailed  = 1
	exitChanges = 2
	exitStale   = 3
	exitUsage   = 64
	exitBroken  = 130
)

const exitHelp = `Exit codes: 0 done; 1 failed; 2 changes present (plan --detailed-exit-code);
3 stale plan; 64 wrong use; 130 interrupted.`

// streams are the program's ends: out is for answers, err for progress and
// errors.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// errChanges asks for exit code 2 and is no failure.
var errChanges = errors.New("changes present")

// run is the whole program but for the process around it.
func run(ctx context.Context, args []string, s streams) int {
	app := newApp(s)
	err := app.RunContext(ctx, permute(app, args))
	return report(s.err, err)
}

func newApp(s streams) *cli.App {
	usage := func(c *cli.Context, err error, _ bool) error { return usageError(c, err) }
	app := &cli.App{
		Name:      "terok-agent",
		Usage:     "plan and build the images that coding agents run in",
		UsageText: "terok-agent COMMAND [FLAGS] [NODE...]",
		Description: `plan says what would be rebuilt and why; apply does it. Images are layers:
l0 (base, tools, user), one part per agent or tool, l1 (l0 and the parts),
sidecar/TOOL. State lives in labels of the images themselves.

` + exitHelp,
		Version:        programVersion(),
		HideVersion:    true,
		Writer:         s.out,
		ErrWriter:      s.err,
		OnUsageError:   usage,
		ExitErrHandler: func(*cli.Context, error) {}, // report decides
		Suggest:        true,
		// Values such as id=NAME,src=FILE hold commas.
		DisableSliceFlagSeparator: true,
		Commands: []*cli.Command{
			planCommand(s), applyCommand(s), explainCommand(s), graphCommand(s), renderCommand(s), agentsCommand(s), imagesCommand(s), runCommand(s), doctorCommand(s), versionCommand(s),
		},
		Action: func(c *cli.Context) error {
			if c.Args().Len() > 0 {
				return &wrongUseError{text: fmt.Sprintf("unknown command %q", c.Args().First()), hint: "commands: " + commandNames(c.App)}
			}
			return cli.ShowAppHelp(c)
		},
	}
	prepare(app.Commands, usage)
	return app
}

// prepare gives all commands what they share.
func prepare(commands []*cli.Command, usage cli.OnUsageErrorFunc) {
	for _, cmd := range commands {
		cmd.OnUsageError = usage
		cmd.HideHelpCommand = true
		quietDefaults(cmd.Flags)
		cmd.Description = strings.TrimSpace(cmd.Description + "\n\n" + exitHelp)
		prepare(cmd.Subcommands, usage)
	}
}

// quietDefaults leaves "default: false" out of help texts.
func quietDefaults(flags []cli.Flag) {
	for _, f := range flags {
		if b, ok := f.(*cli.BoolFlag); ok {
			b.DisableDefaultText = true
		}
	}
}

func commandNames(app *cli.App) string {
	var names []string
	for _, c := range app.Commands {
		if !c.Hidden && c.Name != "help" {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ", ")
}

// wrongUseError is a command line that cannot be meant.
type wrongUseError struct{ text, hint string }

func (e *wrongUseError) Error() string { return e.text }

// usageError turns the flag parser's error into one line and a hint.
func usageError(c *cli.Context, err error) error {
	text := err.Error()
	hint := "see terok-agent --help"
	if c != nil && c.Command != nil && c.Command.Name != "" && c.Command.Name != "terok-agent" {
		hint = "see " + c.Command.HelpName + " --help"
	}
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: "); ok {
		text = "unknown flag " + dashes(name)
		if c != nil && c.Command != nil {
			if near := nearestFlag(c.Command.Flags, strings.TrimLeft(name, "-")); near != "" {
				hint = "did you mean --" + near + "? " + hint
			}
		}
	}
	return &wrongUseError{text: text, hint: hint}
}

func dashes(name string) string {
	name = strings.TrimLeft(name, "-")
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// nearestFlag is the long name of a flag that name may stand for, or "".
func nearestFlag(flags []cli.Flag, name string) string {
	var names []string
	for _, f := range flags {
		for _, n := range f.Names() {
			if len(n) > 1 {
				names = append(names, n)
			}
		}
	}
	return words.Nearest(name, names)
}
