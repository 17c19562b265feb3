package dockerfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

// fuzzOptions make the triggers and the environment of a base known.
func fuzzOptions() dockerfile.Options {
	return dockerfile.Options{
		Platform: "linux/amd64",
		Args:     map[string]string{"A": "1", "B": ""},
		OnBuild: func(ref string) (triggers, env []string) {
			if strings.HasPrefix(ref, "x") {
				return []string{"COPY f $D/", "RUN a"}, []string{"D=/d"}
			}
			return nil, nil
		},
	}
}

// FuzzParse holds that no input makes the package panic, that facts are the
// same each time, and that what Instrument returns is a Dockerfile with the
// same facts but for the label.
func FuzzParse(f *testing.F) {
	seeds, err := filepath.Glob(filepath.Join("testdata", "instrument", "*.Dockerfile"))
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, s := range seeds {
		b, err := os.ReadFile(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Add(sixtyLines())
	f.Fuzz(func(t *testing.T, src string) {
		file, err := dockerfile.Parse("Dockerfile", []byte(src))
		if err != nil {
			return
		}
		o := fuzzOptions()
		facts, err := file.Facts(o)
		if err != nil {
			return
		}
		want := fold(facts)
		again, err := file.Facts(o)
		if err != nil || fold(again) != want {
			t.Fatalf("facts differ the second time: %v", err)
		}
		out, err := dockerfile.Instrument(file, dockerfile.InstrumentOptions{
			Args: o.Args, Platform: o.Platform, OnBuild: o.OnBuild,
			Salt: "s1", Labels: map[string]string{"fuzz.label": src[:min(len(src), 1)]},
		})
		if err != nil {
			return
		}
		checkInstrumented(t, out.Dockerfile, o, want, src)
	})
}

func checkInstrumented(t *testing.T, text []byte, o dockerfile.Options, want keys, src string) {
	t.Helper()
	file, err := dockerfile.Parse("Dockerfile", text)
	if err != nil {
		t.Fatalf("%q became %q: %v", src, text, err)
	}
	facts, err := file.Facts(o)
	if err != nil {
		t.Fatalf("%q became %q: %v", src, text, err)
	}
	target := &facts.Stages[facts.Target]
	last := target.Config[len(target.Config)-1]
	if last.Keyword != "LABEL" || !strings.HasPrefix(last.Text, "fuzz.label=") {
		t.Fatalf("%q became %q: the last setting is %s %s", src, text, last.Keyword, last.Text)
	}
	target.Config = target.Config[:len(target.Config)-1]
	if got := fold(facts); got != want {
		t.Errorf("%q became %q: facts were\n%+v\nand are\n%+v", src, text, want, got)
	}
}

// sixtyLines returns a Dockerfile of the size of the built-in ones.
func sixtyLines() string {
	var b strings.Builder
	b.WriteString("# syntax=docker/dockerfile:1\nARG L0=terok-l0:x\nARG TOOL=terok-tool-node:22\nFROM ${TOOL} AS tool\nFROM ${L0} AS build\n")
	b.WriteString("ENV LANG=C.UTF-8 \\\n    PATH=/opt/bin:$PATH\nARG VERSION=1.2.3\nARG TARGETARCH\nUSER root\nWORKDIR /src\n")
	for range 8 {
		b.WriteString("COPY --chown=dev:dev scripts/*.sh ./bin/\nRUN --mount=type=cache,target=/var/cache/apt \\\n    apt-get update && \\\n    apt-get install -y ${PACKAGES:-git}\n")
	}
	b.WriteString("FROM ${L0}\nCOPY --from=tool / /\nCOPY --from=build /out/ /\nCOPY <<E /etc/motd\nhello $USER\nE\n")
	b.WriteString("LABEL a=1 b=\"two words\"\nEXPOSE 80 443/tcp\nUSER dev\nENTRYPOINT [\"/init\"]\nCMD bash -l\n")
	return b.String()
}

func BenchmarkParseFacts(b *testing.B) {
	src := []byte(sixtyLines())
	o := dockerfile.Options{Platform: "linux/amd64"}
	b.ReportAllocs()
	for b.Loop() {
		f, err := dockerfile.Parse("L1.Dockerfile", src)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Facts(o); err != nil {
			b.Fatal(err)
		}
	}
}
