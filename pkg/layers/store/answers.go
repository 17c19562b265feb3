package store

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// TakesUploads asks a repository to begin an upload, and drops it. A registry
// may answer every question and still be stuck there.
func (r Registry) TakesUploads(ctx context.Context, repo name.Repository) error {
	return remote.CheckPushPermission(repo.Tag("latest"), r.keychain(), within{ctx, r.transport()})
}

// Serves reads an image's manifest and configuration: the second is a blob,
// which registries often keep elsewhere.
func (r Registry) Serves(ctx context.Context, at name.Digest) error {
	img, err := remote.Image(at, r.Options(ctx)...)
	if err != nil {
		return err
	}
	_, err = img.RawConfigFile()
	return err
}

// Unanswered says whether a registry was asked and gave no answer in time.
func Unanswered(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// within ends requests with a context that the library does not pass on.
type within struct {
	ctx  context.Context //nolint:containedctx // lives as long as one question
	next http.RoundTripper
}

func (w within) RoundTrip(q *http.Request) (*http.Response, error) {
	return w.next.RoundTrip(q.WithContext(w.ctx))
}
