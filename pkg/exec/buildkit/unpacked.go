package buildkit

import (
	"context"
	"encoding/json"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// adoptUnpacked puts an image into the layout with its layers unpacked and its
// configuration as it is: so it keeps the digest that it is known by.
func (l *layoutDir) adoptUnpacked(ctx context.Context, img v1.Image) error {
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	m := ocispecs.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest}
	for _, layer := range layers {
		d, err := l.putUnpacked(ctx, layer)
		if err != nil {
			return err
		}
		m.Layers = append(m.Layers, d)
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return err
	}
	m.Config = ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageConfig, Digest: digest.FromBytes(config), Size: int64(len(config))}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	for _, blob := range [][]byte{config, text} {
		if err := l.putBytes(blob); err != nil {
			return err
		}
	}
	return l.add(ctx, ocispecs.Descriptor{MediaType: m.MediaType, Digest: digest.FromBytes(text), Size: int64(len(text))})
}

func (l *layoutDir) putUnpacked(ctx context.Context, layer v1.Layer) (ocispecs.Descriptor, error) {
	hash, err := layer.DiffID()
	if err != nil {
		return ocispecs.Descriptor{}, err
	}
	d := ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayer, Digest: digest.Digest(hash.String())}
	path, err := l.BlobPath(d.Digest)
	if err != nil {
		return d, err
	}
	if _, err := os.Stat(path); err != nil {
		if err := ctx.Err(); err != nil {
			return d, err
		}
		in, err := layer.Uncompressed()
		if err != nil {
			return d, err
		}
		defer in.Close()
		if err := l.putStream(in, d.Digest); err != nil {
			return d, err
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return d, err
	}
	d.Size = info.Size()
	return d, nil
}
