package store

import (
	"context"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// keyTagStart begins the tag that an image has by its key, and keyTagDigits is
// how many hex digits of the key follow.
const (
	keyTagStart  = "key-"
	keyTagDigits = 32
)

// KeyTag is the tag that an image with this key has in a registry beside its
// names, so that others find it whatever its names mean to them.
func KeyTag(k graph.Key) string {
	hex := strings.TrimPrefix(string(k), "sha256:")
	return keyTagStart + hex[:min(len(hex), keyTagDigits)]
}

// Shared is where an image called "terok-l0:x" lies in this part of a registry.
// A registry's host in the name gives way to the prefix.
func (r RegistryStore) Shared(name string) string {
	bare := name
	if hasHost(repository(name)) {
		_, bare, _ = strings.Cut(name, "/")
	}
	return r.Prefix + "/" + bare
}

// SharedByKey is where the image with a key lies that has this name elsewhere.
func (r RegistryStore) SharedByKey(name string, k graph.Key) string {
	return repository(r.Shared(name)) + ":" + KeyTag(k)
}

// Offers returns the images that lie under references (see SharedByKey), for a
// platform. Each has the reference as its name. What is not there is no image;
// all other trouble is an *Error.
func (r RegistryStore) Offers(ctx context.Context, refs []string, platform string) (graph.Snapshot, error) {
	if _, err := v1.ParsePlatform(platform); err != nil {
		return graph.Snapshot{}, &Error{Class: ClassRegistry, Message: "looking for images by key: " + err.Error(), Err: err}
	}
	found, _, err := r.lookAll(ctx, refs, platform, false)
	if err != nil {
		return graph.Snapshot{}, err
	}
	return graph.NewSnapshot(merge(found)), nil
}

// withoutKeys drops the tags that stand for keys: their images have others.
func withoutKeys(tags []string) []string {
	return slices.DeleteFunc(tags, func(tag string) bool { return strings.HasPrefix(tag, keyTagStart) })
}
