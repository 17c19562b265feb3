package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/docker/go-units"
	"github.com/urfave/cli/v2"

	"github.com/terok-ai/terok-agent/pkg/build"
)

func imagesCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "images",
		Usage:     "list the images of ours that a store holds, and remove old ones",
		UsageText: "terok-agent images list|prune [FLAGS]",
		Description: `Images are current (the plan uses them), named (for another base, selection or
version), superseded (no name is left) or unreadable (made by another version of
this program).`,
		Subcommands: []*cli.Command{imagesListCommand(s), imagesPruneCommand(s)},
		Action: func(*cli.Context) error {
			return &wrongUseError{text: "images takes list or prune", hint: "for example: terok-agent images list"}
		},
	}
}

func imagesListCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "list",
		Usage:     "list the images of ours, and what they are good for",
		UsageText: "terok-agent images list [FLAGS]",
		Flags:     join(specFlags(), storeFlags(), []cli.Flag{outputFlag()}),
		Action: func(c *cli.Context) error {
			asJSON, err := outputFormat(c)
			if err != nil {
				return err
			}
			stock, _, err := stockFromFlags(c)
			if err != nil {
				return err
			}
			if asJSON {
				return writeImagesJSON(s.out, stock.Store, stock.Images)
			}
			return writeImages(s.out, stock.Images, time.Now())
		},
	}
}

func imagesPruneCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "prune",
		Usage:     "remove superseded images of ours, after showing them",
		UsageText: "terok-agent images prune [--all] [--yes] [FLAGS]",
		Description: `Shows what it would remove and what that frees, then asks. What a container uses
stays, and so does every image that is not ours. Nothing is forced.`,
		Flags: join(specFlags(), storeFlags(), []cli.Flag{
			&cli.BoolFlag{Name: "all", Category: categoryHow, Usage: "also what has a name, or cannot be read, if the plan does not use it"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Category: categoryHow, Usage: "do it without asking"},
		}),
		Action: func(c *cli.Context) error {
			stock, request, err := stockFromFlags(c)
			if err != nil {
				return err
			}
			list := stock.Prunable(c.Bool("all"))
			if len(list) == 0 {
				_, err := fmt.Fprintln(s.out, "nothing to remove")
				return err
			}
			if err := writeImages(s.out, list, time.Now()); err != nil {
				return err
			}
			_, _ = fmt.Fprintf(s.out, "%s to remove, %s to free\n", count(len(list), "image"), units.HumanSize(float64(stock.Freed(list))))
			if !c.Bool("yes") {
				if yes, err := confirm(s, "remove?"); err != nil || !yes {
					return err
				}
			}
			removed, err := build.Prune(c.Context, request.spec, request.options, list)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(s.out, "removed %s\n", count(len(removed), "image"))
			return err
		},
	}
}

// storeFlags say where images are looked for.
func storeFlags() []cli.Flag {
	var out []cli.Flag
	for _, f := range lookFlags() {
		switch f.Names()[0] {
		case "executor", "store":
			out = append(out, f)
		}
	}
	return out
}

type request struct {
	spec    build.Spec
	options build.Options
}

func stockFromFlags(c *cli.Context) (*build.Stock, request, error) {
	if c.Args().Present() {
		return nil, request{}, &wrongUseError{
			text: fmt.Sprintf("images %s takes no argument (%q)", c.Command.Name, c.Args().First()), hint: "say which images with --base and --agents",
		}
	}
	spec, o, err := requestFromFlags(c)
	if err != nil {
		return nil, request{}, err
	}
	stock, err := build.Images(c.Context, spec, o)
	return stock, request{spec, o}, err
}

func writeImages(w io.Writer, list []build.OwnImage, now time.Time) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "no images of ours")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i := range list {
		img := &list[i]
		name := shortID(img.ID)
		if len(img.Names) > 0 {
			name = strings.TrimPrefix(strings.Join(img.Names, ", "), "localhost/")
		}
		state := string(img.State)
		if len(img.Users) > 0 {
			state += ", used by " + strings.Join(img.Users, ", ")
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s ago\t%s\n",
			img.Node, name, units.HumanSize(float64(img.Size)), units.HumanDuration(now.Sub(img.Created)), state)
	}
	return t.Flush()
}

func writeImagesJSON(w io.Writer, store string, list []build.OwnImage) error {
	type entry struct {
		Node    string    `json:"node"`
		Key     string    `json:"key"`
		Version string    `json:"version,omitempty"`
		Image   string    `json:"image"`
		Names   []string  `json:"names"`
		Created time.Time `json:"created"`
		Size    int64     `json:"size"`
		State   string    `json:"state"`
		Users   []string  `json:"used_by"`
	}
	entries := []entry{}
	for i := range list {
		img := &list[i]
		entries = append(entries, entry{
			Node: string(img.Node), Key: string(img.Key), Version: img.Version, Image: img.ID, Names: orEmpty(img.Names),
			Created: img.Created, Size: img.Size, State: string(img.State), Users: orEmpty(img.Users),
		})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"format": "terok-agent/images", "version": 1, "store": store, "images": entries})
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// confirm asks on a terminal; elsewhere there is nobody to ask.
func confirm(s streams, question string) (bool, error) {
	if !isTerminal(s.out) {
		return false, &wrongUseError{text: "nobody is there to ask", hint: "nothing was removed; give --yes to do it"}
	}
	_, _ = fmt.Fprintf(s.out, "%s [y/N] ", question)
	answer, err := bufio.NewReader(s.in).ReadString('\n')
	if err != nil {
		return false, nil //nolint:nilerr // no answer is a no
	}
	return strings.EqualFold(strings.TrimSpace(answer), "y") || strings.EqualFold(strings.TrimSpace(answer), "yes"), nil
}
