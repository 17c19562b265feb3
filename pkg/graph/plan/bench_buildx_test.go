package plan_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// BenchmarkBake is what docker buildx makes of the same graphs: the program as a
// process that reads its bake file and prints what it would build, one target for
// each node, with the targets that it reads as named contexts. It says nothing of
// what is there already, nor why.
func BenchmarkBake(b *testing.B) {
	buildx := lookBuildx()
	if buildx == "" {
		b.Log("nothing to compare with: neither buildx nor docker-buildx is on PATH")
		return
	}
	for _, s := range shapes() {
		for _, n := range sizes() {
			if n > bakeMost {
				continue
			}
			dir := b.TempDir()
			if err := bakeProject(dir, s, n); err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%s/%d", s.name, n), func(b *testing.B) { bake(b, buildx, dir, n) })
		}
	}
}

// bakeMost is the largest graph that is given to buildx: that one takes it
// seconds, and ten times as many targets are not worth waiting for.
const bakeMost = 1000

// bakePatience is how long one call is waited for: buildx follows every path to a
// target, and where layers share inputs there are more than anybody can wait for.
const bakePatience = time.Minute

func bake(b *testing.B, buildx, dir string, n int) {
	var busy time.Duration
	for b.Loop() {
		ctx, cancel := context.WithTimeout(b.Context(), bakePatience)
		cmd := osexec.CommandContext(ctx, buildx, "bake", "--print", "-f", "bake.json", "all")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "BUILDX_CONFIG="+dir, "DOCKER_CONFIG="+dir)
		out, err := cmd.Output()
		late := ctx.Err() != nil
		cancel()
		if late {
			b.Skipf("no answer in %s", bakePatience)
		}
		if err != nil || !strings.Contains(string(out), fmt.Sprintf("%q: {", nodeName(n-1))) {
			b.Fatalf("%v\n%.2000s", err, out)
		}
		busy += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/node")
	b.ReportMetric(float64(busy.Nanoseconds())/float64(b.N)/float64(n), "cpu-ns/node")
}

// lookBuildx finds buildx as a program of its own, or "".
func lookBuildx() string {
	for _, name := range []string{"buildx", "docker-buildx"} {
		if path, err := osexec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// bakeProject is what manyNodes is, as a bake file.
func bakeProject(dir string, s shape, n int) error {
	type target struct {
		Context    string            `json:"context"`
		Dockerfile string            `json:"dockerfile-inline"`
		Contexts   map[string]string `json:"contexts"`
		Tags       []string          `json:"tags"`
	}
	targets, all := map[string]target{}, make([]string, n)
	for i := range n {
		name := string(nodeName(i))
		all[i] = name
		t := target{
			Context: ".", Dockerfile: "FROM scratch\n", Contexts: map[string]string{"base": "docker-image://base:1"}, Tags: []string{name + ":1"},
		}
		for _, j := range s.reads(i) {
			read := string(nodeName(j))
			t.Contexts[read] = "target:" + read
			t.Dockerfile += "COPY --from=" + read + " / /\n"
		}
		targets[name] = t
	}
	text, err := json.Marshal(map[string]any{"target": targets, "group": map[string]any{"all": map[string]any{"targets": all}}})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "bake.json"), text, 0o600)
}
