// Package store looks at the places where images live: podman's storage and
// registries. It only looks; nothing here changes an image or a name.
package store

import (
	"errors"
)

// The classes of failure, spelled as the executors spell theirs.
const (
	// ClassNoEngine: podman is not installed.
	ClassNoEngine = "no-engine"
	// ClassStorage: podman's storage cannot be used.
	ClassStorage = "storage"
	// ClassBaseMissing: the image asked for is not in the storage.
	ClassBaseMissing = "base-missing"
	// ClassRegistry: a registry did not give what was asked for.
	ClassRegistry = "registry"
	// ClassCancelled: the caller's context ended first.
	ClassCancelled = "cancelled"
	// ClassUnknown: anything else; the message has podman's words.
	ClassUnknown = "unknown"
)

// What can go wrong with one image, for errors.Is.
var (
	ErrNotFound     = errors.New("not found")
	ErrUnauthorized = errors.New("not authorised")
	ErrRateLimited  = errors.New("too many requests")
	ErrUnreachable  = errors.New("cannot be reached")
	ErrBadAnswer    = errors.New("answer makes no sense")
)

// Error is a look that failed. It never means "there is nothing": a store that
// answers with no images gives an empty snapshot and no error.
type Error struct {
	// Class is one of the classes above.
	Class string
	// Message is one line that says what was looked for and the real cause.
	Message string
	// Hint says what to do, or is "".
	Hint string
	// Err is the cause, or nil.
	Err error
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// HalfWrittenError is an image of podman's storage that lacks a part. As long
// as it is there, podman lists no image at all.
type HalfWrittenError struct {
	// Image is its ID, 64 hex digits.
	Image string
	// Err is how podman ended.
	Err error
}

func (e *HalfWrittenError) Error() string { return "image " + e.Image + " is only half written" }

// Unwrap returns the cause.
func (e *HalfWrittenError) Unwrap() error { return e.Err }
