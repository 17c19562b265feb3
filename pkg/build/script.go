package build

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

// byHand is how a layer is built with plain "podman build".
type byHand struct {
	graph *graph.Graph
	node  graph.Node
}

// file is the Dockerfile's name in the build directory. The user's are apart,
// because their names are anybody's.
func (h byHand) file() string {
	if h.node.Recipe.ContextDir != "" {
		return "layers/" + string(h.node.ID) + ".Dockerfile"
	}
	return h.node.Recipe.Name
}

// text is the Dockerfile. A user's may stand on names that podman does not
// know; there the image is named instead.
func (h byHand) text() ([]byte, error) {
	r := h.node.Recipe
	if r.ContextDir == "" {
		return r.Dockerfile, nil
	}
	f, err := dockerfile.Parse(r.Name, r.Dockerfile)
	if err != nil {
		return nil, err
	}
	facts, err := f.Facts(dockerfile.Options{Args: r.Args, Target: r.Target, Platform: r.Platform})
	if err != nil {
		return nil, err
	}
	return f.NameFroms(facts, h.parents()), nil
}

// parents are the images that a user's Dockerfile refers to, by reference.
func (h byHand) parents() map[string]string {
	out := map[string]string{}
	var visit func(n graph.Node)
	visit = func(n graph.Node) {
		for _, in := range n.Inputs {
			switch t, _ := h.graph.Lookup(in.Node); {
			case t.Kind == graph.KindStage:
				visit(t)
			case t.Kind == graph.KindBase:
				out[in.Ref] = t.Ref
			case len(t.Tags) > 0:
				out[in.Ref] = plan.FullName(t.Tags[0])
			}
		}
	}
	visit(h.node)
	return out
}

// command is the line of build.sh.
func (h byHand) command() string {
	r := h.node.Recipe
	words := []string{"podman build ${PODMAN_BUILD_ARGS-} --file " + shellWord(h.file())}
	for _, tag := range h.node.Tags {
		words = append(words, "--tag "+shellWord(tag))
	}
	if r.Platform != layers.HostPlatform() {
		words = append(words, "--platform "+r.Platform)
	}
	if r.Target != "" {
		words = append(words, "--target "+shellWord(r.Target))
	}
	for _, k := range slices.Sorted(maps.Keys(r.Args)) {
		words = append(words, "--build-arg "+shellWord(k+"="+r.Args[k]))
	}
	if r.ContextDir == "" {
		return strings.Join(append(words, "."), " ")
	}
	parents := h.parents()
	for _, ref := range slices.Sorted(maps.Keys(parents)) {
		words = append(words, "--build-context "+shellWord(ref+"=container-image://"+parents[ref]))
	}
	return strings.Join(append(words, shellWord(r.ContextDir)), " ")
}

// shellWord writes a word that a POSIX shell reads back unchanged.
func shellWord(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,@+%") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// buildScript builds every layer by hand. The built-in recipes name their
// parents by default, so they need no build arguments.
func buildScript(g *graph.Graph) string {
	var b strings.Builder
	b.WriteString(`#!/bin/sh
# Builds by hand what terok-agent would build, one layer after another. Extra
# options for podman build go in PODMAN_BUILD_ARGS, for example
#   PODMAN_BUILD_ARGS='--network host --secret id=terok-ca,src=/etc/ssl/certs/ca-certificates.crt'
# Downloads read where they come from out of the secret terok-fetch, a file with
# lines such as "npm <registry URL>".
set -eu
cd "$(dirname "$0")"
`)
	for _, n := range g.Nodes() {
		if n.Kind == graph.KindLayer && n.Recipe != nil {
			fmt.Fprintf(&b, "\necho '# %s'\n# shellcheck disable=SC2086\n%s\n", n.ID, byHand{g, n}.command())
		}
	}
	return b.String()
}
