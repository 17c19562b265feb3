package exectest

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/graph"
)

// Each step is announced with its place; a second build runs none again.
func stepsAreTold(t *testing.T, s Subject) {
	r := s.layer(Layer(WithBase+"# a comment\nRUN echo out; \\\n    echo err >&2\nCOPY f /f\n", fstest.MapFS{"f": File("hello")}, OnBase(s.Base)))
	r.Salt = fresh(t) // no step has run before
	res, rec := Build(t, s.Executor, r)
	at := map[string]int{}
	for _, e := range rec.Of(exec.StepStarted) {
		word, _, _ := strings.Cut(e.Text, " ")
		at[word] = e.Line
	}
	if at["RUN"] != 4 || at["COPY"] != 6 {
		t.Errorf("RUN is told at line %d and COPY at %d, want 4 and 6", at["RUN"], at["COPY"])
	}
	if logs := rec.Texts(exec.Log); !slices.Contains(logs, "out") || !slices.Contains(logs, "err") {
		t.Errorf("log %q, want both of the step's outputs", logs)
	}
	for _, e := range rec.Of(exec.Log) {
		if e.Text == "err" && e.Line != 4 {
			t.Errorf("what the step printed is told at line %d, want 4", e.Line)
		}
	}
	if res.Steps < 2 || res.Cached != 0 {
		t.Errorf("%d steps, %d cached; want all steps and none cached", res.Steps, res.Cached)
	}
	again, rec := Build(t, s.Executor, r)
	if again.Image != res.Image || again.Cached < 2 || len(rec.Of(exec.StepCached)) != again.Cached {
		t.Errorf("a second build gave %.19s with %d cached (%d told), want %.19s with both", again.Image, again.Cached, len(rec.Of(exec.StepCached)), res.Image)
	}
}

// Layers like those that come with the program: one with a user and scripts, a
// part that holds only files, one put together from both. All their names lead
// elsewhere meanwhile.
func parentsByDigest(t *testing.T, s Subject) {
	files := fstest.MapFS{"scripts": {Mode: fs.ModeDir | 0o710}, "scripts/hello": {Data: []byte("#!/bin/sh\necho hello\n"), Mode: 0o755}, "scripts/text": {Mode: 0o640}}
	l0, _ := Build(t, s.Executor, s.layer(Layer(WithBase+
		"ENV LANG=C.UTF-8\nCOPY scripts/ /usr/local/bin/\nRUN echo tools > /usr/tools\nWORKDIR /tmp\nUSER dev\n", files, OnBase(s.Base))))
	part, _ := Build(t, s.Executor, s.layer(Layer("ARG FETCH=conform-fetch:1\nFROM ${FETCH} AS install\n"+
		"RUN mkdir -p /out/opt/demo && echo demo > /out/opt/demo/version\nFROM scratch\nCOPY --from=install /out/ /\n", nil, On("FETCH", "conform-fetch:1", s.Base))))
	if err := s.Executor.Tag(t.Context(), map[string]string{"conform-l0:1": s.Base, "conform-part:1": s.Base}); err != nil {
		t.Fatal(err)
	}
	l1 := s.layer(Layer("ARG L0=conform-l0:1\nARG PART=conform-part:1\nFROM ${PART} AS part\nFROM ${L0}\nCOPY --from=part / /\n"+
		"RUN hello; id -un; echo $LANG $PWD $GREETING; cat /opt/demo/version /usr/tools; stat -c %a /usr/local/bin/hello /usr/local/bin/text\n", nil,
		On("L0", "conform-l0:1", l0.Image), On("PART", "conform-part:1", part.Image)))
	l1.Salt = fresh(t)
	_, rec := Build(t, s.Executor, l1)
	want := "hello|dev|C.UTF-8 /tmp conform|demo|tools|755|640"
	if got := strings.Join(rec.Texts(exec.Log), "|"); got != want {
		t.Errorf("the last layer shows %q, want %q", got, want)
	}
	snap := s.Look(t)
	for _, id := range []string{s.Base, l0.Image, part.Image} {
		if img := imageOf(t, snap, id); id != s.Base && len(img.Names) != 0 {
			t.Errorf("a built image has the names %q, want none before Tag", img.Names)
		}
	}
}

// A record is long and full of quotes; a build that does not ask for it has
// none, though it runs the same steps.
func recordsComeBack(t *testing.T, s Subject) {
	record := strings.Repeat(`{"a":"$HOME \"q\" \\ ü"},`, 40<<10/24)
	r := s.layer(Layer(WithBase+"RUN : records\n", nil, OnBase(s.Base)))
	r.Labels[graph.LabelRecord], r.Labels["conform.leak"] = record, "yes"
	long, _ := Build(t, s.Executor, r)
	asked := maps.Clone(r.Labels)
	r.Labels[graph.LabelRecord] = "short"
	delete(r.Labels, "conform.leak")
	short, _ := Build(t, s.Executor, r)
	snap := s.Look(t)
	img := imageOf(t, snap, long.Image)
	for k, want := range asked {
		if img.Labels[k] != want {
			t.Errorf("label %s came back with %d bytes of %d", k, len(img.Labels[k]), len(want))
		}
	}
	if img := imageOf(t, snap, short.Image); img.Labels[graph.LabelRecord] != "short" || img.Labels["conform.leak"] != "" {
		t.Errorf("labels %v, want none of the other build's", img.Labels)
	}
}

func argumentsMatter(t *testing.T, s Subject) {
	r := s.layer(Layer(WithBase+"ARG WORD=none\nRUN echo it is $WORD > /word; cat /word\n", nil, OnBase(s.Base)))
	seen := map[string]string{}
	for _, word := range []string{"one", "two"} {
		r.Recipe.Args = map[string]string{"WORD": word}
		r.Salt = fresh(t)
		res, rec := Build(t, s.Executor, r)
		if got := strings.Join(rec.Texts(exec.Log), "|"); got != "it is "+word {
			t.Errorf("the step saw %q, want %q", got, word)
		}
		seen[res.Image] = word
	}
	if len(seen) != 2 {
		t.Error("another argument gave the same image")
	}
}

// An old salt finds the result that was made with it.
func saltsCount(t *testing.T, s Subject) {
	r := s.layer(Layer(WithBase+"RUN cat /proc/sys/kernel/random/uuid > /id\n", nil, OnBase(s.Base)))
	unique := fresh(t)
	images := map[string]string{}
	for _, salt := range []string{unique + "1", unique + "2"} {
		r.Salt = salt
		res, rec := Build(t, s.Executor, r)
		images[salt] = res.Image
		if res.Cached != 0 {
			t.Errorf("with a new salt %d steps were cached", res.Cached)
		}
		for _, e := range rec.Of(exec.StepStarted) {
			if strings.Contains(e.Text, unique) || e.Line > 3 {
				t.Errorf("step %q at line %d, want the recipe's own", e.Text, e.Line)
			}
		}
	}
	if images[unique+"1"] == images[unique+"2"] {
		t.Error("two salts gave one image")
	}
	r.Salt = unique + "1"
	if res, _ := Build(t, s.Executor, r); res.Image != images[r.Salt] || res.Cached == 0 {
		t.Errorf("the first salt again: %.19s with %d cached, want %.19s", res.Image, res.Cached, images[r.Salt])
	}
}

func secretsLeaveNoTrace(t *testing.T, s Subject) {
	const value = "hunter2-secret-value"
	src := filepath.Join(t.TempDir(), "tok")
	if err := os.WriteFile(src, []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.layer(Layer(WithBase+"RUN --mount=type=secret,id=tok test \"$(wc -c < /run/secrets/tok)\" = 20\n", nil, OnBase(s.Base)))
	r.Options.Secrets = map[string]string{"tok": src}
	r.Salt = fresh(t)
	res, rec := Build(t, s.Executor, r)
	all := string(Everything(t, s.Image(t, res.Image)))
	if len(all) < 100_000 {
		t.Fatalf("only %d bytes were searched", len(all))
	}
	if strings.Contains(all, value) {
		t.Error("the secret is in the image")
	}
	for _, e := range rec.All() {
		if strings.Contains(e.Text, value) {
			t.Errorf("the secret is in the event %+v", e)
		}
	}
	r.Recipe.Dockerfile = append(r.Recipe.Dockerfile, "RUN --mount=type=secret,id=other,required=true true\n"...)
	if e := BuildError(t, s.Executor, r); e.Class != exec.ClassSecret || e.Line != 4 {
		t.Errorf("without a secret: class %s at line %d (%v), want secret at 4", e.Class, e.Line, e)
	}
	r.Options.Secrets = map[string]string{"tok": src + "-gone"}
	if e := BuildError(t, s.Executor, r); e.Class != exec.ClassSecret {
		t.Errorf("a secret whose file is gone: class %s (%v), want secret", e.Class, e)
	}
}

// A context that lies on disk is read from there; the ignore file that belongs
// to the Dockerfile alone comes before the directory's.
func contextIsRead(t *testing.T, s Subject) {
	dir := t.TempDir()
	for name, text := range map[string]string{"kept": "1", "left": "2", ".dockerignore": "kept\n", "demo.Dockerfile.dockerignore": "# why\nleft\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := s.layer(Layer(WithBase+"COPY . /c/\nRUN ls /c; cat /c/kept\n", nil, OnBase(s.Base)))
	r.Recipe.ContextDir = dir
	for _, text := range []string{"first", "second"} {
		if err := os.WriteFile(filepath.Join(dir, "kept"), []byte(text+t.TempDir()+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		_, rec := Build(t, s.Executor, r)
		got := rec.Texts(exec.Log)
		if !slices.Contains(got, "kept") || slices.Contains(got, "left") || !strings.HasPrefix(got[len(got)-1], text) {
			t.Errorf("the step saw %q, want kept, the text %q, and not left", got, text)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 4 {
		t.Errorf("the context directory now holds %v (%v), want its four files", left, err)
	}
}
