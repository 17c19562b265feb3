package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
	"github.com/terok-ai/terok-agent/pkg/testfile"
)

// stub writes a script that takes podman's place.
func stub(t *testing.T, script string) store.Podman {
	t.Helper()
	path := filepath.Join(t.TempDir(), "podman")
	testfile.Script(t, path, script)
	return store.Podman{Cmd: []string{path}}
}

const oneImage = `[{"Id":"958e511f946ad2e73974bee5da5cf0f76229a90fe79e99f61d5f0bca69d47ece","Names":["localhost/a:1","localhost/b:1"],
"Digest":"sha256:3bc8","Labels":{"ai.terok.node":"l0"},"Created":1795504773,"Size":7,"RepoTags":null},
{"Id":"e3287436c45b57f746a55fe6cf3ee3fa4ed8a47fd24339ce9f1c81575f1df5ce","Labels":null,"Created":1}]`

func TestObserveReadsImages(t *testing.T) {
	p := stub(t, "[ \"$*\" = 'images --format json' ] || exit 9\necho 'time=\"x\" level=warning msg=\"[]\"' >&2\ncat <<'END'\n"+oneImage+"\nEND\n")
	snap, err := p.Observe(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	img, ok := snap.ByName("localhost/b:1")
	if !ok || img.ID != "sha256:958e511f946ad2e73974bee5da5cf0f76229a90fe79e99f61d5f0bca69d47ece" ||
		img.Manifest != "sha256:3bc8" || img.Labels[graph.LabelNode] != "l0" || img.Size != 7 ||
		!img.Created.Equal(time.Unix(1795504773, 0)) {
		t.Errorf("image = %+v, %v", img, ok)
	}
	if len(snap.Images) != 2 {
		t.Errorf("%d images, want 2", len(snap.Images))
	}
}

// An empty storage is an answer, anything else that shows no images is not.
func TestObserveIsThreeValued(t *testing.T) {
	for _, c := range []struct {
		name, script, class, message string
	}{
		{"empty storage", "echo '[]'", "", ""},
		{"no answer", "exit 0", store.ClassUnknown, "cannot be read"},
		{"garbage", "echo 'oops'", store.ClassUnknown, "cannot be read"},
		{"cut off", "echo '[{\"Id\":\"ab'", store.ClassUnknown, "cannot be read"},
		{"no image ID", "echo '[{\"Id\":\"ab\"}]'", store.ClassUnknown, "cannot be read"},
		{
			"broken storage", "echo 'time=\"t\" level=warning msg=w' >&2; echo 'Error: creating runtime static files directory: mkdir /x: read-only file system' >&2; exit 125",
			store.ClassStorage, "looking at podman's images: creating runtime static files directory",
		},
		{"other trouble", "echo 'Error: something odd' >&2; exit 125", store.ClassUnknown, "looking at podman's images: something odd"},
		{"a list and then trouble", "echo '[]'; exit 125", store.ClassUnknown, "exit status 125"},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap, err := stub(t, c.script+"\n").Observe(context.Background())
			checkError(t, err, c.class, c.message)
			if err == nil && len(snap.Images) != 0 {
				t.Errorf("images = %v, want none", snap.Images)
			}
		})
	}
}

// An image that was only half written hides all others: the hint names it.
func TestObserveNamesHalfAnImage(t *testing.T) {
	id := strings.Repeat("85dc2b43", 8)
	_, err := stub(t, `echo 'Error: locating item named "manifest" for image with ID "`+id+
		`" (consider removing the image to resolve the issue): file does not exist' >&2; exit 125`+"\n").Observe(context.Background())
	checkError(t, err, store.ClassStorage, `looking at podman's images: locating item named "manifest"`)
	var look *store.Error
	var half *store.HalfWrittenError
	if !errors.As(err, &look) || !errors.As(err, &half) || half.Image != id || !strings.Contains(look.Hint, "podman rmi "+id) {
		t.Errorf("error %v, want one of half an image with a hint that names it", err)
	}
}

func checkError(t *testing.T, err error, class, message string) {
	t.Helper()
	if class == "" {
		if err != nil {
			t.Errorf("error = %v, want none", err)
		}
		return
	}
	var e *store.Error
	if !errors.As(err, &e) {
		t.Fatalf("error = %v, want a *store.Error", err)
	}
	if e.Class != class || !strings.Contains(e.Message, message) || strings.Contains(e.Message, "\n") {
		t.Errorf("class %q, message %q; want %q, one line with %q", e.Class, e.Message, class, message)
	}
}

func TestObserveWithoutPodman(t *testing.T) {
	for _, cmd := range []string{"no-such-podman", "/nowhere/podman"} {
		_, err := store.Podman{Cmd: []string{cmd}}.Observe(context.Background())
		checkError(t, err, store.ClassNoEngine, "not installed")
	}
}

func TestObserveCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := stub(t, "echo '[]'\n").Observe(ctx)
	checkError(t, err, store.ClassCancelled, "cancelled")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("errors.Is(%v, context.Canceled) = false", err)
	}
}

func TestPodmanReal(t *testing.T) {
	e := podmantest.Storage(t)
	p := store.Podman{Cmd: e.Cmd, Env: e.Vars}
	ctx := context.Background()
	id := podmantest.ImportBusybox(t, e, "docker.io/library/busybox:1", "ENV A=1", "LABEL x=y")
	e.Run(t, "tag", id, "localhost/other:2")
	snap, err := p.Observe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	img, ok := store.FindBase(snap, "busybox:1")
	if !ok || img.ID != id || len(img.Names) != 2 || img.Labels["x"] != "y" {
		t.Errorf("FindBase = %+v, %v; want %s with two names", img, ok, id)
	}
	if byDigest, ok := store.FindBase(snap, "busybox@"+img.Manifest); !ok || byDigest.ID != id {
		t.Errorf("FindBase by manifest = %v, %v, want %s", byDigest.ID, ok, id)
	}
	c, err := p.Config(ctx, "busybox:1")
	if err != nil {
		t.Fatal(err)
	}
	if c.ID != id || !slices.Contains(c.Env, "A=1") || !strings.HasPrefix(c.Platform, "linux/") || len(c.OnBuild) != 0 {
		t.Errorf("Config = %+v", c)
	}
	_, err = p.Config(ctx, "localhost/missing:1")
	checkError(t, err, store.ClassBaseMissing, "localhost/missing:1")
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("errors.Is(%v, ErrNotFound) = false", err)
	}
}

// No podman command shows a base's triggers, and they run in every build on it.
func TestConfigOnBuild(t *testing.T) {
	e := podmantest.Storage(t)
	podmantest.ImportBusybox(t, e, "docker.io/library/busybox:1")
	dir := t.TempDir()
	dockerfile := filepath.Join(dir, "Dockerfile")
	if err := os.WriteFile(dockerfile, []byte("FROM busybox:1\nONBUILD RUN echo trigger\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e.Run(t, "build", "-q", "--format", "docker", "--pull=never", "-t", "localhost/trigger:1", dir)
	c, err := store.Podman{Cmd: e.Cmd, Env: e.Vars}.Config(context.Background(), "localhost/trigger:1")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.OnBuild) != 1 || c.OnBuild[0] != "RUN echo trigger" {
		t.Errorf("OnBuild = %q, want the one trigger", c.OnBuild)
	}
}
