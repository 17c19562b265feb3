package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/build/buildtest"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
)

// byBuildctl is a "podman build --file F --tag T ." that calls buildctl: with it
// the build.sh of render builds on BuildKit, layer by layer into a layout.
const byBuildctl = `#!/bin/sh
set -eu
while [ $# -gt 0 ]; do
	case $1 in
	--file) file=$2 && shift ;;
	--tag) tag=$2 && shift ;;
	esac
	shift
done
set -- ${NO_CACHE-}
while read -r name digest; do
	set -- "$@" --opt "context:$name=oci-layout://images@$digest"
done <"$NAMES"
"$BUILDCTL" --addr "$BUILDKIT_HOST" build --frontend dockerfile.v0 --local context=. --local dockerfile=. --opt "filename=$file" \
	--secret id=terok-fetch,src="$FETCH_CONF" --oci-layout "images=$IMAGES" "$@" \
	--output "type=oci,dest=$IMAGES,tar=false,name=$tag" --metadata-file "$NAMES.meta" --progress plain
echo "$tag $(sed -n 's/.*"containerimage.digest": *"\([^"]*\)".*/\1/p' "$NAMES.meta")" >>"$NAMES"
`

// BenchmarkProcessBuildctl is an apply on BuildKit, one layer at a time, against
// buildctl with the same Dockerfiles, in turn: everything made again, and with
// nothing to do. The daemon is the same.
func BenchmarkProcessBuildctl(b *testing.B) {
	x := newBench(b, "claude,codex")
	buildkittest.Require(b)
	buildctl, err := buildkittest.Buildctl()
	if err != nil {
		b.Fatal(err)
	}
	address, dir := buildkittest.Daemon(b), b.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	base := buildkittest.Busybox(b)
	for _, images := range []string{at("ours"), at("theirs")} {
		buildkittest.AddToLayout(b, images, buildtest.Base, base)
	}
	digest, err := base.Digest()
	if err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{"fetch.conf": "npm " + x.world.Registry.URL + "/\n", "podman": byBuildctl} {
		if err := os.WriteFile(at(name), []byte(text), 0o755); err != nil {
			b.Fatal(err)
		}
	}
	x.run(b, x.binary, "render", "--build-dir", at("byhand"))
	x.env = append(x.env, "PATH="+dir+":"+os.Getenv("PATH"), "BUILDCTL="+buildctl, "BUILDKIT_HOST="+address, "IMAGES="+at("theirs"),
		"FETCH_CONF="+at("fetch.conf"), "NAMES="+at("names"))
	theirs := func(cache string) time.Duration {
		if err := os.WriteFile(at("names"), []byte("debian:12 "+digest.String()+"\n"), 0o644); err != nil {
			b.Fatal(err)
		}
		x.env = append(x.env, "NO_CACHE="+cache)
		return x.run(b, "sh", at("byhand/build.sh"))
	}
	ours := []string{"apply", "--jobs", "1", "--pull", "never", "--executor", "buildkit", "--store", "oci:" + at("ours"), "--network", ""}
	var again, byHand, nothing, cached []time.Duration
	for b.Loop() {
		for range 3 {
			byHand = append(byHand, theirs("--no-cache"))
			again = append(again, x.run(b, x.binary, slices.Concat(ours, []string{"--full-rebuild"})...))
			cached = append(cached, theirs(""))
			nothing = append(nothing, x.run(b, x.binary, ours...))
		}
	}
	b.ReportMetric(median(again), "ms-apply")
	b.ReportMetric(median(byHand), "ms-buildctl")
	b.ReportMetric(median(again)/median(byHand), "ratio")
	b.ReportMetric(median(nothing)/median(cached), "ratio-noop")
}
