// Layoutbase puts a base image into an OCI layout, for machines without podman.
// It belongs to the quick start: .ci/base runs it with "go run".
//
//	layoutbase has  DIR NAME      is it there? (exit status 1: no)
//	layoutbase pull DIR NAME      from its registry
//	layoutbase add  DIR NAME TAR  from an archive of a root file system
//
// Names are full ones, "docker.io/library/debian:12".
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// errMissing says that the layout does not have the image.
var errMissing = errors.New("it is not there")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// run does what the arguments say. Failures name the image.
func run(ctx context.Context, args []string) error {
	if len(args) < 3 {
		return errors.New("usage: layoutbase has|pull|add DIR NAME [TAR]")
	}
	dir, name, rest := args[1], args[2], args[3:]
	var err error
	switch {
	case args[0] == "has" && len(rest) == 0:
		err = has(ctx, dir, name)
	case args[0] == "pull" && len(rest) == 0:
		err = pull(ctx, dir, name)
	case args[0] == "add" && len(rest) == 1:
		err = add(dir, name, rest[0])
	default:
		err = fmt.Errorf("unknown command %q, or too many arguments", args[0])
	}
	if err != nil {
		return fmt.Errorf("base %s in %s: %w", name, dir, err)
	}
	return nil
}

func has(ctx context.Context, dir, name string) error {
	images, err := store.Layout{Dir: dir}.Images(ctx)
	if err != nil {
		return err
	}
	for i := range images {
		if slices.Contains(images[i].Names, name) {
			return nil
		}
	}
	return errMissing
}

func pull(ctx context.Context, dir, name string) error {
	to := buildkit.NewLayout(buildkit.LayoutOptions{Dir: dir, Platform: func() string { return "linux/" + runtime.GOARCH }})
	_, err := to.Pull(ctx, name)
	return err
}

// add makes an image of one layer. The archive is copied as it is.
func add(dir, name, archive string) error {
	layer, err := tarball.LayerFromFile(archive, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return err
	}
	img, err := imageOf(layer)
	if err != nil {
		return err
	}
	path, err := layout.FromPath(dir)
	if err != nil {
		path, err = layout.Write(dir, empty.Index)
	}
	if err != nil {
		return err
	}
	return path.AppendImage(img, layout.WithAnnotations(map[string]string{store.AnnotationName: name}))
}

func imageOf(layer v1.Layer) (v1.Image, error) {
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.AppendLayers(base, layer)
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Created = v1.Time{Time: time.Unix(0, 0).UTC()}
	config.Config.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	config.Config.Cmd = []string{"/bin/bash"}
	return mutate.ConfigFile(img, config)
}
