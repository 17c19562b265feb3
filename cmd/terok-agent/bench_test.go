package main

import (
	"os"
	osexec "os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/build/buildtest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
)

// bench is a real podman with a small project, and the program as a process.
type bench struct {
	binary string
	env    []string
	world  *buildtest.World
	podman podmantest.Env
}

func newBench(b *testing.B, agents string) *bench {
	b.Helper()
	x := &bench{binary: filepath.Join(b.TempDir(), "terok-agent"), world: buildtest.New(b), podman: podmantest.Storage(b)}
	build := osexec.Command("go", "build", "-tags", "urfave_cli_no_docs", "-o", x.binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("building the program: %v\n%s", err, out)
	}
	podmantest.ImportBusybox(b, x.podman, buildtest.Base)
	x.env = append(append(os.Environ(), x.podman.Vars...),
		"XDG_STATE_HOME="+b.TempDir(), "TEROK_BASE=debian:12", "TEROK_NETWORK=host", "TEROK_AGENTS="+agents,
		"TEROK_RESOURCES="+x.world.Dir, "TEROK_MIRROR=npm="+x.world.Registry.URL+"/")
	return x
}

// run times one process.
func (x *bench) run(b *testing.B, name string, args ...string) time.Duration {
	b.Helper()
	cmd := osexec.Command(name, args...)
	cmd.Env = x.env
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return time.Since(start)
}

func median(d []time.Duration) float64 {
	sort.Slice(d, func(i, j int) bool { return d[i] < d[j] })
	return d[len(d)/2].Seconds() * 1000
}

// timed is something to run, with its name in the report; what it prepares
// before it runs does not count.
type timed struct {
	name string
	run  func() time.Duration
}

// process is one process, timed.
func (x *bench) process(b *testing.B, name string, args ...string) func() time.Duration {
	return func() time.Duration { return x.run(b, name, args...) }
}

// fromNothing is one process, timed, where no image but the base is.
func (x *bench) fromNothing(b *testing.B, name string, args ...string) func() time.Duration {
	return func() time.Duration {
		x.empty(b)
		return x.run(b, name, args...)
	}
}

// versus runs two things in turn, so that a machine that is slow for a while is
// so for both, and reports the median of each and their ratio.
func versus(b *testing.B, times int, ours, theirs timed) {
	b.Helper()
	var mine, others []time.Duration
	for b.Loop() {
		for range times {
			others = append(others, theirs.run())
			mine = append(mine, ours.run())
		}
	}
	b.ReportMetric(median(mine), "ms-"+ours.name)
	b.ReportMetric(median(others), "ms-"+theirs.name)
	b.ReportMetric(median(mine)/median(others), "ratio")
}

// BenchmarkProcessPlan is a plan with nothing to do against the one look it
// takes, both as whole processes, in turn.
func BenchmarkProcessPlan(b *testing.B) {
	x := newBench(b, "claude,codex")
	x.run(b, x.binary, "apply")
	versus(b, 5, timed{"plan", x.process(b, x.binary, "plan")}, timed{"podman-images", x.process(b, "podman", "images", "--format", "json")})
}

// BenchmarkProcessApply is an apply from nothing, one layer at a time, against
// the same podman build commands by hand, in turn; each starts without cache.
func BenchmarkProcessApply(b *testing.B) {
	x := newBench(b, "claude,codex")
	conf := filepath.Join(b.TempDir(), "fetch.conf")
	if err := os.WriteFile(conf, []byte("npm "+x.world.Registry.URL+"/\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	x.env = append(x.env, "PODMAN_BUILD_ARGS=--network=host --secret id=terok-fetch,src="+conf)
	dir := filepath.Join(b.TempDir(), "byhand")
	x.run(b, x.binary, "render", "--build-dir", dir)
	versus(b, 3, timed{"apply", x.fromNothing(b, x.binary, "apply", "--jobs", "1")}, timed{"by-hand", x.fromNothing(b, "sh", filepath.Join(dir, "build.sh"))})
}

// empty removes every image but the base.
func (x *bench) empty(b *testing.B) {
	b.Helper()
	x.run(b, "podman", "rmi", "--all", "--force")
	podmantest.ImportBusybox(b, x.podman, buildtest.Base)
}

// BenchmarkProcessRefresh is the refresh of one of four agents against making
// all of them again.
func BenchmarkProcessRefresh(b *testing.B) {
	x := newBench(b, "claude,codex,copilot,opencode")
	x.world.Agent(b, "copilot", "1.0.0")
	x.world.Agent(b, "opencode", "1.0.0")
	x.run(b, x.binary, "apply")
	versus(b, 3, timed{"refresh", x.process(b, x.binary, "apply", "--refresh", "agent/codex")}, timed{"rebuild", x.process(b, x.binary, "apply", "--rebuild")})
}
