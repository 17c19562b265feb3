package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/container"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/roster"
)

func runCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "run an agent on its image, hardened",
		UsageText: "terok-agent run [FLAGS] AGENT [DIR] [-- ARG...]",
		Description: `Builds what the agent needs if it is not there, and starts it in a container
with DIR (default: the working directory) on /workspace: no privileges, no
capabilities, no mounts but DIR, the agent's state and what --mount names, no
variables but what --env names. Files that the agent makes in DIR belong to you.
Its state is kept per DIR. The exit code is the agent's. For example:

  terok-agent run claude . -- -p "say hello"`,
		Flags: join(specFlags(), runFlags(), lookFlags(), buildFlags()),
		Action: func(c *cli.Context) error {
			r, err := newRunner(c, s)
			if err != nil {
				return err
			}
			return r.run(c.Context)
		},
	}
}

const categoryRun = "How to run"

func runFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "no-build", Category: categoryRun, Usage: "build nothing: run what is there, or fail"},
		&cli.BoolFlag{Name: "dry-run", Category: categoryRun, Usage: "print podman's command line instead of running it"},
		&cli.StringSliceFlag{Name: "env", Aliases: []string{"e"}, Category: categoryRun, Usage: "hand on a variable, `NAME`, or set it, NAME=VALUE (repeatable)"},
		&cli.StringSliceFlag{Name: "mount", Category: categoryRun, Usage: "also mount `SOURCE:TARGET`, or SOURCE:TARGET:ro (repeatable)"},
		&cli.StringFlag{Name: "net", Category: categoryRun, EnvVars: []string{"TEROK_NET"}, Usage: "the container's network, podman's `MODE`: none, host, … (default: podman's)"},
		&cli.BoolFlag{Name: "read-only", Category: categoryRun, Usage: "a read-only root file system"},
		&cli.StringFlag{Name: "state", Category: categoryRun, Usage: "keep the agent's state in this `DIR` (default: one per project below XDG_STATE_HOME)"},
		&cli.BoolFlag{Name: "no-state", Category: categoryRun, Usage: "keep no state"},
		&cli.StringFlag{Name: "command", Category: categoryRun, Usage: "run this `COMMAND` of the image instead of the agent's"},
	}
}

// runner is one run of an agent.
type runner struct {
	c       *cli.Context
	s       streams
	spec    build.Spec
	options build.Options
	entry   roster.Entry
	dir     string
	args    []string
}

func newRunner(c *cli.Context, s streams) (*runner, error) {
	words, args := c.Args().Slice(), []string(nil)
	if i := slices.Index(words, "--"); i >= 0 {
		words, args = words[:i], words[i+1:]
	}
	if len(words) < 1 || len(words) > 2 {
		return nil, &wrongUseError{text: "run takes an agent and a directory", hint: "terok-agent run AGENT [DIR] [-- ARG...]; what follows -- is the agent's"}
	}
	r := &runner{c: c, s: s, args: args}
	var err error
	if r.spec, r.options, err = requestFromFlags(c); err != nil {
		return nil, err
	}
	r.options.Targets = []graph.ID{layers.L1ID}
	if err := r.checkStore(); err != nil {
		return nil, err
	}
	if err := r.pickAgent(words[0]); err != nil {
		return nil, err
	}
	dir := "."
	if len(words) == 2 {
		dir = words[1]
	}
	r.dir, err = directory(dir)
	return r, err
}

// checkStore makes sure that podman can run what is built.
func (r *runner) checkStore() error {
	if s := r.options.Store; s != "" && s != "podman" {
		return &wrongUseError{text: fmt.Sprintf("run starts containers with podman, which has no images of the store %s", s), hint: "leave --store out"}
	}
	r.options.Store = "podman"
	return nil
}

// pickAgent finds the agent; without a selection, its image holds it alone.
func (r *runner) pickAgent(name string) error {
	all, err := layers.LoadRoster(r.options.Resources)
	if err != nil {
		return err
	}
	if _, err := all.Select(name); err != nil {
		return err
	}
	r.entry, _ = all.Lookup(name)
	if r.spec.Agents == nil {
		r.spec.Agents = &name
		return nil
	}
	selected, err := all.Select(*r.spec.Agents)
	if err != nil {
		return err
	}
	if !slices.Contains(selected, name) {
		return &wrongUseError{text: fmt.Sprintf("the agent %q is not in the selection %q", name, *r.spec.Agents), hint: "add it to --agents, or leave --agents out"}
	}
	return nil
}

func directory(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return "", &wrongUseError{text: fmt.Sprintf("the directory %q is not there", dir), hint: "name the project's directory"}
	}
	if info, err := os.Stat(abs); err != nil || !info.IsDir() {
		return "", &wrongUseError{text: fmt.Sprintf("%q is not a directory", dir), hint: "name the project's directory"}
	}
	return abs, nil
}

func (r *runner) run(ctx context.Context) error {
	box, err := r.container()
	if err != nil {
		return err
	}
	if box.Image, err = r.image(ctx); err != nil {
		return err
	}
	argv := box.Argv()
	if r.c.Bool("dry-run") {
		_, err := fmt.Fprintln(r.s.out, container.Line(argv))
		return err
	}
	for _, m := range box.Mounts {
		if err := makeState(m, box.Owner); err != nil {
			return err
		}
	}
	return become(argv)
}

// image is the ID of the current l1, built if need be.
func (r *runner) image(ctx context.Context) (string, error) {
	p, err := build.Plan(ctx, r.spec, r.options)
	if err != nil {
		return "", err
	}
	s, _ := p.Step(layers.L1ID)
	switch {
	case s.Action == plan.UpToDate:
		return s.Found, nil
	case r.c.Bool("no-build") && s.Replaces != "" && s.Reasons[0].Code != plan.ForeignImage:
		_, _ = fmt.Fprintf(r.s.err, "%s is not current (terok-agent plan says why); running it as it is\n", firstName(s))
		return s.Replaces, nil
	case r.c.Bool("no-build"):
		return "", &build.Error{
			Message: fmt.Sprintf("the image %s is not there, and --no-build was given", firstName(s)),
			Hint:    "build it with terok-agent apply, or leave --no-build out", ExitCode: exitFailed,
		}
	case r.c.Bool("dry-run"):
		_, _ = fmt.Fprintf(r.s.err, "%s would be built first\n", firstName(s))
		return firstName(s), nil
	}
	_, _ = fmt.Fprintf(r.s.err, "%s has to be built first\n", firstName(s))
	view, err := newProgress(r.c.String("progress"), r.s)
	if err != nil {
		return "", err
	}
	r.options.Sink = view
	done, err := build.Run(ctx, r.spec, r.options, func(p *build.Planned) error { view.start(p); return nil })
	if err != nil {
		return "", err
	}
	view.finish(done)
	p, err = build.Plan(ctx, r.spec, r.options)
	if err != nil {
		return "", err
	}
	s, _ = p.Step(layers.L1ID)
	return s.Found, nil
}

func firstName(s plan.Step) string {
	if len(s.Tags) == 0 {
		return string(s.Node)
	}
	return s.Tags[0]
}

// container says how to start it, but for the image.
func (r *runner) container() (container.Container, error) {
	x := container.Container{
		Command: append([]string{r.command()}, r.args...), Env: map[string]string{}, Network: r.c.String("net"),
		ReadOnly: r.c.Bool("read-only"), TTY: isTerminal(r.s.out) && isTerminalInput(r.s.in), Owner: owner(r.dir),
		Mounts: []container.Mount{{Source: r.dir, Target: container.Workspace}}, SELinux: hasSELinux(),
	}
	if !r.c.Bool("no-state") {
		x.Mounts = append(x.Mounts, container.StateMounts(r.stateDir(), r.entry.State.Dirs)...)
	}
	for k, v := range r.entry.State.Env {
		x.Env[k] = v
	}
	for _, text := range r.c.StringSlice("env") {
		name, value, given, err := container.ParseEnv(text)
		switch {
		case err != nil:
			return x, &wrongUseError{text: "--env: " + err.Error(), hint: "write --env NAME or --env NAME=VALUE"}
		case given:
			x.Env[name] = value
		default:
			x.PassEnv = append(x.PassEnv, name)
		}
	}
	for _, text := range r.c.StringSlice("mount") {
		m, err := container.ParseMount(text)
		if err != nil {
			return x, &wrongUseError{text: err.Error(), hint: "write --mount SOURCE:TARGET"}
		}
		if m.Source, err = filepath.Abs(m.Source); err != nil {
			return x, err
		}
		if _, err := os.Stat(m.Source); err != nil {
			return x, &wrongUseError{text: fmt.Sprintf("--mount: %s is not there", m.Source)}
		}
		x.Mounts = append(x.Mounts, m)
	}
	return x, nil
}

// command is the agent's: the one that has its name, else its only one.
func (r *runner) command() string {
	if command := r.c.String("command"); command != "" {
		return command
	}
	names := slices.Sorted(maps.Keys(r.entry.Commands))
	if len(names) == 0 || slices.Contains(names, r.entry.Name) {
		return r.entry.Name
	}
	return names[0]
}

// stateDir is where this project's agents keep their state.
func (r *runner) stateDir() string {
	if dir := r.c.String("state"); dir != "" {
		abs, err := filepath.Abs(dir)
		if err == nil {
			return abs
		}
	}
	digest := strings.TrimPrefix(graph.DigestOf("project", r.dir), "sha256:")
	return filepath.Join(build.StateDir(os.Getenv), "projects", container.ProjectName(r.dir, digest))
}

// owner is who gets what the agent writes: us, or, for root, whoever has the
// directory.
func owner(dir string) container.Owner {
	if uid := os.Getuid(); uid != 0 {
		return container.Owner{Rootless: true, UID: uid, GID: os.Getgid()}
	}
	if info, err := os.Stat(dir); err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			return container.Owner{UID: int(st.Uid), GID: int(st.Gid)}
		}
	}
	return container.Owner{}
}

// makeState makes a mount's directory if it is one of the agent's state, for
// the owner of the project.
func makeState(m container.Mount, o container.Owner) error {
	if _, err := os.Stat(m.Source); err == nil || !strings.HasPrefix(m.Target, container.Home+"/") {
		return nil
	}
	err := os.MkdirAll(m.Source, 0o700)
	if err == nil && !o.Rootless {
		err = os.Chown(m.Source, o.UID, o.GID)
	}
	if err != nil {
		return &build.Error{
			Message: fmt.Sprintf("making the agent's state directory: %v", err), Hint: "name another with --state, or give --no-state",
			ExitCode: exitFailed,
		}
	}
	return nil
}

func hasSELinux() bool {
	_, err := os.Stat("/sys/fs/selinux/enforce")
	return err == nil
}

// become replaces this process by podman: signals, the terminal and the exit
// code are its own then.
func become(argv []string) error {
	path, err := osexec.LookPath(argv[0])
	if err != nil {
		return &build.Error{Message: fmt.Sprintf("starting %s: %v", argv[0], errors.Unwrap(err)), Hint: "install podman", ExitCode: exitFailed}
	}
	err = syscall.Exec(path, argv, os.Environ())
	return &build.Error{Message: fmt.Sprintf("starting %s: %v", path, err), ExitCode: exitFailed}
}
