package store_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/store"
	"github.com/terok-ai/terok-agent/pkg/testfile"
)

// stubDocker is a docker that lists one image and answers an inspection with a
// script's words.
func stubDocker(t *testing.T, inspect string) store.Docker {
	t.Helper()
	path := filepath.Join(t.TempDir(), "docker")
	testfile.Script(t, path, "case $2 in\nls) echo sha256:"+strings.Repeat("a", 64)+" ;;\ninspect)\n"+inspect+"\n;;\nesac")
	return store.Docker{Cmd: []string{path}}
}

// Names are shown as other stores show them.
func TestDockerObserve(t *testing.T) {
	id := "sha256:" + strings.Repeat("a", 64)
	d := stubDocker(t, `echo '[{"Id":"`+id+`","RepoTags":["terok-l0:x","team/a:1","quay.test/b:2"],"Created":"2024-01-01T00:00:00Z","Size":7,`+
		`"Config":{"Labels":{"ai.terok.node":"l0"}}}]'`)
	snap, err := d.Observe(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	img, ok := snap.ByID(id)
	want := []string{"localhost/terok-l0:x", "docker.io/library/terok-l0:x", "localhost/team/a:1", "docker.io/team/a:1", "quay.test/b:2"}
	if !ok || !slices.Equal(img.Names, want) || img.Labels["ai.terok.node"] != "l0" || img.Size != 7 || img.Created.Year() != 2024 {
		t.Errorf("image %+v, want names %q", img, want)
	}
	if base, ok := store.FindBase(snap, "team/a:1"); !ok || base.ID != id {
		t.Error("a base is not found by its short name")
	}
}

// Trouble has a class and a hint, and is never an empty store.
func TestDockerTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		inspect, class string
		cause          error
	}{
		"no engine":          {"echo 'Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?' >&2; exit 1", store.ClassNoEngine, nil},
		"not allowed":        {"echo 'Got permission denied while trying to connect to the Docker daemon socket' >&2; exit 1", store.ClassNoEngine, nil},
		"images elsewhere":   {`echo '[{"Id":"sha256:` + strings.Repeat("a", 64) + `","Descriptor":{"digest":"x"}}]'`, store.ClassStorage, store.ErrContainerdImages},
		"an odd ID":          {`echo '[{"Id":"x"}]'`, store.ClassUnknown, store.ErrBadAnswer},
		"garbage":            {"echo '['", store.ClassUnknown, store.ErrBadAnswer},
		"something else":     {"echo 'Error response from daemon: odd' >&2; exit 1", store.ClassUnknown, nil},
		"the disk is full":   {"echo 'write /x: no space left on device' >&2; exit 1", "disk-full", nil},
		"an image went away": {"echo '[]'; echo 'Error: No such image: x' >&2; exit 1", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			snap, err := stubDocker(t, c.inspect).Observe(context.Background())
			if c.class == "" {
				if err != nil || len(snap.Images) != 0 {
					t.Errorf("%v, %v; want no image and no error", snap.Images, err)
				}
				return
			}
			var e *store.Error
			if !errors.As(err, &e) || e.Class != c.class || (c.cause != nil && !errors.Is(err, c.cause)) {
				t.Fatalf("%#v, want class %s and cause %v", err, c.class, c.cause)
			}
			if c.class != store.ClassUnknown && e.Hint == "" {
				t.Error("no hint")
			}
		})
	}
	d := store.Docker{Cmd: []string{"no-such-docker"}}
	var e *store.Error
	if _, err := d.Observe(context.Background()); !errors.As(err, &e) || e.Class != store.ClassNoEngine || e.Hint == "" {
		t.Errorf("without the command: %v", err)
	}
	if _, err := stubDocker(t, "echo 'Error: No such image: x' >&2; exit 1").Inspect(context.Background(), "x"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a missing image: %v", err)
	}
}

// Shared bytes are counted once and only when nobody needs them any more;
// containers are told by the image that they stand on.
func TestDockerHolding(t *testing.T) {
	id := func(c string) string { return "sha256:" + strings.Repeat(c, 64) }
	path := filepath.Join(t.TempDir(), "docker")
	testfile.Script(t, path, `case "$1 $2" in
"image ls") printf '%s\n' `+id("a")+" "+id("b")+" "+id("c")+` ;;
"image inspect") echo '[{"Id":"`+id("b")+`","RepoTags":["terok-l1:x"],"Size":130,"RootFS":{"Layers":["1","2"]}},
  {"Id":"`+id("a")+`","RepoTags":["terok-l0:x"],"Size":100,"RootFS":{"Layers":["1"]}},
  {"Id":"`+id("c")+`","Size":107,"RootFS":{"Layers":["1","3"]}}]' ;;
"ps --all") echo one; echo gone ;;
"container inspect") [ "$5" = one ] || exit 1; echo "`+id("c")+` /holder" ;;
esac`)
	h, err := store.Docker{Cmd: []string{path}}.Holding(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Images) != 3 || len(h.Users) != 1 || !slices.Equal(h.Users[id("c")], []string{"holder"}) {
		t.Errorf("%d images, users %v", len(h.Images), h.Users)
	}
	if got := h.Images[0].Names; len(got) != 1 || !strings.HasPrefix(got[0], "localhost/") {
		t.Errorf("names %q, want the one under localhost", got)
	}
	for _, c := range []struct {
		gone string
		want int64
	}{{"a", 0}, {"b", 30}, {"c", 7}, {"bc", 37}, {"abc", 137}} {
		var ids []string
		for _, letter := range c.gone {
			ids = append(ids, id(string(letter)))
		}
		if got := h.Freed(ids); got != c.want {
			t.Errorf("without %s %d bytes are freed, want %d", c.gone, got, c.want)
		}
	}
}
