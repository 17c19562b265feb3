package buildkit

import (
	"context"
	"fmt"

	bkclient "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"golang.org/x/sync/errgroup"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/llb"
)

// epochVariable is the variable that asks for reproducible times.
const epochVariable = "SOURCE_DATE_EPOCH"

// build is one Build under way.
type build struct {
	x       *Executor
	r       exec.Request
	sink    exec.Sink
	daemon  *daemon
	parents map[string]source
	watch   *watcher
	// lowering is what was wrong with the recipe. It comes back from the
	// daemon as mere text.
	lowering error
}

// Build builds one layer, unnamed, and reads it back: its labels must be those
// of the request. Failures are *exec.Error.
func (x *Executor) Build(ctx context.Context, r exec.Request, sink exec.Sink) (exec.Result, error) {
	b := &build{x: x, r: r, sink: sink, watch: newWatcher(r, sink)}
	res, err := b.run(ctx)
	if err != nil {
		return exec.Result{}, b.explain(ctx, err)
	}
	return res, nil
}

func (b *build) run(ctx context.Context) (exec.Result, error) {
	var err error
	if b.parents, err = b.findParents(ctx); err != nil {
		return exec.Result{}, err
	}
	if b.daemon, err = b.x.pick(ctx); err != nil {
		return exec.Result{}, err
	}
	opt, err := b.solveOpt()
	if err != nil {
		return exec.Result{}, err
	}
	made, err := b.solve(ctx, opt)
	if err != nil {
		return exec.Result{}, err
	}
	got, err := b.x.o.Target.land(ctx, b.r, made)
	if err != nil {
		return exec.Result{}, err
	}
	if err := b.verify(made, got); err != nil {
		return exec.Result{}, err
	}
	return exec.Result{Image: got.image, Manifest: got.manifest, Steps: b.watch.steps(), Cached: b.watch.cachedSteps()}, nil
}

// findParents finds the images that the recipe refers to, by its references.
func (b *build) findParents(ctx context.Context) (map[string]source, error) {
	found := map[string]source{}
	for _, p := range b.r.Parents {
		if _, twice := found[p.Ref]; twice || p.Ref == "scratch" {
			continue
		}
		s, err := b.x.o.Target.parent(ctx, p)
		if err != nil {
			return nil, err
		}
		s.part = b.x.o.IsPart != nil && b.x.o.IsPart(p.Node)
		found[p.Ref] = s
	}
	return found, nil
}

func missingParent(p exec.Parent, where string) error {
	return &exec.Error{
		Class: exec.ClassBaseMissing, ExitCode: -1,
		Message: fmt.Sprintf("the image of %s (%s, %.19s) is not in %s", p.Node, p.Ref, p.Image, where),
	}
}

// missingImage is a Tag that did not begin.
func missingImage(name, image, where string) error {
	return &exec.Error{
		Class: exec.ClassBaseMissing, ExitCode: -1,
		Message: fmt.Sprintf("naming %s: image %.19s is not in %s; no name has moved", name, image, where),
	}
}

// solve runs the build on the daemon and follows its progress to the end.
func (b *build) solve(ctx context.Context, opt bkclient.SolveOpt) (handed, error) {
	status := make(chan *bkclient.SolveStatus)
	building, stop := context.WithCancelCause(ctx)
	var group errgroup.Group
	group.Go(func() error {
		b.guard(building, stop)
		return nil
	})
	group.Go(func() error {
		for s := range status {
			b.watch.take(s)
		}
		return nil
	})
	// Build closes the channel, also when it fails.
	res, err := b.daemon.client.Build(building, opt, "terok-agent", b.lowerAndSolve, status)
	stuck := context.Cause(building)
	stop(nil)
	_ = group.Wait()
	if stuck != nil {
		return handed{}, stuck
	}
	if err != nil {
		if b.lowering != nil {
			err = b.lowering
		}
		return handed{}, err
	}
	if ctx.Err() != nil {
		return handed{}, ctx.Err()
	}
	made := handed{
		manifest:   res.ExporterResponse[exptypes.ExporterImageDigestKey],
		config:     res.ExporterResponse[exptypes.ExporterImageConfigDigestKey],
		descriptor: []byte(res.ExporterResponse[exptypes.ExporterImageDescriptorKey]),
	}
	if made.manifest == "" || made.config == "" {
		return handed{}, unverified("the daemon reports success but names no image")
	}
	return made, nil
}

// lowerAndSolve runs inside client.Build: it makes LLB of the recipe, has it
// solved, and hands the image's configuration to the exporter with the result.
// Bare LLB has no configuration; without it the record would be lost.
func (b *build) lowerAndSolve(ctx context.Context, c gateway.Client) (*gateway.Result, error) {
	caps := c.BuildOpts().LLBCaps
	img, err := llb.Lower(ctx, llb.Env{Resolver: c, Caps: &caps}, b.recipe())
	if err != nil {
		b.lowering = err
		return nil, err
	}
	b.watch.knows(img)
	from, err := imports(c)
	if err != nil {
		return nil, err
	}
	res, err := c.Solve(ctx, gateway.SolveRequest{Evaluate: true, Definition: img.Definition.ToPB(), CacheImports: from})
	if err != nil {
		return nil, err
	}
	out := gateway.NewResult()
	ref, err := res.SingleRef()
	if err != nil {
		return nil, err
	}
	out.SetRef(ref)
	out.AddMeta(exptypes.ExporterImageConfigKey, img.Config)
	if img.Base != nil {
		out.AddMeta(exptypes.ExporterImageBaseConfigKey, img.Base)
	}
	return out, nil
}

// recipe is the request as pkg/llb wants it.
func (b *build) recipe() llb.Recipe {
	r := b.r.Recipe
	out := llb.Recipe{
		Name: string(b.r.Node), File: r.Name, Dockerfile: r.Dockerfile, Target: r.Target, Platform: platformOf(b.r),
		Args: b.args(), Labels: b.r.Labels, Salt: b.r.Salt, NetworkMode: b.networkMode(), Parents: map[string]llb.Parent{},
	}
	if r.ContextDir != "" {
		out.LocalContext = localContext
		out.Exclude = b.excluded()
	} else {
		out.Context = r.Context
	}
	for ref, s := range b.parents {
		out.Parents[ref] = llb.Parent{Source: s.url, Config: s.config, Part: s.part}
	}
	return out
}

// networkMode leaves out what a daemon does by itself: asking for the host's
// network needs a permission that not every daemon gives.
func (b *build) networkMode() string {
	if b.r.Options.Network == "host" && b.daemon.hostNetwork {
		return ""
	}
	return b.r.Options.Network
}

// proxies are the variables that every step sees without having declared them,
// and that enter no cache key.
var proxies = []string{
	"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy",
}

// args are the recipe's own and this machine's proxies.
func (b *build) args() map[string]string {
	args := make(map[string]string, len(b.r.Recipe.Args))
	for _, name := range proxies {
		if v := b.x.o.getenv(name); v != "" {
			args[name] = v
		}
	}
	if epoch := b.x.o.getenv(epochVariable); epoch != "" {
		args[epochVariable] = epoch
	}
	for k, v := range b.r.Recipe.Args {
		args[k] = v
	}
	return args
}

// verify makes sure that what landed is what was asked for.
func (b *build) verify(made handed, got landed) error {
	if got.image != made.config {
		return unverified(fmt.Sprintf("the store shows image %.19s, the daemon made %.19s", got.image, made.config))
	}
	for _, k := range sortedKeys(b.r.Labels) {
		if have, ok := got.labels[k]; !ok || have != b.r.Labels[k] {
			return unverified(fmt.Sprintf("label %q of the image is not what was asked for (%d of %d bytes)", k, len(have), len(b.r.Labels[k])))
		}
	}
	return nil
}

func unverified(why string) *exec.Error {
	return &exec.Error{Class: exec.ClassUnverified, ExitCode: -1, Message: why}
}

// platformOf is the request's platform; a recipe that does not say is for
// this machine.
func platformOf(r exec.Request) string {
	if r.Recipe.Platform != "" {
		return r.Recipe.Platform
	}
	return hostPlatform()
}
