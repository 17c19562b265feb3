package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// givenFlags is where an app keeps the names of the flags that its command line
// gives. A context does not know them: for it, a flag is set by a variable too.
const givenFlags = "given"

// isGiven reports whether a flag stands on the command line, not just in a
// variable or in a saved plan.
func isGiven(c *cli.Context, name string) bool {
	given, _ := c.App.Metadata[givenFlags].([]string)
	return slices.Contains(given, name)
}

// permute moves a command's flags before its arguments, so that people may
// write them in any order, and leaves their names with the app for isGiven.
// What follows "--" stays as it is.
func permute(app *cli.App, args []string) []string {
	at := 1
	for at < len(args) && strings.HasPrefix(args[at], "-") {
		at++
	}
	if at >= len(args) {
		return args
	}
	cmd := app.Command(args[at])
	if cmd == nil {
		return args
	}
	if at+1 < len(args) {
		for _, sub := range cmd.Subcommands {
			if sub.HasName(args[at+1]) {
				cmd, at = sub, at+1
				break
			}
		}
	}
	var flags, rest, given []string
	list := args[at+1:]
	for i := 0; i < len(list); i++ {
		a := list[i]
		if a == "--" {
			rest = append(rest, list[i:]...)
			break
		}
		if !strings.HasPrefix(a, "-") || a == "-" {
			rest = append(rest, a)
			continue
		}
		flags = append(flags, a)
		f := flagOf(cmd, a)
		if f != nil {
			given = append(given, f.Names()[0])
		}
		if takesValue(f, a) && i+1 < len(list) {
			i++
			flags = append(flags, list[i])
		}
	}
	app.Metadata = map[string]any{givenFlags: given}
	out := append([]string(nil), args[:at+1]...)
	return append(append(out, flags...), rest...)
}

// flagOf returns the flag that a word such as --base=x names, or nil.
func flagOf(cmd *cli.Command, word string) cli.Flag {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	for _, f := range cmd.Flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

// takesValue reports whether the flag's value is the next word.
func takesValue(f cli.Flag, word string) bool {
	if f == nil || strings.Contains(word, "=") {
		return false
	}
	_, isBool := f.(*cli.BoolFlag)
	return !isBool
}
