package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/roster"
	"github.com/terok-ai/terok-agent/pkg/layers/sources"
	"github.com/terok-ai/terok-agent/pkg/layers/upstream"
)

func agentsCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "agents",
		Usage:     "list agents and tools, see which are outdated, lock new versions",
		UsageText: "terok-agent agents list|outdated|update [FLAGS]",
		Description: `What an image holds is what the locks beside the entries pin. outdated asks the
registries and vendors that the entries come from; update writes new locks, and
plan then shows what that changes.`,
		Subcommands: []*cli.Command{agentsListCommand(s), agentsOutdatedCommand(s), agentsUpdateCommand(s)},
		Action: func(*cli.Context) error {
			return &wrongUseError{text: "agents takes list, outdated or update", hint: "for example: terok-agent agents list"}
		},
	}
}

// rosterFlags say which entries there are; upstreamFlags also how to ask.
func rosterFlags() []cli.Flag { return append(only(specFlags(), "file", "resources"), outputFlag()) }

func upstreamFlags() []cli.Flag {
	return append(rosterFlags(), only(buildFlags(), "mirror", "ca-bundle")...)
}

// only picks flags by name.
func only(flags []cli.Flag, names ...string) []cli.Flag {
	var out []cli.Flag
	for _, f := range flags {
		if slices.Contains(names, f.Names()[0]) {
			out = append(out, f)
		}
	}
	return out
}

// entries are the roster, and the directories laid over the built-in one.
type entries struct {
	roster *roster.Roster
	dirs   []string
}

func entriesFromFlags(c *cli.Context) (entries, error) {
	g, err := readConfig(c)
	if err != nil {
		return entries{}, err
	}
	var named []string
	for _, dir := range g.project.Resources {
		named = append(named, g.project.Path(dir))
	}
	dirs := g.list("resources", string(os.PathListSeparator), named)
	if len(dirs) == 0 && inCheckout() {
		dirs = []string{checkoutResources}
	}
	tree, err := resourcesFrom(dirs)
	if err != nil {
		return entries{}, err
	}
	r, err := layers.LoadRoster(tree)
	return entries{roster: r, dirs: dirs}, err
}

// checkoutResources is where a checkout of this program keeps the entries.
const checkoutResources = "resources"

func inCheckout() bool {
	for _, name := range []string{"resources.go", "agents", "templates/part.Dockerfile.tmpl"} {
		if _, err := os.Stat(filepath.Join(checkoutResources, name)); err != nil {
			return false
		}
	}
	return true
}

// upstreamFromFlags makes the client that asks.
func upstreamFromFlags(c *cli.Context) (*upstream.Client, error) {
	o, err := optionsFromFlags(c)
	if err != nil {
		return nil, err
	}
	ca, err := sources.CABundle(os.Getenv, o.CABundle)
	if err != nil {
		return nil, &wrongUseError{text: err.Error(), hint: "name a PEM file with --ca-bundle"}
	}
	config, err := sources.Load(sources.Machine(c.Context, "."), o.Mirrors)
	if err != nil {
		return nil, &wrongUseError{text: err.Error()}
	}
	return upstream.New(config, ca, os.Getenv, time.Now)
}

// listed is a line of agents list.
type listed struct {
	Name      string   `json:"name"`
	Node      string   `json:"node"`
	Kind      string   `json:"kind"`
	Label     string   `json:"label"`
	Version   string   `json:"version,omitempty"`
	PinnedBy  string   `json:"pinned_by,omitempty"`
	Unseen    bool     `json:"unseen"`
	Default   bool     `json:"default"`
	Sidecar   bool     `json:"sidecar"`
	DependsOn []string `json:"depends_on"`
	Needs     []string `json:"needs"`
	Platforms []string `json:"platforms"`
	Unpinned  []string `json:"unpinned"`
	// Problem is why it cannot be built as it is.
	Problem string `json:"problem,omitempty"`
}

func list(r *roster.Roster) []listed {
	var out []listed
	for _, name := range r.Names() {
		e, _ := r.Lookup(name)
		l := listed{
			Name: name, Node: string(layers.PartID(e)), Kind: string(e.Kind), Label: e.Label, Unseen: e.Lock.Unseen(), Default: e.Default, Sidecar: e.Sidecar != nil,
			DependsOn: append([]string{}, e.DependsOn...), Needs: append([]string{}, e.Needs...), Platforms: e.Platforms, Unpinned: []string{},
		}
		if e.Lock != nil {
			l.Version, l.PinnedBy = e.Lock.Version, e.Lock.From
		}
		got, err := e.Resolve(e.Platforms[0])
		if err != nil {
			l.Problem = err.Error()
		}
		l.Unpinned = append(l.Unpinned, got.Unpinned...)
		out = append(out, l)
	}
	return out
}

func agentsListCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "list",
		Usage:     "list all entries, their locked versions and who vouches for the digests",
		UsageText: "terok-agent agents list [FLAGS]",
		Flags:     rosterFlags(),
		Action: func(c *cli.Context) error {
			asJSON, err := outputFormat(c)
			if err != nil {
				return err
			}
			have, err := entriesFromFlags(c)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(s.out, list(have.roster))
			}
			return writeList(s.out, list(have.roster))
		},
	}
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func writeList(w io.Writer, lines []listed) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "NAME\tKIND\tVERSION\tIN ALL\tPINNED BY")
	for _, l := range lines {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", l.Name, l.Kind, or(l.Version, "-"), yesNo(l.Default), pinnedBy(l))
	}
	return t.Flush()
}

func pinnedBy(l listed) string {
	switch {
	case l.Problem != "":
		return "NOT LOCKED"
	case len(l.Unpinned) > 0:
		return "UNPINNED: " + strings.Join(l.Unpinned, ", ")
	case l.Unseen:
		return "a public record; nobody here has seen the files"
	case l.PinnedBy == "":
		return "-"
	}
	var words []string
	for _, from := range strings.Split(l.PinnedBy, "+") {
		words = append(words, or(vouchers[from], from))
	}
	return strings.Join(words, " and ")
}

// vouchers are the places that digests are from, in words.
var vouchers = map[string]string{
	roster.FromRegistry: "the registry", roster.FromChecksums: "the vendor's checksums", roster.FromRelease: "the release",
	roster.FromBytes: "the files themselves, when they were locked",
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// named returns entries by name; a name may have a version behind "@".
func (e entries) named(args []string) ([]wantedUpdate, error) {
	var out []wantedUpdate
	for _, arg := range args {
		name, version, _ := strings.Cut(arg, "@")
		entry, ok := e.roster.Lookup(name)
		if !ok {
			_, err := e.roster.Expand([]string{name})
			return nil, hinted(err, "")
		}
		out = append(out, wantedUpdate{entry, version})
	}
	return out, nil
}

// hinted turns an error into what is reported with its hint.
func hinted(err error, prefix string) error {
	if err == nil {
		return nil
	}
	e := &build.Error{Message: prefix + err.Error(), ExitCode: exitFailed, Err: err}
	if h, ok := err.(interface{ Hint() string }); ok {
		e.Hint = h.Hint()
	}
	return e
}
