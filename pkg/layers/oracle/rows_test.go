package oracle_test

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	imagename "github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
	"github.com/terok-ai/terok-agent/pkg/layers/keytest"
)

func allRows() []keytest.Row {
	return slices.Concat(keytest.Counts(), keytest.WholeContext(), keytest.DoesNotCount())
}

// TestRowsOnBuildkit tries every edit of docs/cache-key.md on a real BuildKit: it
// runs a step again, or the image's configuration is another, where a key moves,
// and neither where none does.
func TestRowsOnBuildkit(t *testing.T) {
	buildkittest.Require(t)
	d := newDaemon(t)
	t.Run("row", func(t *testing.T) {
		for _, row := range allRows() {
			t.Run(row.Name, func(t *testing.T) {
				if row.NotBuilt != "" {
					t.Log(row.NotBuilt)
					return
				}
				t.Parallel()
				p := keytest.New(t, filepath.Join(t.TempDir(), "p"), row)
				build := func() outcome {
					// A new upload each time: what changed since the last one does not show
					// the mode of a directory.
					out, err := d.solve(p.Dir, newUpload(), d.rowAttributes(t, p, row.Name))
					if err != nil {
						t.Fatal(err)
					}
					return out
				}
				was := build()
				row.Apply(t, p)
				is := build()
				got := ""
				switch ran, config := len(is.ran) > 0, is.config != was.config; {
				case ran && config:
					got = "both"
				case ran:
					got = "files"
				case config:
					got = "config"
				}
				if agrees := (got != "") == (row.Want != ""); agrees != (row.BuildKit == "") {
					t.Errorf("made again %q, the key says %q (%s)", got, row.Want, row.BuildKit)
				}
			})
		}
	})
}

func (d *daemon) rowAttributes(t *testing.T, p *keytest.Project, row string) map[string]string {
	t.Helper()
	attrs := map[string]string{"filename": "Dockerfile", "target": p.Target}
	for k, v := range p.Args {
		attrs["build-arg:"+k] = v
	}
	for name, which := range map[string]string{"base": p.Base, "debian:12": p.Base, "quay.io/a/b:1": p.Copied} {
		d.making.Lock()
		img := rowImage(t, d.plain, row, which)
		buildkittest.AddToLayout(t, d.dir, "registry.example/row:1", img)
		d.making.Unlock()
		digest, err := img.Digest()
		if err != nil {
			t.Fatal(err)
		}
		attrs["context:"+name] = "oci-layout://base@" + digest.String()
	}
	return attrs
}

// rowImage is an image for keytest.Project.Base; each row has its own, so that
// none finds in a cache what another built.
func rowImage(t *testing.T, plain v1.Image, row, which string) v1.Image {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(name, text string, mode int64) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a", "b", "x", "y"} {
		add("bin/"+name, "#!/bin/sh\ncat /proc/sys/kernel/random/uuid >> /written\n", 0o755)
		add(name, name, 0o644)
	}
	add("row", row, 0o644)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(plain, layer)
	if err != nil {
		t.Fatal(err)
	}
	return configured(t, img, func(c *v1.Config) {
		switch which {
		case "other":
			c.Labels = map[string]string{"is": "another"}
		case "trigger":
			c.OnBuild = []string{"RUN x"}
		}
	})
}

// TestRowsOnPodman tries them on a real podman: it makes another image where a
// key moves, and the same one where none does.
func TestRowsOnPodman(t *testing.T) {
	if os.Getenv("TEROK_LONG") == "" {
		return // some two hundred builds
	}
	podmantest.Require(t)
	e := podmantest.Storage(t)
	plain := buildkittest.Busybox(t)
	for _, row := range allRows() {
		t.Run(row.Name, func(t *testing.T) {
			if row.NotBuilt != "" {
				t.Log(row.NotBuilt)
				return
			}
			p := keytest.New(t, filepath.Join(t.TempDir(), "p"), row)
			was, err := podmanBuild(t, e, plain, p, row.Name)
			if err == nil {
				row.Apply(t, p)
				var is string
				if is, err = podmanBuild(t, e, plain, p, row.Name); err == nil && (was != is) == (row.Want != "") {
					return // a newer podman may agree where an older did not
				}
			}
			if row.Podman == "" {
				t.Errorf("the key says %q, and podman does not agree (%v)", row.Want, err)
			}
		})
	}
}

// podmanBuild builds a row's project and returns the image's ID.
func podmanBuild(t *testing.T, e podmantest.Env, plain v1.Image, p *keytest.Project, row string) (string, error) {
	t.Helper()
	for name, which := range map[string]string{"localhost/base:latest": p.Base, "docker.io/library/debian:12": p.Base, "quay.io/a/b:1": p.Copied} {
		ref, err := imagename.NewTag(name)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "image.tar")
		if err := tarball.WriteToFile(file, ref, rowImage(t, plain, row, which)); err != nil {
			t.Fatal(err)
		}
		e.Run(t, "load", "-q", "-i", file)
	}
	args := []string{"build", "-q", "--layers", "--pull=never", "--target", p.Target, "-f", filepath.Join(p.Dir, "Dockerfile")}
	for k, v := range p.Args {
		args = append(args, "--build-arg", k+"="+v)
	}
	out, err := e.Command(append(args, p.Dir)...).Output()
	return string(out), err
}
