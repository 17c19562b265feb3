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
	sidecar := []string{"apply", "--sidecar", "ast-grep", "l1", "sidecar/ast-grep"}
	var together, single []time.Duration
	for b.Loop() {
		for range 3 {
			x.empty(b)
			single = append(single, x.run(b, x.binary, slices.Concat(sidecar, []string{"--jobs", "1"})...))
			x.empty(b)
			together = append(together, x.run(b, x.binary, slices.Concat(sidecar, []string{"--jobs", "4"})...))
		}
	}
	b.ReportMetric(median(together), "ms-together")
	b.ReportMetric(median(single), "ms-one-by-one")
	b.ReportMetric(median(together)/median(single), "ratio")
}

// BenchmarkProcessNoop is an apply with nothing to do against a plan.
func BenchmarkProcessNoop(b *testing.B) {
	x := newBench(b, "claude,codex")
	x.run(b, x.binary, "apply")
	var apply, plan []time.Duration
	for b.Loop() {
		for range 5 {
			plan = append(plan, x.run(b, x.binary, "plan"))
			apply = append(apply, x.run(b, x.binary, "apply"))
		}
	}
	b.ReportMetric(median(apply), "ms-apply")
	b.ReportMetric(median(plan), "ms-plan")
	b.ReportMetric(median(apply)/median(plan), "ratio")
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
	var ours, theirs []time.Duration
	for b.Loop() {
		for range 3 {
			theirs = append(theirs, x.run(b, x.binary, podman...))
			ours = append(ours, x.run(b, x.binary, bk...))
		}
	}
	b.ReportMetric(median(ours), "ms-buildkit")
	b.ReportMetric(median(theirs), "ms-podman")
	b.ReportMetric(median(ours)/median(theirs), "ratio")
}
