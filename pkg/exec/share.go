package exec

import "context"

// Sharer is an Executor whose images can be exchanged with a registry.
type Sharer interface {
	// Push puts an image, given by its config digest, into a registry under
	// references with a registry's host and a tag, in their order.
	Push(ctx context.Context, image string, refs []string, s Sink) error
	// Fetch brings the image of a layer from a registry into the store,
	// unnamed, and returns it with the labels of its config.
	Fetch(ctx context.Context, ref string, s Sink) (Result, map[string]string, error)
}
