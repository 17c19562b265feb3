package llb

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/opencontainers/go-digest"
)

// The kinds of source that a parent may have.
const (
	schemeImage  = "docker-image://"
	schemeLayout = "oci-layout://"
)

// parents are the images of a recipe, by the key under which conversion looks
// for them.
type parents struct {
	file  string
	byKey map[string]*parent
}

type parent struct {
	Parent
	// ref is the name the recipe has for it, key what conversion calls that.
	ref, key string
	digest   digest.Digest
	// standIn is what conversion is given instead of ref, or "".
	standIn string
	// line is where the Dockerfile refers to it first, in the prepared text.
	line int
}

func readParents(r Recipe) (*parents, error) {
	p := &parents{file: r.File, byKey: map[string]*parent{}}
	for _, ref := range sortedKeys(r.Parents) {
		one := &parent{Parent: r.Parents[ref], ref: ref, key: contextKey(ref)}
		rest, ok := strings.CutPrefix(one.Source, schemeImage)
		if !ok {
			rest, ok = strings.CutPrefix(one.Source, schemeLayout)
		}
		_, sum, cut := strings.Cut(rest, "@")
		if !ok || !cut || digest.Digest(sum).Validate() != nil {
			return nil, &Error{File: r.File, Message: fmt.Sprintf("parent %q is not an image by digest: %q", ref, one.Source)}
		}
		one.digest = digest.Digest(sum)
		if other := p.byKey[one.key]; other != nil && other.Source != one.Source {
			return nil, &Error{File: r.File, Message: fmt.Sprintf("parents %q and %q have one name and are two images", other.ref, ref)}
		}
		p.byKey[one.key] = one
	}
	return p, nil
}

// lookup returns the parent that ref names, or nil.
func (p *parents) lookup(ref string) *parent { return p.byKey[contextKey(ref)] }

// withDigest returns the parent with this manifest digest, or nil.
func (p *parents) withDigest(d digest.Digest) *parent {
	for _, k := range sortedKeys(p.byKey) {
		if p.byKey[k].digest == d {
			return p.byKey[k]
		}
	}
	return nil
}

// fetch asks the resolver for the configurations that are not there.
func (p *parents) fetch(ctx context.Context, from Resolver, platform string) error {
	for _, k := range sortedKeys(p.byKey) {
		one := p.byKey[k]
		if len(one.Config) > 0 {
			continue
		}
		if from == nil {
			return &Error{File: p.file, Message: fmt.Sprintf("the configuration of parent %q is not known", one.ref)}
		}
		ref, opt, err := one.question(platform)
		if err != nil {
			return err
		}
		_, _, config, err := from.ResolveImageConfig(ctx, ref, opt)
		if err != nil {
			return fmt.Errorf("reading the configuration of %q: %w", one.ref, err)
		}
		one.Config = config
	}
	return nil
}

// question is how a resolver is asked for the parent's configuration.
func (p *parent) question(platform string) (string, sourceresolver.Opt, error) {
	target, err := parsePlatform(platform)
	if err != nil {
		return "", sourceresolver.Opt{}, err
	}
	opt := sourceresolver.Opt{LogName: "load metadata for " + p.ref}
	if rest, ok := strings.CutPrefix(p.Source, schemeImage); ok {
		opt.ImageOpt = &sourceresolver.ResolveImageOpt{Platform: &target}
		return rest, opt, nil
	}
	rest := strings.TrimPrefix(p.Source, schemeLayout)
	store, _, _ := strings.Cut(rest, "@")
	opt.OCILayoutOpt = &sourceresolver.ResolveOCILayoutOpt{
		Platform: &target, Store: sourceresolver.ResolveImageConfigOptStore{StoreID: store},
	}
	return rest, opt, nil
}

// onBuild tells what a parent's configuration makes its children do.
func (p *parents) onBuild(ref string) (triggers, env []string) {
	one := p.lookup(ref)
	if one == nil {
		return nil, nil
	}
	var c struct {
		Config struct{ OnBuild, Env []string }
	}
	if json.Unmarshal(one.Config, &c) != nil {
		return nil, nil // conversion will say what is wrong with it
	}
	if c.Config.Env == nil {
		c.Config.Env = []string{}
	}
	return c.Config.OnBuild, c.Config.Env
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
