package main

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// permute moves a command's flags before its arguments, so that people may
// write them in any order. What follows "--" stays as it is.
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
	var flags, rest []string
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
		if takesValue(cmd, a) && i+1 < len(list) {
			i++
			flags = append(flags, list[i])
		}
	}
	out := append([]string(nil), args[:at+1]...)
	return append(append(out, flags...), rest...)
}

// takesValue reports whether the flag's value is the next word.
func takesValue(cmd *cli.Command, word string) bool {
	if strings.Contains(word, "=") {
		return false
	}
	name := strings.TrimLeft(word, "-")
	for _, f := range cmd.Flags {
		for _, n := range f.Names() {
			if n == name {
				_, isBool := f.(*cli.BoolFlag)
				return !isBool
			}
		}
	}
	return false
}
