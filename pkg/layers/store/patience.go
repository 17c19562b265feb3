package store

import (
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// patience is how long a registry may take to begin an answer. It covers the
// moment in which it checks a large layer that was pushed.
const patience = 30 * time.Second

// patient is the transport that is used unless another is given; one for all,
// because it keeps connections.
var patient = newPatient(patience)

func newPatient(d time.Duration) http.RoundTripper {
	usual, ok := remote.DefaultTransport.(*http.Transport)
	if !ok {
		return remote.DefaultTransport
	}
	t := usual.Clone()
	t.ResponseHeaderTimeout = d
	return t
}

func (r Registry) transport() http.RoundTripper {
	switch {
	case r.Transport != nil:
		return r.Transport
	case r.Patience > 0:
		return newPatient(r.Patience)
	}
	return patient
}

// Waits is how long a registry may take to begin an answer.
func (r Registry) Waits() time.Duration {
	if r.Patience > 0 {
		return r.Patience
	}
	return patience
}

// worthRetrying says which failures may be gone the next moment. A registry
// that did not answer in time is not asked again: that was the waiting.
func worthRetrying(err error) bool {
	if Unanswered(err) {
		return false
	}
	for _, passing := range []error{io.ErrUnexpectedEOF, io.EOF, syscall.EPIPE, syscall.ECONNRESET, net.ErrClosed} {
		if errors.Is(err, passing) {
			return true
		}
	}
	var temporary interface{ Temporary() bool }
	return errors.As(err, &temporary) && temporary.Temporary()
}
