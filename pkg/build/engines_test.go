package build_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/build/buildtest"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// engine is an executor with a store of its own, and what people do to such a
// store behind our back. Scenarios say everything else through the library.
type engine interface {
	// choose makes the library use it.
	choose(s *build.Spec, o *build.Options)
	// addBase puts a base under a full name; more environment ("K=V") makes it
	// another one.
	addBase(t *testing.T, name string, env ...string)
	// run runs a command in an image and returns what it says.
	run(t *testing.T, image string, command ...string) string
	// remove takes an image away, with its name.
	remove(t *testing.T, name string)
	// unname takes a name away; the image stays.
	unname(t *testing.T, name string)
	// hidesUnnamed says that a look does not show an image that has no name and
	// on which others stand: it is found again only when it is asked for.
	hidesUnnamed() bool
	// rename gives the image of a full name another name.
	rename(t *testing.T, from, to string)
}

// onPodman is podman with its own storage.
type onPodman struct{ podmantest.Env }

var _ engine = onPodman{}

func (e onPodman) choose(_ *build.Spec, o *build.Options) { o.Network, o.Podman = "host", e.Cmd }

func (e onPodman) addBase(t *testing.T, name string, env ...string) {
	t.Helper()
	var changes []string
	for _, kv := range env {
		changes = append(changes, "ENV "+kv)
	}
	podmantest.ImportBusybox(t, e.Env, name, changes...)
}

func (e onPodman) run(t *testing.T, image string, command ...string) string {
	t.Helper()
	return e.Run(t, append([]string{"run", "--rm", "--network=host", image}, command...)...)
}

func (e onPodman) remove(t *testing.T, name string) {
	t.Helper()
	e.Run(t, "rmi", name)
}

// unname removes: podman keeps an image that another stands on.
func (e onPodman) unname(t *testing.T, name string) {
	t.Helper()
	e.remove(t, name)
}

func (e onPodman) hidesUnnamed() bool { return true }

func (e onPodman) rename(t *testing.T, from, to string) {
	t.Helper()
	e.Run(t, "tag", from, to)
}

// onLayout is BuildKit with an OCI layout, and no podman anywhere.
type onLayout struct {
	dir  string
	pick change
}

var _ engine = onLayout{}

// layoutWithBase is the directory of an OCI layout that has the base.
func layoutWithBase(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "images")
	buildkittest.AddToLayout(t, dir, buildtest.Base, buildkittest.Busybox(t))
	return dir
}

// newLayoutProject is a project on BuildKit with the base in a layout. It has
// no PATH, so that nothing but the daemon can help.
func newLayoutProject(t *testing.T) *project {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "images")
	e := onLayout{dir: dir, pick: onBuildkit(t, "oci:"+dir)}
	p := engineless(t, "claude,codex")
	p.engine = e
	t.Setenv("PATH", "")
	e.addBase(t, buildtest.Base)
	return p
}

func (e onLayout) choose(s *build.Spec, o *build.Options) { e.pick(s, o) }

func (e onLayout) addBase(t *testing.T, name string, env ...string) {
	t.Helper()
	if _, err := os.Stat(e.index()); err == nil {
		e.unname(t, name)
	}
	buildkittest.AddToLayout(t, e.dir, name, buildkittest.Busybox(t, env...))
}

// run unpacks the image and runs the command in there.
func (e onLayout) run(t *testing.T, image string, command ...string) string {
	t.Helper()
	img := buildkittest.ImageIn(t, e.dir, e.idOf(t, image))
	root := t.TempDir()
	unpack(t, img, root)
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	cmd := osexec.Command("/usr/sbin/chroot", append([]string{root}, command...)...)
	cmd.Env = config.Config.Env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v in %s: %v\n%s", command, image, err, out)
	}
	return strings.TrimSpace(string(out))
}

func unpack(t *testing.T, img v1.Image, dir string) {
	t.Helper()
	files := mutate.Extract(img)
	defer func() { _ = files.Close() }()
	var stderr bytes.Buffer
	cmd := osexec.Command("/bin/tar", "-xpf", "-", "-C", dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = files, io.Discard, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("unpacking an image: %v\n%s", err, stderr.String())
	}
}

// idOf is the config digest of the image with a name.
func (e onLayout) idOf(t *testing.T, name string) string {
	t.Helper()
	images, err := store.Layout{Dir: e.dir}.Images(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range images {
		if slices.Contains(images[i].Names, plan.FullName(name)) {
			return images[i].ConfigDigest
		}
	}
	t.Fatalf("no image %s in %s", name, e.dir)
	return ""
}

func (e onLayout) remove(t *testing.T, name string) {
	t.Helper()
	id := e.idOf(t, name)
	images, err := store.Layout{Dir: e.dir}.Images(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e.change(t, func(list []v1.Descriptor) []v1.Descriptor {
		return slices.DeleteFunc(list, func(d v1.Descriptor) bool {
			return slices.ContainsFunc(images, func(img store.LayoutImage) bool {
				return img.ConfigDigest == id && img.Manifest.Digest.String() == d.Digest.String()
			})
		})
	})
}

func (e onLayout) unname(t *testing.T, name string) {
	t.Helper()
	e.change(t, func(list []v1.Descriptor) []v1.Descriptor {
		for i := range list {
			if list[i].Annotations[store.AnnotationName] == plan.FullName(name) {
				list[i].Annotations = nil
			}
		}
		return list
	})
}

func (e onLayout) hidesUnnamed() bool { return false }

func (e onLayout) rename(t *testing.T, from, to string) {
	t.Helper()
	e.unname(t, to)
	e.change(t, func(list []v1.Descriptor) []v1.Descriptor {
		for _, d := range list {
			if d.Annotations[store.AnnotationName] == plan.FullName(from) {
				d.Annotations = map[string]string{store.AnnotationName: plan.FullName(to)}
				return append(list, d)
			}
		}
		t.Fatalf("no image %s in %s", from, e.dir)
		return nil
	})
}

func (e onLayout) index() string { return filepath.Join(e.dir, "index.json") }

// change edits the index as another tool would.
func (e onLayout) change(t *testing.T, edit func([]v1.Descriptor) []v1.Descriptor) {
	t.Helper()
	var index v1.IndexManifest
	text, err := os.ReadFile(e.index())
	if err == nil {
		err = json.Unmarshal(text, &index)
	}
	if err == nil {
		index.Manifests = edit(index.Manifests)
		text, err = json.Marshal(index)
	}
	if err == nil {
		err = os.WriteFile(e.index(), text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
