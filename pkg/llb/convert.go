package llb

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	bkllb "github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gwpb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/apicaps"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Everything of BuildKit's front end that is likely to move is in this file.

// converted is what conversion gives.
type converted struct {
	state        bkllb.State
	def          *bkllb.Definition
	config, base []byte
}

// convert gives the ready text to BuildKit's conversion. A "# syntax=" line is
// a comment to it.
func convert(ctx context.Context, env Env, r Recipe, p *parents, t *text) (*converted, error) {
	s, err := newScope(env, r, p)
	if err != nil {
		return nil, err
	}
	ui, err := dockerui.NewClient(s)
	if err != nil {
		return nil, err
	}
	opt := dockerfile2llb.ConvertOpt{
		Config: ui.Config, Client: ui, MetaResolver: s, TargetPlatform: &s.target, LLBCaps: &s.caps,
		SourceMap: bkllb.NewSourceMap(nil, r.File, "Dockerfile", t.ready),
	}
	if env.Warn != nil {
		opt.Warn = func(rule, _, _, message string, at []parser.Range) {
			w := Warning{Rule: rule, Message: message}
			if len(at) > 0 {
				place, _ := t.place(at[0].Start.Line)
				w.Line = place.Line
			}
			env.Warn(w)
		}
	}
	res, err := dockerfile2llb.Dockerfile2LLB(ctx, t.ready, opt)
	if err != nil {
		return nil, err
	}
	out := &converted{state: res.State}
	if out.def, err = res.State.Marshal(ctx); err != nil {
		return nil, fmt.Errorf("writing the definition: %w", err)
	}
	if out.config, err = json.Marshal(res.Image); err == nil && res.BaseImage != nil {
		out.base, err = json.Marshal(res.BaseImage)
	}
	if err != nil {
		return nil, fmt.Errorf("writing the configuration: %w", err)
	}
	return out, nil
}

// scope is a gateway client that shows conversion one recipe and nothing else.
// No call of it leaves the process.
type scope struct {
	gateway.Client // nil: only the methods below may be called
	opts           map[string]string
	inputs         map[string]bkllb.State
	parents        *parents
	caps           apicaps.CapSet
	session        string
	target, build  ocispecs.Platform
	file           string
}

func newScope(env Env, r Recipe, p *parents) (*scope, error) {
	s := &scope{parents: p, session: env.SessionID, file: r.File, caps: pb.Caps.CapSet(pb.Caps.All())}
	if env.Caps != nil {
		s.caps = *env.Caps
	}
	var err error
	if s.target, err = parsePlatform(r.Platform); err != nil {
		return nil, err
	}
	s.build = s.target
	if env.BuildPlatform != "" {
		if s.build, err = parsePlatform(env.BuildPlatform); err != nil {
			return nil, err
		}
	}
	files, err := contextState(env, r)
	if err != nil {
		return nil, err
	}
	// Without this input conversion would ask the daemon for a .dockerignore.
	s.inputs = map[string]bkllb.State{dockerui.DefaultLocalNameContext: files}
	s.opts, err = options(r, p)
	return s, err
}

// options is the recipe as a front end is told it. Conversion writes to it, so
// it is new for every call.
func options(r Recipe, p *parents) (map[string]string, error) {
	o := map[string]string{"target": r.Target, "platform": r.Platform}
	for k, v := range r.Args {
		o["build-arg:"+k] = v
	}
	for k, v := range r.Labels {
		o["label:"+k] = v
	}
	switch r.NetworkMode {
	case "":
	case "host", "none":
		o["force-network-mode"] = r.NetworkMode
	case "private":
		o["force-network-mode"] = "sandbox"
	default:
		return nil, &Error{File: r.File, Message: fmt.Sprintf("unknown network mode %q", r.NetworkMode), Hint: "use host, none or private"}
	}
	for _, one := range p.byKey {
		switch {
		case one.line == 0: // not referred to: a stage may be called so
		case one.standIn != "":
			o["context:"+one.standIn] = one.Source
		default:
			o["context:"+one.key] = one.Source
		}
	}
	return o, nil
}

// BuildOpts tells what to build, and for what daemon.
func (s *scope) BuildOpts() gateway.BuildOpts {
	return gateway.BuildOpts{
		Opts: s.opts, SessionID: s.session, Product: "terok-agent", LLBCaps: s.caps,
		// These are about talking to a daemon, which nothing here does.
		Caps:    gwpb.Caps.CapSet(gwpb.Caps.All()),
		Workers: []gateway.WorkerInfo{{Platforms: []ocispecs.Platform{s.build}}},
	}
}

// Inputs holds the build context.
func (s *scope) Inputs(context.Context) (map[string]bkllb.State, error) { return s.inputs, nil }

// ResolveImageConfig answers for parents and refuses all others.
func (s *scope) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	if named, err := reference.ParseNormalizedNamed(ref); err == nil {
		if d, ok := named.(reference.Digested); ok {
			if one := s.parents.withDigest(d.Digest()); one != nil {
				return ref, one.digest, one.Config, nil
			}
		}
	}
	return "", "", nil, &Error{File: s.file, Message: fmt.Sprintf("%q is neither a stage nor a parent", ref), Err: ErrUndeclared}
}

// ResolveSourceMetadata is for sources that no recipe may have.
func (s *scope) ResolveSourceMetadata(_ context.Context, op *pb.SourceOp, _ sourceresolver.Opt) (*sourceresolver.MetaResponse, error) {
	return nil, &Error{File: s.file, Message: fmt.Sprintf("%q cannot be asked for", op.GetIdentifier()), Err: ErrUndeclared}
}

// Solve is never needed to lower a recipe with a context of its own.
func (s *scope) Solve(context.Context, gateway.SolveRequest) (*gateway.Result, error) {
	return nil, &Error{File: s.file, Message: "lowering would need a build"}
}

// parsePlatform reads "os/arch[/variant]".
func parsePlatform(text string) (ocispecs.Platform, error) {
	p, err := platforms.Parse(text)
	if err != nil {
		return p, fmt.Errorf("reading platform %q: %w", text, err)
	}
	return platforms.Normalize(p), nil
}

// contextKey is how conversion calls a reference when it looks for a named
// context: without the default registry and the default tag.
func contextKey(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ref
	}
	return strings.TrimSuffix(reference.FamiliarString(named), ":latest")
}

// isReference reports whether a registry could have this name.
func isReference(ref string) bool {
	_, err := reference.ParseNormalizedNamed(ref)
	return err == nil
}
