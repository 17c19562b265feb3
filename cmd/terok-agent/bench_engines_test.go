package main

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/build/buildtest"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
)

// BenchmarkProcessTogether is L0, L1 and a sidecar from nothing, layers built
// at the same time against one after another.
func BenchmarkProcessTogether(b *testing.B) {
	x := newBench(b, "claude,codex")
	apply := func(jobs string) func() time.Duration {
		return x.fromNothing(b, x.binary, "apply", "--sidecar", "ast-grep", "l1", "sidecar/ast-grep", "--jobs", jobs)
	}
	versus(b, 3, timed{"together", apply("4")}, timed{"one-by-one", apply("1")})
}

// BenchmarkProcessNoop is an apply with nothing to do against a plan.
func BenchmarkProcessNoop(b *testing.B) {
	x := newBench(b, "claude,codex")
	x.run(b, x.binary, "apply")
	versus(b, 5, timed{"apply", x.process(b, x.binary, "apply")}, timed{"plan", x.process(b, x.binary, "plan")})
}

// BenchmarkProcessEngines is the same graph from nothing, on BuildKit into a
// layout against podman into its storage. The daemon runs already. Everything
// is asked to be made again, because its cache outlives the layout.
func BenchmarkProcessEngines(b *testing.B) {
	x := newBench(b, "claude,codex")
	buildkittest.Require(b)
	images := filepath.Join(b.TempDir(), "images")
	buildkittest.AddToLayout(b, images, buildtest.Base, buildkittest.Busybox(b))
	podman := []string{"apply", "--full-rebuild", "--pull", "never"}
	bk := slices.Concat(podman, []string{"--executor", "buildkit", "--store", "oci:" + images, "--buildkit-addr", buildkittest.Daemon(b)})
	versus(b, 3, timed{"buildkit", x.process(b, x.binary, bk...)}, timed{"podman", x.process(b, x.binary, podman...)})
}
