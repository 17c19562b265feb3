package podman_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman"
)

// cat returns a file of an image.
func cat(t *testing.T, image, path string) string {
	t.Helper()
	e, _ := engine(t)
	return e.Run(t, "run", "--rm", "--network=host", image, "cat", path)
}

// Podman 4.3 leaves what a bind mount shows out of its cache key.
func TestBindMountGivesNewContent(t *testing.T) {
	x, _, base := newExecutor(t)
	const dockerfile = exectest.WithBase + "RUN --mount=type=bind,source=f,target=/m/f cat /m/f\n"
	for _, content := range []string{"old", "new"} {
		_, rec := exectest.Build(t, x, request(dockerfile, fstest.MapFS{"f": exectest.File(content)}, exectest.OnBase(base)))
		if got := strings.Join(rec.Texts(exec.Log), "|"); got != content {
			t.Errorf("the step saw %q, want %q; notes %q", got, content, rec.Texts(exec.Note))
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
		part, _ := exectest.Build(t, x, request(exectest.WithBase+"RUN echo "+want+" > /text\n", nil, exectest.OnBase(base)))
		r := request(dockerfile, nil, exectest.OnBase(base), exec.Parent{Node: "part", Arg: "PART", Ref: "part:1", Image: part.Image})
		_, rec := exectest.Build(t, x, r)
		if got := rec.Texts(exec.Log); len(got) != 1 || got[0] != want {
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
	r := request(exectest.WithBase+"RUN cat /proc/sys/kernel/random/uuid > /id\n", nil, exectest.OnBase(base))
	first, _ := exectest.Build(t, x, r)
	r.Replaces = first.Image
	r.MustRun = []exec.StepRef{{Stage: 0, Step: 1}}
	second, rec := exectest.Build(t, x, r)
	if cat(t, second.Image, "/id") == cat(t, first.Image, "/id") {
		t.Error("the step did not run again")
	}
	if notes := strings.Join(rec.Texts(exec.Note), "\n"); !strings.Contains(notes, "building without cache") {
		t.Errorf("notes = %q, want one that says why", notes)
	}
	r.MustRun = nil
	if third, _ := exectest.Build(t, x, r); third.Cached != 1 {
		t.Errorf("without MustRun %d steps were cached, want 1", third.Cached)
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
	_, err := podman.New(o).Build(context.Background(), request("FROM scratch\nCOPY f /f\n", fstest.MapFS{"f": exectest.File("x")}), &exectest.Recorder{})
	var own *exec.Error
	if !errors.As(err, &own) || own.Class != exec.ClassStorage {
		t.Errorf("Build = %v, want class storage", err)
	}
}
