package main

import (
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/sources"
	"github.com/terok-ai/terok-agent/resources"
)

const (
	categoryWhat = "What is wanted"
	categoryHow  = "How to look and build"
	categoryShow = "Output"
)

// specFlags say what should exist.
func specFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "file", Category: categoryWhat, EnvVars: []string{"TEROK_FILE"}, Usage: "the project `FILE`, or none (default: terok-agent.yaml here or in a directory above)"},
		&cli.StringSliceFlag{Name: "set", Category: categoryWhat, Usage: "replace a value of the project file, `KEY=VALUE`: base=debian:12, layers.dev.args.X=Y (repeatable)"},
		&cli.StringFlag{Name: "base", Category: categoryWhat, EnvVars: []string{"TEROK_BASE"}, Value: layers.DefaultBaseImage, Usage: "the base `IMAGE` under everything"},
		&cli.StringFlag{Name: "family", Category: categoryWhat, EnvVars: []string{"TEROK_FAMILY"}, Usage: "the base's package family, `deb|rpm` (default: what the base says of itself)"},
		&cli.StringFlag{Name: "agents", Category: categoryWhat, EnvVars: []string{"TEROK_AGENTS"}, Usage: "what goes into l1: a comma `LIST`, all, or all,-NAME"},
		&cli.StringSliceFlag{Name: "sidecar", Category: categoryWhat, EnvVars: []string{"TEROK_SIDECAR"}, Usage: "also make a sidecar with this `TOOL` (repeatable)"},
		&cli.StringFlag{Name: "platform", Category: categoryWhat, EnvVars: []string{"TEROK_PLATFORM"}, Usage: "target `OS/ARCH` (default: this machine's)"},
		&cli.StringSliceFlag{Name: "resources", Category: categoryWhat, EnvVars: []string{"TEROK_RESOURCES"}, Usage: "a `DIR` laid over the built-in templates, scripts and entries (repeatable or DIR:DIR, later ones on top)"},
	}
}

// lookFlags say how plan and apply look and decide.
func lookFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "executor", Category: categoryHow, EnvVars: []string{"TEROK_EXECUTOR"}, Value: "podman", Usage: "what builds: `podman|buildkit`"},
		&cli.StringFlag{Name: "store", Category: categoryHow, EnvVars: []string{"TEROK_STORE"}, Usage: "where images live: `podman|docker|oci:DIR|registry:HOST/REPO` (default: podman's storage, or with buildkit and no podman an OCI layout)"},
		&cli.StringSliceFlag{Name: "buildkit-addr", Category: categoryHow, EnvVars: []string{"TEROK_BUILDKIT_ADDR"}, Usage: "a BuildKit daemon's `ADDRESS` (repeatable: layers are spread; default: BUILDKIT_HOST, the usual sockets, or one that is started)"},
		&cli.BoolFlag{Name: "rebuild", Category: categoryHow, Usage: "make all agents and tools again"},
		&cli.StringSliceFlag{Name: "refresh", Category: categoryHow, Usage: "make this `NODE` again (repeatable)"},
		&cli.BoolFlag{Name: "full-rebuild", Category: categoryHow, Usage: "make everything again, on the newest base"},
		&cli.StringFlag{Name: "pull", Category: categoryHow, EnvVars: []string{"TEROK_PULL"}, Value: "missing", Usage: "ask the registry for the base: `missing|newer|never`"},
		&cli.StringFlag{Name: "pull-from", Category: categoryHow, EnvVars: []string{"TEROK_PULL_FROM"}, Usage: "pull layers that apply --push put to `HOST/REPO` instead of building them, found by key"},
		&cli.DurationFlag{Name: "max-age", Category: categoryHow, EnvVars: []string{"TEROK_MAX_AGE"}, DefaultText: "any age", Usage: "make images older than this again (`DURATION`, such as 336h)"},
	}
}

// buildFlags say how apply builds.
func buildFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "tlsdir", Category: categoryHow, EnvVars: []string{"TEROK_TLSDIR"}, Usage: "`DIR` with ca.pem, cert.pem and key.pem for BuildKit daemons at tcp addresses; these five flags are buildctl's"},
		&cli.StringFlag{Name: "tlscacert", Category: categoryHow, EnvVars: []string{"TEROK_TLSCACERT"}, Usage: "`FILE` of who signed the daemon's certificate"},
		&cli.StringFlag{Name: "tlscert", Category: categoryHow, EnvVars: []string{"TEROK_TLSCERT"}, Usage: "`FILE` with our certificate"},
		&cli.StringFlag{Name: "tlskey", Category: categoryHow, EnvVars: []string{"TEROK_TLSKEY"}, Usage: "`FILE` with its key"},
		&cli.StringFlag{Name: "tlsservername", Category: categoryHow, EnvVars: []string{"TEROK_TLSSERVERNAME"}, Usage: "`NAME` in the daemon's certificate (default: the address's host)"},
		&cli.IntFlag{Name: "jobs", Aliases: []string{"j"}, Category: categoryHow, EnvVars: []string{"TEROK_JOBS"}, DefaultText: "one per core", Usage: "build `N` layers at the same time"},
		&cli.BoolFlag{Name: "keep-going", Aliases: []string{"k"}, Category: categoryHow, Usage: "after a failure build what does not depend on it"},
		&cli.StringSliceFlag{Name: "cache-from", Category: categoryHow, Usage: "where BuildKit looks for results of steps, `type=registry,ref=HOST/REPO` or type=local,src=DIR (repeatable)"},
		&cli.StringSliceFlag{Name: "cache-to", Category: categoryHow, Usage: "where BuildKit leaves results of steps, `type=registry,ref=HOST/REPO` or type=local,dest=DIR (repeatable)"},
		&cli.StringFlag{Name: "push", Category: categoryHow, EnvVars: []string{"TEROK_PUSH"}, Usage: "push the images of what is wanted to `HOST/REPO` at the end, by name and by key"},
		&cli.StringFlag{Name: "build-dir", Category: categoryHow, Usage: "leave Dockerfiles, contexts and a build.sh in this `DIR`, which must be absent or empty"},
		&cli.StringSliceFlag{Name: "secret", Category: categoryHow, Usage: "a build secret, `id=NAME,src=FILE` or id=NAME,env=VARIABLE (repeatable)"},
		&cli.StringSliceFlag{Name: "ssh", Category: categoryHow, Usage: "forward an ssh agent or key, `ID[=PATH]` (repeatable)"},
		&cli.StringFlag{Name: "network", Category: categoryHow, EnvVars: []string{"TEROK_NETWORK"}, Usage: "network of RUN steps: `host|none|private` (default: the engine's)"},
		&cli.StringFlag{Name: "isolation", Category: categoryHow, EnvVars: []string{"TEROK_ISOLATION"}, Usage: "podman's isolation of RUN steps: `oci|chroot`"},
		&cli.StringFlag{Name: "ca-bundle", Category: categoryHow, EnvVars: []string{"TEROK_CA_BUNDLE"}, Usage: "PEM `FILE` for downloads (default: what SSL_CERT_FILE and alike name)"},
		&cli.StringSliceFlag{Name: "mirror", Category: categoryHow, EnvVars: []string{"TEROK_MIRROR"}, Usage: "download from elsewhere, `FROM=TO`: URL prefixes, or npm=URL (repeatable)"},
		&cli.StringFlag{Name: "progress", Category: categoryShow, EnvVars: []string{"TEROK_PROGRESS"}, Value: "auto", Usage: "`auto|plain|json|quiet`"},
	}
}

func outputFlag() cli.Flag {
	return &cli.StringFlag{Name: "output", Aliases: []string{"o"}, Category: categoryShow, Value: "text", Usage: "`text|json`"}
}

func stagesFlag() cli.Flag {
	return &cli.BoolFlag{Name: "stages", Category: categoryShow, Usage: "show the stages inside layers too"}
}

// spec reads what is wanted, once.
func (g *config) spec() (build.Spec, error) {
	p := g.project
	s := build.Spec{Images: p.Images, Layers: p.Layers}
	s.Base = g.pick("base", g.c.String("base"), p.Base, layers.DefaultBaseImage).(string)
	for _, arg := range g.c.Args().Slice() {
		s.Wanted = append(s.Wanted, graph.ID(arg))
	}
	s.Sidecars = g.list("sidecar", ",", p.Sidecars)
	if s.Platform = g.text("platform", p.Platform); s.Platform != "" {
		os, arch, ok := strings.Cut(s.Platform, "/")
		if !ok || os != "linux" || arch == "" {
			return s, &wrongUseError{text: fmt.Sprintf("unknown platform %q", s.Platform), hint: "use linux/amd64 or linux/arm64"}
		}
	}
	if text := g.text("family", p.Family); text != "" {
		f, err := layers.ParseFamily(text)
		if err != nil {
			return s, &wrongUseError{text: err.Error(), hint: "use --family deb or --family rpm"}
		}
		s.Family = f
	}
	g.agents(&s)
	return s, nil
}

// agents reads what goes into l1. A project with layers of its own has an l1
// when it says so, or when a layer needs it; an empty list says no.
func (g *config) agents(s *build.Spec) {
	text := g.text("agents", strings.Join(g.project.Agents, ","))
	from := g.source()
	if from == "default" {
		s.NoL1 = len(s.Layers) > 0
		return
	}
	where, _ := g.project.Where("agents")
	if from == where && len(g.project.Agents) == 0 {
		s.NoL1 = true
		return
	}
	s.Agents = &text
}

// resources is the tree of templates, scripts and entries.
func (g *config) resources() (fs.FS, error) {
	var named []string
	for _, dir := range g.project.Resources {
		named = append(named, g.project.Path(dir))
	}
	return resourcesFrom(g.list("resources", string(os.PathListSeparator), named))
}

// optionsFromFlags reads how to look, plan and build.
func optionsFromFlags(c *cli.Context) (build.Options, error) {
	o := build.Options{
		Rebuild: c.Bool("rebuild"), FullRebuild: c.Bool("full-rebuild"), Pull: build.PullPolicy(c.String("pull")),
		MaxAge: c.Duration("max-age"), Jobs: c.Int("jobs"), KeepGoing: c.Bool("keep-going"), BuildDir: c.String("build-dir"),
		SSH: c.StringSlice("ssh"), Network: c.String("network"), Isolation: c.String("isolation"),
		CABundle: c.String("ca-bundle"), Push: c.String("push"), PullFrom: c.String("pull-from"), CacheFrom: c.StringSlice("cache-from"), CacheTo: c.StringSlice("cache-to"),
		Secrets: map[string]string{}, SecretEnv: map[string]string{},
	}
	for _, arg := range c.Args().Slice() {
		o.Targets = append(o.Targets, graph.ID(arg))
	}
	for _, node := range splitAll(c.StringSlice("refresh"), ",") {
		o.Refresh = append(o.Refresh, graph.ID(node))
	}
	o.BuildkitTLS = build.TLS{
		CA: c.String("tlscacert"), Cert: c.String("tlscert"), Key: c.String("tlskey"), Server: c.String("tlsservername"), Dir: c.String("tlsdir"),
	}
	o.Executor, o.Store, o.BuildkitAddrs = c.String("executor"), c.String("store"), c.StringSlice("buildkit-addr")
	if c.Int("jobs") < 0 {
		return o, &wrongUseError{text: fmt.Sprintf("--jobs %d makes no sense", c.Int("jobs")), hint: "give a number from 1 up"}
	}
	for _, text := range c.StringSlice("secret") {
		secret, err := build.ParseSecret(text)
		switch {
		case err != nil:
			return o, &wrongUseError{text: err.Error()}
		case secret.Variable != "":
			o.SecretEnv[secret.ID] = secret.Variable
		default:
			o.Secrets[secret.ID] = secret.File
		}
	}
	for _, text := range splitAll(c.StringSlice("mirror"), ",") {
		from, to, ok := strings.Cut(text, "=")
		if !ok {
			return o, &wrongUseError{text: fmt.Sprintf("reading --mirror %q: no '='", text), hint: "write --mirror FROM=TO"}
		}
		o.Mirrors = append(o.Mirrors, sources.Mirror{From: from, To: to})
	}
	return o, nil
}

// requestFromFlags reads all that plan, apply and explain are asked for.
func requestFromFlags(c *cli.Context) (build.Spec, build.Options, error) {
	spec, tree, err := drawingFromFlags(c)
	if err != nil {
		return spec, build.Options{}, err
	}
	o, err := optionsFromFlags(c)
	o.Resources = tree
	return spec, o, err
}

// drawingFromFlags reads what graph and render draw: a spec and the resources.
func drawingFromFlags(c *cli.Context) (build.Spec, fs.FS, error) {
	g, err := readConfig(c)
	if err != nil {
		return build.Spec{}, nil, err
	}
	spec, err := g.spec()
	if err != nil {
		return spec, nil, err
	}
	tree, err := g.resources()
	return spec, tree, err
}

func resourcesFrom(dirs []string) (fs.FS, error) {
	var tree fs.FS = resources.FS
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil || !info.IsDir() {
			return nil, &wrongUseError{text: fmt.Sprintf("--resources %s is not a directory", dir), hint: "name a directory with templates/, scripts/ or agents/ in it"}
		}
		tree = layers.Overlay(os.DirFS(dir), tree)
	}
	return tree, nil
}

// splitAll splits repeated values at a separator too, which variables need.
func splitAll(values []string, sep string) []string {
	var out []string
	for _, v := range values {
		for _, part := range strings.Split(v, sep) {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

// outputFormat checks -o.
func outputFormat(c *cli.Context) (json bool, err error) {
	switch v := c.String("output"); v {
	case "text":
		return false, nil
	case "json":
		return true, nil
	default:
		return false, &wrongUseError{text: fmt.Sprintf("unknown output %q", v), hint: "use -o text or -o json"}
	}
}
