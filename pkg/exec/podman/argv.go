package podman

import (
	"maps"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

// buildPlan is all that one call of "podman build" depends on beside the
// request.
type buildPlan struct {
	dockerfile, iidFile, context string
	// ignoreFile is the .dockerignore that belongs to the Dockerfile, or "".
	ignoreFile string
	// args are the build arguments the Dockerfile declares.
	args map[string]string
	// secrets are those the Dockerfile mentions, by file, and secretEnv those by
	// variable.
	secrets, secretEnv map[string]string
	jobs               int
	noCache            bool
}

// argv returns the arguments of "podman build" for a request. It is a pure
// function: the same request gives the same arguments, in the same order.
func argv(r exec.Request, p buildPlan) []string {
	a := []string{
		"build", "--file", p.dockerfile, "--iidfile", p.iidFile,
		// What is needed is here already, or its absence is for us to explain.
		"--pull=never", "--format", "oci",
	}
	for _, k := range slices.Sorted(maps.Keys(p.args)) {
		a = append(a, "--build-arg", k+"="+p.args[k])
	}
	for _, parent := range parentsByRef(r.Parents) {
		a = append(a, "--build-context", parent.Ref+"=container-image://"+bareID(parent.Image))
	}
	for _, id := range slices.Sorted(maps.Keys(p.secrets)) {
		a = append(a, "--secret", "id="+id+",src="+p.secrets[id])
	}
	for _, id := range slices.Sorted(maps.Keys(p.secretEnv)) {
		a = append(a, "--secret", "id="+id+",env="+p.secretEnv[id])
	}
	for _, s := range r.Options.SSH {
		a = append(a, "--ssh", s)
	}
	if r.Options.Network != "" {
		a = append(a, "--network", r.Options.Network)
	}
	if r.Options.Isolation != "" {
		a = append(a, "--isolation", r.Options.Isolation)
	}
	if r.Recipe.Target != "" {
		a = append(a, "--target", r.Recipe.Target)
	}
	if !isHostPlatform(r.Recipe.Platform) {
		a = append(a, "--platform", r.Recipe.Platform)
	}
	if p.ignoreFile != "" {
		a = append(a, "--ignorefile", p.ignoreFile)
	}
	if p.jobs > 1 {
		a = append(a, "--jobs", strconv.Itoa(p.jobs))
	}
	if p.noCache {
		a = append(a, "--no-cache")
	}
	return append(a, p.context)
}

// parentsByRef are the parents that the Dockerfile spells out, each reference
// once, sorted.
func parentsByRef(parents []exec.Parent) []exec.Parent {
	var out []exec.Parent
	seen := map[string]bool{}
	for _, p := range parents {
		if p.Arg == "" && p.Ref != "" && p.Image != "" && !seen[p.Ref] {
			seen[p.Ref] = true
			out = append(out, p)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Ref < out[j].Ref })
	return out
}

// bareID is an image ID as podman takes it everywhere.
func bareID(image string) string { return strings.TrimPrefix(image, "sha256:") }

func isHostPlatform(platform string) bool {
	if platform == "" {
		return true
	}
	host := "linux/" + runtime.GOARCH
	return platform == host || (runtime.GOARCH == "arm64" && platform == host+"/v8")
}
