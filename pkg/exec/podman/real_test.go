package podman_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/podman"
	"github.com/terok-ai/terok-agent/pkg/graph"
)

// cat returns a file of an image.
func cat(t *testing.T, image, path string) string {
	t.Helper()
	e, _ := engine(t)
	return e.Run(t, "run", "--rm", "--network=host", image, "cat", path)
}

// Parents are linked by ID, whatever their names point at meanwhile.
func TestParentsByID(t *testing.T) {
	x, e, base := newExecutor(t)
	l0, _ := build(t, x, request(withBase+"RUN echo right > /which\n", nil, fromBase(base)))
	part, _ := build(t, x, request(withBase+"RUN mkdir /out && echo part > /out/part\n", nil, fromBase(base)))
	// All names lead to the base, which has none of the files.
	e.Run(t, "tag", base, "localhost/l0:1", "localhost/part:1", "localhost/spelled:1")
	r := request(`ARG L0=l0:1
ARG PART=part:1
FROM ${PART} AS part
FROM spelled:1 AS spelled
FROM ${L0}
COPY --from=part /out/ /
COPY --from=spelled /out/part /spelled
COPY --from=spelled:1 /out/part /direct
`, nil,
		exec.Parent{Node: "l0", Arg: "L0", Ref: "l0:1", Image: l0.Image},
		exec.Parent{Node: "part", Arg: "PART", Ref: "part:1", Image: part.Image},
		exec.Parent{Node: "spelled", Ref: "spelled:1", Image: part.Image},
	)
	res, _ := build(t, x, r)
	for path, want := range map[string]string{"/which": "right", "/part": "part", "/spelled": "part", "/direct": "part"} {
		if got := cat(t, res.Image, path); got != want {
			t.Errorf("%s = %q, want %q", path, got, want)
		}
	}
	// Parents must not go the way of intermediate images.
	for _, id := range []string{l0.Image, part.Image, base} {
		e.Run(t, "image", "exists", id)
	}
}

// A record is long and full of quotes, and must come back byte by byte.
func TestLongLabels(t *testing.T) {
	x, e, base := newExecutor(t)
	record := strings.Repeat(`{"a":"$HOME \"q\" \\ ü"},`, 40<<10/24)
	r := request(withBase+"RUN true\n", nil, fromBase(base))
	r.Labels[graph.LabelRecord] = record
	res, _ := build(t, x, r)
	if got := e.Run(t, "image", "inspect", "--format", `{{index .Labels "ai.terok.record"}}`, res.Image); got != record {
		t.Errorf("the record came back with %d bytes of %d", len(got), len(record))
	}
}

// Labels must not leak into builds that do not ask for them.
func TestLabelsDoNotLeak(t *testing.T) {
	x, e, base := newExecutor(t)
	r := request(withBase+"RUN echo leak\n", nil, fromBase(base))
	r.Labels["leak"] = "yes"
	build(t, x, r)
	delete(r.Labels, "leak")
	res, _ := build(t, x, r)
	if got := e.Run(t, "image", "inspect", "--format", `{{.Labels}}`, res.Image); strings.Contains(got, "leak") {
		t.Errorf("labels = %s, want no leak", got)
	}
}

func TestSecretLeavesNoTrace(t *testing.T) {
	x, e, base := newExecutor(t)
	const value = "hunter2-secret-value"
	src := filepath.Join(t.TempDir(), "tok")
	if err := os.WriteFile(src, []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
	r := request(withBase+"RUN --mount=type=secret,id=tok test \"$(wc -c < /run/secrets/tok)\" = 20\n", nil, fromBase(base))
	r.Options.Secrets = map[string]string{"tok": src}
	res, _ := build(t, x, r)
	archive := filepath.Join(t.TempDir(), "image.tar")
	e.Run(t, "save", "--format", "docker-archive", "-o", archive, res.Image)
	text, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), value) {
		t.Error("the image holds the secret")
	}
	delete(r.Options.Secrets, "tok")
	r.Recipe.Dockerfile = append(r.Recipe.Dockerfile, "RUN --mount=type=secret,id=other,required=true true\n"...)
	if err := buildError(t, x, r); err.Class != exec.ClassSecret || err.Line != 4 {
		t.Errorf("without the secret: class %s at line %d (%v), want secret at 4", err.Class, err.Line, err)
	}
}

// A new salt runs the steps again, an old one finds its own result.
func TestSalt(t *testing.T) {
	x, _, base := newExecutor(t)
	r := request(withBase+"RUN : for the test of salts; cat /proc/sys/kernel/random/uuid > /id\n", nil, fromBase(base))
	ids := map[string]string{}
	for _, salt := range []string{"", "one", "two"} {
		r.Salt = salt
		res, rec := build(t, x, r)
		ids[salt] = cat(t, res.Image, "/id")
		if res.Cached != 0 {
			t.Errorf("salt %q: %d steps cached, want 0", salt, res.Cached)
		}
		if started := rec.texts(exec.StepStarted); len(started) != 2 {
			t.Errorf("salt %q: steps %q, want the recipe's two", salt, started)
		}
	}
	if ids[""] == ids["one"] || ids["one"] == ids["two"] {
		t.Errorf("ids = %v, want three different ones", ids)
	}
	r.Salt = "one"
	res, _ := build(t, x, r)
	if got := cat(t, res.Image, "/id"); got != ids["one"] || res.Cached != 1 {
		t.Errorf("the first salt again: %s with %d cached, want %s with 1", got, res.Cached, ids["one"])
	}
}

// Podman 4.3 leaves what a bind mount shows out of its cache key.
func TestBindMountGivesNewContent(t *testing.T) {
	x, _, base := newExecutor(t)
	const dockerfile = withBase + "RUN --mount=type=bind,source=f,target=/m/f cat /m/f > /copy\n"
	for _, content := range []string{"old", "new"} {
		res, rec := build(t, x, request(dockerfile, fstest.MapFS{"f": file(content)}, fromBase(base)))
		if got := cat(t, res.Image, "/copy"); got != content {
			t.Errorf("/copy = %q, want %q; notes %q", got, content, rec.texts(exec.Note))
		}
	}
}

// So does a bind mount of a layer; and building without cache must not take
// the layer itself away afterwards.
func TestBindMountOfLayer(t *testing.T) {
	x, e, base := newExecutor(t)
	const dockerfile = "ARG PART=part:1\nARG BASE=busybox:1\nFROM ${PART} AS part\nFROM ${BASE}\n" +
		"RUN --mount=type=bind,from=part,target=/m cat /m/text\n"
	for _, want := range []string{"old", "new"} {
		part, _ := build(t, x, request(withBase+"RUN echo "+want+" > /text\n", nil, fromBase(base)))
		r := request(dockerfile, nil, fromBase(base), exec.Parent{Node: "part", Arg: "PART", Ref: "part:1", Image: part.Image})
		_, rec := build(t, x, r)
		if got := rec.texts(exec.Log); len(got) != 1 || got[0] != want {
			t.Errorf("the step saw %q, want %q", got, want)
		}
		e.Run(t, "image", "exists", part.Image)
		e.Run(t, "image", "exists", base)
	}
}

// A step that had to run but was answered from cache, with the very files that
// were to be replaced, is not believed.
func TestMustRunIsProven(t *testing.T) {
	x, _, base := newExecutor(t)
	r := request(withBase+"RUN cat /proc/sys/kernel/random/uuid > /id\n", nil, fromBase(base))
	first, _ := build(t, x, r)
	r.Replaces = first.Image
	r.MustRun = []exec.StepRef{{Stage: 0, Step: 1}}
	second, rec := build(t, x, r)
	if cat(t, second.Image, "/id") == cat(t, first.Image, "/id") {
		t.Error("the step did not run again")
	}
	if notes := strings.Join(rec.texts(exec.Note), "\n"); !strings.Contains(notes, "building without cache") {
		t.Errorf("notes = %q, want one that says why", notes)
	}
	r.MustRun = nil
	if third, _ := build(t, x, r); third.Cached != 1 {
		t.Errorf("without MustRun %d steps were cached, want 1", third.Cached)
	}
}

// Podman drops the setuid bit of what it copies, and gives the top directory
// its own mode; what lies below must come through.
func TestModeOfContextCounts(t *testing.T) {
	x, _, base := newExecutor(t)
	for mode, want := range map[fs.FileMode]string{0o640: "710\n640", 0o755: "710\n755"} {
		files := fstest.MapFS{"d/s": &fstest.MapFile{Mode: fs.ModeDir | 0o710}, "d/s/f": &fstest.MapFile{Data: []byte("x"), Mode: mode}}
		_, rec := build(t, x, request(withBase+"COPY d /d\nRUN stat -c %a /d/s /d/s/f\n", files, fromBase(base)))
		if got := strings.Join(rec.texts(exec.Log), "\n"); got != want {
			t.Errorf("modes = %q, want %q", got, want)
		}
	}
}

// The Dockerfile that podman reads lies elsewhere; the ignore file that
// belongs to the recipe's must be found all the same.
func TestIgnoreFiles(t *testing.T) {
	x, e, base := newExecutor(t)
	dir := t.TempDir()
	for name, text := range map[string]string{"a": "1", "b": "2", ".dockerignore": "a\n", "demo.Dockerfile.dockerignore": "b\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := request(withBase+"COPY . /c/\n", nil, fromBase(base))
	r.Recipe.ContextDir = dir
	res, _ := build(t, x, r)
	if got := e.Run(t, "run", "--rm", "--network=host", res.Image, "ls", "/c"); !strings.Contains(got, "a") || strings.Contains(got, "b\n") {
		t.Errorf("/c holds %q, want a without b", got)
	}
	if left := entries(t, dir); len(left) != 4 {
		t.Errorf("the context directory now holds %v", left)
	}
}

func TestFailuresOfRecipes(t *testing.T) {
	x, _, base := newExecutor(t)
	for _, c := range []struct {
		name, dockerfile string
		class            exec.Class
		line             int
	}{
		{"no such file", withBase + "COPY nope /\n", exec.ClassContext, 3},
		{"command not found", withBase + "RUN no-such-command\n", exec.ClassStep, 3},
		{"context missing", withBase + "COPY f /\n", exec.ClassContext, 0},
		{"base missing", "FROM localhost/nope:1\n", exec.ClassBaseMissing, 1},
		{"bad chown", withBase + "COPY --chown=nobody-here f /f\n", exec.ClassUnknown, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request(c.dockerfile, fstest.MapFS{"f": file("x")}, fromBase(base))
			if c.name == "context missing" {
				r.Recipe.ContextDir = "/nowhere"
			}
			err := buildError(t, x, r)
			if err.Class != c.class || err.Line != c.line {
				t.Errorf("class %s at line %d: %v; want %s at %d", err.Class, err.Line, err, c.class, c.line)
			}
		})
	}
}

func TestBrokenStorage(t *testing.T) {
	e, _ := engine(t)
	o := options(t, e)
	conf := filepath.Join(t.TempDir(), "storage.conf")
	if err := os.WriteFile(conf, []byte("[storage]\ndriver = \"overlay\"\ngraphroot = \"/proc/nope\"\nrunroot = \"/proc/nope\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Env = append(slices.Clone(o.Env), "CONTAINERS_STORAGE_CONF="+conf)
	_, err := podman.New(o).Build(context.Background(), request("FROM scratch\nCOPY f /f\n", fstest.MapFS{"f": file("x")}), &recorder{})
	var own *exec.Error
	if !errors.As(err, &own) || own.Class != exec.ClassStorage {
		t.Errorf("Build = %v, want class storage", err)
	}
}

func TestTagMovesNames(t *testing.T) {
	x, e, base := newExecutor(t)
	other, _ := build(t, x, request(withBase+"RUN echo tag\n", nil, fromBase(base)))
	moves := map[string]string{"localhost/t:1": base, "localhost/t:2": other.Image, "localhost/t:3": other.Image}
	if err := x.Tag(context.Background(), moves); err != nil {
		t.Fatal(err)
	}
	for name, image := range moves {
		if got := "sha256:" + e.Run(t, "image", "inspect", "--format", "{{.Id}}", name); got != image {
			t.Errorf("%s is %s, want %s", name, got, image)
		}
	}
	err := x.Tag(context.Background(), map[string]string{"localhost/u:1": base, "localhost/u:2": "sha256:" + strings.Repeat("f", 64)})
	var own *exec.Error
	if !errors.As(err, &own) || own.Class != exec.ClassBaseMissing || !strings.Contains(err.Error(), "not moved: localhost/u:2") {
		t.Errorf("Tag = %v, want class base-missing and which names moved", err)
	}
}
