package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/layers/roster"
	"github.com/terok-ai/terok-agent/pkg/layers/upstream"
)

// askers is how many entries are asked about at the same time.
const askers = 8

// wantedUpdate is an entry, and the version wanted of it; "" is the newest.
type wantedUpdate struct {
	entry   roster.Entry
	version string
}

// compared is a line of agents outdated.
type compared struct {
	Name   string `json:"name"`
	Locked string `json:"locked,omitempty"`
	Newest string `json:"newest,omitempty"`
	// State is current, outdated, ahead (the lock is newer than what the registry
	// offers), unlocked or unknown.
	State string `json:"state"`
	// Problem is why it is unknown.
	Problem string `json:"problem,omitempty"`
}

func agentsOutdatedCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "outdated",
		Usage:     "compare the locks with what registries and vendors offer",
		UsageText: "terok-agent agents outdated [NAME...] [FLAGS]",
		Description: `Asks for all entries at the same time; what cannot be asked is unknown, and the
others are answered. GITHUB_TOKEN is used for GitHub's interface and nowhere else.`,
		Flags: append(upstreamFlags(), &cli.BoolFlag{Name: "detailed-exit-code", Category: categoryShow, Usage: "exit with 2 when something is outdated"}),
		Action: func(c *cli.Context) error {
			asJSON, err := outputFormat(c)
			if err != nil {
				return err
			}
			client, list, err := asked(c, c.Args().Slice())
			if err != nil {
				return err
			}
			lines := compare(c.Context, client, list)
			if err := c.Err(); err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(s.out, lines)
			} else {
				err = writeOutdated(s.out, lines)
			}
			outdated := slices.ContainsFunc(lines, func(l compared) bool { return l.State == "outdated" })
			if err == nil && c.Bool("detailed-exit-code") && outdated {
				return errChanges
			}
			return err
		},
	}
}

// asked are the client and the entries that a command names, or all that have
// something to lock.
func asked(c *cli.Context, names []string) (*upstream.Client, []wantedUpdate, error) {
	have, err := entriesFromFlags(c)
	if err != nil {
		return nil, nil, err
	}
	if len(names) == 0 {
		for _, name := range have.roster.Names() {
			if e, _ := have.roster.Lookup(name); lockable(e) {
				names = append(names, name)
			}
		}
	}
	list, err := have.named(names)
	if err != nil {
		return nil, nil, err
	}
	client, err := upstreamFromFlags(c)
	return client, list, err
}

// lockable tells whether an entry installs something with a version.
func lockable(e roster.Entry) bool {
	return slices.ContainsFunc(e.Install, func(s roster.Step) bool {
		return s.Download != nil || s.Npm != nil || s.Pypi != nil
	})
}

// each calls f for every entry, some at a time.
func each(list []wantedUpdate, f func(i int, w wantedUpdate)) {
	var group sync.WaitGroup
	free := make(chan struct{}, askers)
	for i, w := range list {
		group.Add(1)
		go func() {
			defer group.Done()
			free <- struct{}{}
			defer func() { <-free }()
			f(i, w)
		}()
	}
	group.Wait()
}

func compare(ctx context.Context, client *upstream.Client, list []wantedUpdate) []compared {
	out := make([]compared, len(list))
	each(list, func(i int, w wantedUpdate) {
		l := compared{Name: w.entry.Name}
		if w.entry.Lock != nil {
			l.Locked = w.entry.Lock.Version
		}
		newest, err := client.Newest(ctx, w.entry)
		l.Newest = newest
		switch {
		case err != nil:
			l.State, l.Problem = "unknown", err.Error()
		case l.Locked == "":
			l.State = "unlocked"
		case l.Locked == newest:
			l.State = "current"
		case upstream.Compare(l.Locked, newest) > 0:
			l.State = "ahead"
		default:
			l.State = "outdated"
		}
		out[i] = l
	})
	return out
}

func writeOutdated(w io.Writer, lines []compared) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "NAME\tLOCKED\tNEWEST\tSTATE")
	for _, l := range lines {
		state := l.State
		if l.Problem != "" {
			state += ": " + l.Problem
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", l.Name, or(l.Locked, "-"), or(l.Newest, "-"), state)
	}
	return t.Flush()
}

func agentsUpdateCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "update",
		Usage:     "lock the newest version of entries, or the one named",
		UsageText: "terok-agent agents update NAME[@VERSION]... | --all [FLAGS]",
		Description: `Finds the digests for every platform and writes them to the directory of the last
--resources, or in place in a checkout of this program; nothing is built. One
failure does not hold the others up. Entries that are npm trees or Python
environments need npm, or Python with pip, on this machine to be resolved.`,
		Flags: append(upstreamFlags(),
			&cli.BoolFlag{Name: "all", Category: categoryWhat, Usage: "all entries"},
			&cli.BoolFlag{Name: "verify", Category: categoryHow, Usage: "also download every file and compare its digest"}),
		Action: func(c *cli.Context) error { return updateAgents(c, s) },
	}
}

func updateAgents(c *cli.Context, s streams) error {
	names := c.Args().Slice()
	if c.Bool("all") == (len(names) > 0) {
		return &wrongUseError{text: "update takes names, or --all", hint: "terok-agent agents update codex"}
	}
	have, err := entriesFromFlags(c)
	if err != nil {
		return err
	}
	if len(have.dirs) == 0 {
		return &wrongUseError{text: "there is nowhere to write locks", hint: "name a directory of yours: --resources DIR"}
	}
	client, list, err := asked(c, names)
	if err != nil {
		return err
	}
	results := make([]updated, len(list))
	dir := have.dirs[len(have.dirs)-1]
	each(list, func(i int, w wantedUpdate) {
		u, err := client.Update(c.Context, w.entry, w.version, c.Bool("verify"))
		if err == nil {
			err = writeFiles(dir, u.Files)
		}
		results[i] = updated{Name: w.entry.Name, From: u.From, To: u.To, Notes: append([]string{}, u.Notes...), Files: fileNames(u.Files), err: err}
		if err != nil {
			results[i].Problem = err.Error()
		}
	})
	if asJSON, err := outputFormat(c); err != nil {
		return err
	} else if asJSON {
		if err := writeJSON(s.out, results); err != nil {
			return err
		}
	} else {
		writeUpdates(s.out, results)
	}
	return failures(c.Context, results)
}

// updated is a line of agents update.
type updated struct {
	Name    string   `json:"name"`
	From    string   `json:"from,omitempty"`
	To      string   `json:"to,omitempty"`
	Files   []string `json:"files"`
	Notes   []string `json:"notes"`
	Problem string   `json:"problem,omitempty"`
	err     error
}

func fileNames(files map[string][]byte) []string {
	names := []string{}
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func writeUpdates(w io.Writer, results []updated) {
	for _, u := range results {
		switch {
		case u.err != nil:
			continue // said at the end
		case len(u.Files) == 0:
			_, _ = fmt.Fprintf(w, "%s %s, nothing to do\n", u.Name, u.To)
		case u.From == u.To:
			_, _ = fmt.Fprintf(w, "%s %s, locked anew\n", u.Name, u.To)
		default:
			_, _ = fmt.Fprintf(w, "%s %s → %s\n", u.Name, or(u.From, "none"), u.To)
		}
		for _, note := range u.Notes {
			_, _ = fmt.Fprintf(w, "  %s\n", note)
		}
	}
}

// failures is one error for all that failed.
func failures(ctx context.Context, results []updated) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var messages, hints []string
	var causes []error
	for _, u := range results {
		if u.err == nil {
			continue
		}
		causes = append(causes, u.err)
		messages = append(messages, u.Name+": "+u.err.Error())
		var h interface{ Hint() string }
		if errors.As(u.err, &h) && !slices.Contains(hints, h.Hint()) {
			hints = append(hints, h.Hint())
		}
	}
	if len(messages) == 0 {
		return nil
	}
	return &build.Error{
		Message: strings.Join(messages, "\n"), Hint: strings.Join(hints, "\n"), ExitCode: exitFailed, Err: errors.Join(causes...),
	}
}

// writeFiles replaces files below a directory, each in one step.
func writeFiles(dir string, files map[string][]byte) error {
	for _, name := range fileNames(files) {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return fmt.Errorf("writing a lock: %w", err)
		}
		temporary, err := os.CreateTemp(filepath.Dir(file), ".lock-*")
		if err != nil {
			return fmt.Errorf("writing a lock: %w", err)
		}
		_, err = temporary.Write(files[name])
		err = errors.Join(err, temporary.Chmod(0o644), temporary.Close())
		if err == nil {
			err = os.Rename(temporary.Name(), file)
		}
		if err != nil {
			_ = os.Remove(temporary.Name())
			return fmt.Errorf("writing %q: %w", file, err)
		}
	}
	return nil
}
