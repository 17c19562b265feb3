package buildkit

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"

	bkclient "github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// Cache is a place beside the daemon where it leaves, or looks for, the results
// of steps. Every layer has one of its own there, because what is written
// replaces what was.
type Cache struct {
	// kind is "registry" or "local"; attrs are BuildKit's, without the place.
	kind, place string
	attrs       map[string]string
}

// ErrCache is wrapped by the errors of ParseCache.
var ErrCache = errors.New("not a cache")

// ParseCache reads "type=registry,ref=HOST/REPO[:TAG]" or "type=local,dest=DIR"
// (src=DIR to read), with more of BuildKit's attributes after it. A text without
// "=" is a registry's. Layers lie at HOST/REPO:NODE or HOST/REPO:TAG-NODE, or in
// DIR/NODE.
func ParseCache(text string) (Cache, error) {
	c := Cache{kind: "registry", attrs: map[string]string{}}
	fields, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return c, fmt.Errorf("%w: %q: %w", ErrCache, text, err)
	}
	for _, f := range fields {
		k, v, ok := strings.Cut(f, "=")
		switch {
		case !ok && len(fields) == 1:
			c.place = f
		case !ok:
			return c, fmt.Errorf("%w: %q: %q has no value", ErrCache, text, f)
		case k == "type":
			c.kind = v
		case k == "ref" || k == "dest" || k == "src":
			c.place = v
		default:
			c.attrs[k] = v
		}
	}
	return c, c.check(text)
}

func (c *Cache) check(text string) error {
	switch {
	case c.kind != "registry" && c.kind != "local":
		return fmt.Errorf("%w: %q: type %q is neither registry nor local", ErrCache, text, c.kind)
	case c.place == "":
		return fmt.Errorf("%w: %q names no place", ErrCache, text)
	case c.kind == "local":
		dir, err := filepath.Abs(c.place)
		if err != nil {
			return fmt.Errorf("%w: %q: %w", ErrCache, text, err)
		}
		c.place = dir
		return nil
	}
	repo, _ := splitTag(c.place)
	if err := store.ValidPrefix(repo); err != nil {
		return fmt.Errorf("%w: %q: %w", ErrCache, text, err)
	}
	return nil
}

// splitTag splits a tag off a reference; a port is none.
func splitTag(ref string) (repo, tag string) {
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		return ref[:i], ref[i+1:]
	}
	return ref, ""
}

// of is the cache of one layer. dir is what BuildKit calls a directory:
// "dest" to write, "src" to read.
func (c Cache) of(node graph.ID, dir string) bkclient.CacheOptionsEntry {
	attrs := maps.Clone(c.attrs) // BuildKit's client writes to it
	name := strings.ReplaceAll(string(node), "/", "-")
	if c.kind == "local" {
		attrs[dir] = filepath.Join(c.place, name)
	} else {
		repo, tag := splitTag(c.place)
		if tag != "" {
			name = tag + "-" + name
		}
		attrs["ref"] = repo + ":" + name
		if host, _, _ := strings.Cut(repo, "/"); store.IsLoopback(host) {
			attrs["registry.insecure"] = "true"
		}
	}
	if dir == "dest" {
		// All steps, in a form that every registry keeps.
		for k, v := range map[string]string{"mode": "max", "image-manifest": "true", "oci-mediatypes": "true"} {
			if _, set := attrs[k]; !set {
				attrs[k] = v
			}
		}
	}
	return bkclient.CacheOptionsEntry{Type: c.kind, Attrs: attrs}
}

// caches adds to the options where the steps' results come from and go to.
func (b *build) caches(opt *bkclient.SolveOpt) {
	for _, c := range b.x.o.CacheFrom {
		opt.CacheImports = append(opt.CacheImports, c.of(b.r.Node, "src"))
	}
	for _, c := range b.x.o.CacheTo {
		opt.CacheExports = append(opt.CacheExports, c.of(b.r.Node, "dest"))
	}
}

// imports are the caches to read as the client found them: a directory's has
// the digest of what is in it now, and one with nothing in it is left out.
func imports(c gateway.Client) ([]gateway.CacheOptionsEntry, error) {
	text := c.BuildOpts().Opts["cache-imports"]
	if text == "" {
		return nil, nil
	}
	var list []gateway.CacheOptionsEntry
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("reading the caches to import: %w", err)
	}
	return list, nil
}
