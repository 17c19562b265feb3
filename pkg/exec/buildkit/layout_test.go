package buildkit_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// readFile finds a file in a tar stream and closes it.
func readFile(in io.ReadCloser, path string) (string, error) {
	defer in.Close()
	r := tar.NewReader(in)
	for {
		h, err := r.Next()
		if err != nil {
			return "", err
		}
		if strings.TrimPrefix(h.Name, "/") == strings.TrimPrefix(path, "/") {
			text, err := io.ReadAll(r)
			return strings.TrimSuffix(string(text), "\n"), err
		}
	}
}

// Layers like those that come with the program: one with a user and scripts, a
// part that holds only files, and one put together from both.
func TestLayersOnLayers(t *testing.T) {
	x, dir, base := onLayout(t)
	l0, rec := build(t, x, request(withBase+`ENV LANG=C.UTF-8
RUN echo tools > /usr/tools
COPY scripts/ /usr/local/bin/
WORKDIR /tmp
USER dev
`, fstest.MapFS{"scripts": {Mode: fs.ModeDir | 0o755}, "scripts/hello": {Data: []byte("#!/bin/sh\necho hello\n"), Mode: 0o755}}, fromBase(base)))
	part, _ := build(t, x, request(`ARG FETCH=terok-fetch:x
FROM ${FETCH} AS install
RUN mkdir -p /out/opt/demo && echo demo > /out/opt/demo/version
FROM scratch
COPY --from=install /out/ /
`, nil, exec.Parent{Node: "fetch", Arg: "FETCH", Ref: "terok-fetch:x", Image: base}))
	l1, _ := build(t, x, request(`ARG L0=terok-l0:x
ARG AGENT=terok-agent-demo:1
FROM ${AGENT} AS agent-demo
FROM ${L0}
COPY --from=agent-demo / /
RUN hello > /tmp/said && id -un >> /tmp/said && echo "$LANG $PWD" >> /tmp/said
`, nil, exec.Parent{Node: "l0", Arg: "L0", Ref: "terok-l0:x", Image: l0.Image},
		exec.Parent{Node: "agent/demo", Arg: "AGENT", Ref: "terok-agent-demo:1", Image: part.Image}))

	img := imageIn(t, dir, l1.Image)
	for path, want := range map[string]string{
		"/opt/demo/version": "demo", "/usr/tools": "tools", "/tmp/said": "hello\ndev\nC.UTF-8 /tmp",
	} {
		if got := contentOf(t, img, path); got != want {
			t.Errorf("%s = %q, want %q", path, got, want)
		}
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "dev" || config.Config.WorkingDir != "/tmp" {
		t.Errorf("user %q in %q, want dev in /tmp", config.Config.User, config.Config.WorkingDir)
	}
	if l1.Manifest == "" || l1.Manifest == l1.Image {
		t.Errorf("manifest = %q, image = %q, want two digests", l1.Manifest, l1.Image)
	}
	started := rec.of(exec.StepStarted)
	if len(started) == 0 {
		t.Fatal("no step was shown")
	}
	for _, e := range started {
		if e.Line == 0 || e.Text == "" || e.Node != "demo" {
			t.Errorf("step %+v has no line, text or node", e)
		}
	}
	wantIndex(t, dir, 4)
}

// wantIndex checks how many images a layout lists.
func wantIndex(t *testing.T, dir string, n int) graph.Snapshot {
	t.Helper()
	snap, err := store.Layout{Dir: dir}.Observe(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if len(snap.Images) != n {
		t.Errorf("the layout lists %d images, want %d", len(snap.Images), n)
	}
	return snap
}

// A record is long and full of quotes, and must come back byte by byte; the
// labels of a parent must not.
func TestLongLabels(t *testing.T) {
	x, dir, base := onLayout(t)
	record := strings.Repeat(`{"a":"$HOME \"q\" \\ ü"},`, 40<<10/24)
	r := request(withBase+"RUN true\n", nil, fromBase(base))
	r.Labels[graph.LabelRecord] = record
	res, _ := build(t, x, r)
	img, ok := wantIndex(t, dir, 2).ByID(res.Image)
	if !ok || img.Labels[graph.LabelRecord] != record {
		t.Errorf("the record came back with %d bytes of %d", len(img.Labels[graph.LabelRecord]), len(record))
	}
	delete(r.Labels, graph.LabelRecord)
	res, _ = build(t, x, r)
	if img, _ := wantIndex(t, dir, 3).ByID(res.Image); img.Labels[graph.LabelRecord] != "" {
		t.Error("a label of another build is in the image")
	}
}

// A failing step says where it stands, with its code and its last words.
func TestFailingStep(t *testing.T) {
	x, dir, base := onLayout(t)
	r := request(withBase+"RUN echo fine\n\n# why\nRUN echo last words && \\\n  printf 'no newline' && exit 7\n", nil, fromBase(base))
	e := buildError(t, x, r)
	if e.Class != exec.ClassStep || e.ExitCode != 7 || e.Line != 6 || e.File != "demo.Dockerfile" || e.Node != "demo" {
		t.Errorf("error = %+v, want step-failed, code 7, demo.Dockerfile:6, demo", e)
	}
	if got := strings.Join(e.Tail, "|"); got != "last words|no newline" {
		t.Errorf("tail = %q", got)
	}
	wantIndex(t, dir, 1)
}

// The other ways to fail, each with its class and its line.
func TestFailures(t *testing.T) {
	x, _, base := onLayout(t)
	for _, c := range []struct {
		name, dockerfile string
		class            exec.Class
		line             int
	}{
		{"missing file", withBase + "COPY nope /\n", exec.ClassContext, 3},
		{"unknown instruction", withBase + "RUNN true\n", exec.ClassRecipe, 3},
		{"undeclared image", withBase + "COPY --from=elsewhere:1 / /\n", exec.ClassRecipe, 3},
		{"missing secret", withBase + "RUN --mount=type=secret,id=gone,required=true true\n", exec.ClassSecret, 3},
		{"missing command", withBase + "RUN nonesuch\n", exec.ClassStep, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := buildError(t, x, request(c.dockerfile, fstest.MapFS{"there": file("x")}, fromBase(base)))
			if e.Class != c.class || e.Line != c.line {
				t.Errorf("class %s at line %d (%v), want %s at %d", e.Class, e.Line, e, c.class, c.line)
			}
		})
	}
	r := request(withBase+"RUN true\n", nil, fromBase(graph.DigestOf("gone")))
	if e := buildError(t, x, r); e.Class != exec.ClassBaseMissing {
		t.Errorf("missing parent: class %s (%v)", e.Class, e)
	}
}

// Secrets reach the step and nothing else.
func TestSecretLeavesNoTrace(t *testing.T) {
	x, dir, base := onLayout(t)
	const value = "hunter2-secret-value"
	src := filepath.Join(t.TempDir(), "tok")
	if err := os.WriteFile(src, []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
	r := request(withBase+"RUN --mount=type=secret,id=tok test \"$(wc -c < /run/secrets/tok)\" = 20\n", nil, fromBase(base))
	r.Options.Secrets = map[string]string{"tok": src}
	res, rec := build(t, x, r)
	img := imageIn(t, dir, res.Image)
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	for _, l := range layers {
		in, err := l.Uncompressed()
		if err == nil {
			_, err = io.Copy(&all, in)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	config, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	all.Write(config)
	fmt.Fprint(&all, rec.events)
	if all.Len() < 100_000 {
		t.Fatalf("only %d bytes were searched", all.Len())
	}
	if bytes.Contains(all.Bytes(), []byte(value)) {
		t.Error("the secret is in the image or its events")
	}
}

// A new salt runs the steps again, an old one finds its own result.
func TestSalt(t *testing.T) {
	x, dir, base := onLayout(t)
	r := request(withBase+"RUN cat /proc/sys/kernel/random/uuid > /id\n", nil, fromBase(base))
	ids := map[string]string{}
	for _, salt := range []string{"", "one", "two"} {
		r.Salt = salt
		res, _ := build(t, x, r)
		ids[salt] = contentOf(t, imageIn(t, dir, res.Image), "/id")
	}
	if ids[""] == ids["one"] || ids["one"] == ids["two"] {
		t.Errorf("ids = %v, want three different ones", ids)
	}
	r.Salt = "one"
	res, rec := build(t, x, r)
	if got := contentOf(t, imageIn(t, dir, res.Image), "/id"); got != ids["one"] {
		t.Errorf("the first salt again: %s, want %s", got, ids["one"])
	}
	if res.Cached == 0 || len(rec.of(exec.StepCached)) == 0 {
		t.Errorf("result %+v, want cached steps", res)
	}
}

// Names move all together or not at all, and never leave two holders.
func TestTag(t *testing.T) {
	x, dir, base := onLayout(t)
	one, _ := build(t, x, request(withBase+"RUN echo one > /n\n", nil, fromBase(base)))
	two, _ := build(t, x, request(withBase+"RUN echo two > /n\n", nil, fromBase(base)))
	if err := x.Tag(t.Context(), map[string]string{"demo:a": one.Image, "demo:b": one.Image, "x.example/demo:c": two.Image}); err != nil {
		t.Fatal(err)
	}
	names := func() string {
		var all []string
		snap := wantIndex(t, dir, 3)
		for _, n := range []string{baseName, "localhost/demo:a", "localhost/demo:b", "x.example/demo:c"} {
			img, _ := snap.ByName(n)
			all = append(all, map[string]string{base: "base", one.Image: "one", two.Image: "two"}[img.ID])
		}
		return strings.Join(all, " ")
	}
	if got := names(); got != "base one one two" {
		t.Errorf("names = %s, want base one one two", got)
	}
	before, _ := os.ReadFile(filepath.Join(dir, "index.json"))
	err := x.Tag(t.Context(), map[string]string{"demo:a": two.Image, "demo:b": graph.DigestOf("gone")})
	if err == nil {
		t.Error("naming an image that is not there succeeded")
	}
	if after, _ := os.ReadFile(filepath.Join(dir, "index.json")); !bytes.Equal(before, after) {
		t.Error("a failed Tag changed the index")
	}
	for range 2 {
		if err := x.Tag(t.Context(), map[string]string{"demo:a": two.Image, "demo:b": two.Image}); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(); got != "base two two two" {
		t.Errorf("names = %s, want base two two two", got)
	}
}

// A cancelled build ends at once, and so does what it was running.
func TestCancel(t *testing.T) {
	x, _, base := onLayout(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rec := &recorder{seen: func(e exec.Event) {
		if e.Kind == exec.Log && e.Text == "running" {
			cancel()
		}
	}}
	_, err := x.Build(ctx, request(withBase+"RUN echo running && sleep 98765\n", nil, fromBase(base)), rec)
	var e *exec.Error
	if !errors.As(err, &e) || e.Class != exec.ClassCancelled || !errors.Is(err, context.Canceled) {
		t.Fatalf("error = %v, want one that is context.Canceled", err)
	}
	waitForNone(t, "sleep\x0098765")
}
