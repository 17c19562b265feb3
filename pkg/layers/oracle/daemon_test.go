package oracle_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	contentlocal "github.com/containerd/containerd/v2/plugins/content/local"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	bkclient "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	bkgateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/tonistiigi/fsutil"

	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
)

// daemon is a real BuildKit with the images that projects stand on.
type daemon struct {
	client *bkclient.Client
	dir    string
	store  content.Store
	plain  v1.Image
	making sync.Mutex
	images map[string]image
}

// uploads numbers what was sent to the daemon, which all tests share: under a
// number that another test has used it would be sent as what changed.
var uploads atomic.Int64

func newUpload() string { return fmt.Sprint("upload ", uploads.Add(1)) }

// image is an external one by its two digests.
type image struct{ config, manifest string }

func newDaemon(t *testing.T) *daemon {
	t.Helper()
	env := buildkittest.Shared(t)
	c, err := bkclient.New(context.Background(), env.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	d := &daemon{client: c, dir: filepath.Join(t.TempDir(), "images"), plain: buildkittest.Busybox(t), images: map[string]image{}}
	buildkittest.AddToLayout(t, d.dir, "registry.example/plain:1", d.plain)
	if d.store, err = contentlocal.NewStore(d.dir); err != nil {
		t.Fatal(err)
	}
	return d
}

// image returns the image that a reference means to a project after so many
// moves. Each project has its own, so that none finds in the cache what another
// built. A move changes the layers, then only the configuration, in turn.
func (d *daemon) image(t *testing.T, seed uint64, ref string, number int) image {
	t.Helper()
	name := fmt.Sprintf("%s of %d, %d", ref, seed, number)
	d.making.Lock()
	defer d.making.Unlock()
	if have, ok := d.images[name]; ok {
		return have
	}
	layer, err := smallLayer(fmt.Sprintf("%s of %d, %d", ref, seed, number/2))
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(d.plain, layer)
	if err != nil {
		t.Fatal(err)
	}
	img = configured(t, img, func(c *v1.Config) { c.Labels = map[string]string{"number": fmt.Sprint(number)} })
	out := image{config: buildkittest.AddToLayout(t, d.dir, ref, img)}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	out.manifest = digest.String()
	d.images[name] = out
	return out
}

// configured is an image with another configuration.
func configured(t *testing.T, img v1.Image, edit func(*v1.Config)) v1.Image {
	t.Helper()
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config := *file.Config.DeepCopy()
	edit(&config)
	if img, err = mutate.Config(img, config); err != nil {
		t.Fatal(err)
	}
	return img
}

// smallLayer is a layer of one file.
func smallLayer(text string) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "moved.txt", Mode: 0o644, Size: int64(len(text))}); err != nil {
		return nil, err
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }, tarball.WithMediaType(types.OCILayer))
}

// outcome is what a build did: the stages that ran a step, those steps, and the
// image's configuration.
type outcome struct {
	ran    map[string]bool
	steps  []string
	config string
}

// stepName is how BuildKit calls a step: "[s1 2/4] RUN …", without the stage where
// there is one only.
var stepName = regexp.MustCompile(`^\[(?:(\S+) +)?\d+/\d+\] (.*)`)

func (d *daemon) build(t *testing.T, p *project) outcome {
	t.Helper()
	out, err := d.solve(p.dir, d.sharedKey(p), d.attributes(t, p))
	if err != nil {
		t.Fatalf("seed %d: building %s\n%s: %v", p.seed, p.dir, p.dockerfile(), err)
	}
	return out
}

// solve builds the Dockerfile of a directory. sharedKey says what the daemon may
// have of it from before.
func (d *daemon) solve(dir, sharedKey string, attrs map[string]string) (outcome, error) {
	out := outcome{ran: map[string]bool{}}
	tree, err := fsutil.NewFS(dir)
	if err != nil {
		return out, err
	}
	status := make(chan *bkclient.SolveStatus)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s := range status {
			for _, v := range s.Vertexes {
				m := stepName.FindStringSubmatch(v.Name)
				if m != nil && !strings.HasPrefix(m[2], "FROM ") && v.Completed != nil && !v.Cached && v.Error == "" {
					out.ran[m[1]] = true
					out.steps = append(out.steps, v.Name)
				}
			}
		}
	}()
	_, err = d.client.Build(context.Background(), bkclient.SolveOpt{
		LocalMounts: map[string]fsutil.FS{"context": tree, "dockerfile": tree},
		OCIStores:   map[string]content.Store{"base": d.store},
		SharedKey:   sharedKey,
	}, "", func(ctx context.Context, c bkgateway.Client) (*bkgateway.Result, error) {
		res, err := c.Solve(ctx, bkgateway.SolveRequest{Frontend: "dockerfile.v0", FrontendOpt: attrs, Evaluate: true})
		if err == nil {
			out.config, err = settings(res.Metadata[exptypes.ExporterImageConfigKey])
		}
		return res, err
	}, status)
	<-done
	return out, err
}

// sharedKey says what the daemon may have of a context from before. Under a new
// one it is sent as a whole, not as what changed: else the mode of a directory
// alone is missed.
func (d *daemon) sharedKey(p *project) string {
	if p.upload == "" || p.stale {
		p.upload = newUpload()
	}
	return p.upload
}

func (d *daemon) attributes(t *testing.T, p *project) map[string]string {
	t.Helper()
	attrs := map[string]string{"filename": "Dockerfile", "target": p.Target}
	for ref, number := range p.Bases {
		if p.mentions(ref) {
			attrs["context:"+ref] = "oci-layout://base@" + d.image(t, p.seed, ref, number).manifest
		}
	}
	for k, v := range p.Args {
		attrs["build-arg:"+k] = v
	}
	return attrs
}

func (p *project) mentions(ref string) bool {
	return strings.Contains(p.dockerfile(), ref) || p.Args["BASE"] == ref
}

// settings are what an image's configuration says to who runs it.
func settings(config []byte) (string, error) {
	var c struct {
		Config json.RawMessage `json:"config"`
	}
	if err := json.Unmarshal(config, &c); err != nil {
		return "", fmt.Errorf("reading the image's configuration: %w", err)
	}
	return string(c.Config), nil
}
