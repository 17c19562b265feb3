package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	osexec "os/exec"
	"regexp"
	"strings"
)

// failure turns a podman command that did not succeed into an *Error.
func failure(ctx context.Context, doing, command, stderr string, err error) *Error {
	if ctx.Err() != nil {
		return &Error{Class: ClassCancelled, Message: doing + ": cancelled", Err: ctx.Err()}
	}
	var exit *osexec.ExitError
	if !errors.As(err, &exit) {
		return startFailure(doing, command, err)
	}
	cause := cause(stderr)
	if cause == "" {
		cause = err.Error()
	}
	e := &Error{
		Class: ClassUnknown, Message: doing + ": " + cause, Err: err,
		Hint: command + " itself fails: see what " + command + " info and " + command + " images say",
	}
	switch {
	case containsAny(cause, "image not known", "no such image"):
		e.Class, e.Err, e.Hint = ClassBaseMissing, fmt.Errorf("%w: %w", ErrNotFound, err), ""
	case halfWritten(cause) != "":
		e.Class, e.Err = ClassStorage, &HalfWrittenError{Image: halfWritten(cause), Err: err}
		e.Hint = "a build that was killed or had no room left half an image: podman rmi " + halfWritten(cause)
	case containsAny(stderr, storageTrouble...):
		e.Class = ClassStorage
		e.Hint = "check who owns podman's storage and which driver it was made with (podman info)"
	}
	return e
}

// halfWritten is the image that podman says is incomplete, or "". One is enough
// for it to list none.
func halfWritten(cause string) string {
	if m := incomplete.FindStringSubmatch(cause); m != nil {
		return m[1]
	}
	return ""
}

var incomplete = regexp.MustCompile(`image with ID "([0-9a-f]{64})" \(consider removing the image`)

// storageTrouble are the words of podman when its storage cannot be used.
var storageTrouble = []string{
	"static files directory", "permission denied", "read-only file system", "configuration mismatch",
	"subuid", "subgid", "no space left on device", "runroot must be set", "graphroot must be set",
	"graph driver", "storage.conf", "newuidmap", "creating runtime", "database is locked",
}

func startFailure(doing, command string, err error) *Error {
	e := &Error{Class: ClassUnknown, Message: fmt.Sprintf("%s: %v", doing, err), Err: err}
	if errors.Is(err, osexec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		e.Class = ClassNoEngine
		e.Message = fmt.Sprintf("%s: the command %q is not installed", doing, command)
		e.Hint = "install podman 4.3 or newer"
	}
	return e
}

// cause picks the line of podman's stderr that says why: the last "Error:"
// line, else the last message logged as an error, else the last line at all.
func cause(stderr string) string {
	var failed, logged, last string
	for _, line := range strings.Split(stderr, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case strings.HasPrefix(line, "Error: "):
			failed = strings.TrimPrefix(line, "Error: ")
		case strings.HasPrefix(line, "time="):
			if _, level, ok := strings.Cut(line, " level="); ok && !strings.HasPrefix(level, "warning") {
				logged = level
			}
		default:
			last = line
		}
	}
	for _, s := range []string{failed, last, logged} {
		if s != "" {
			return s
		}
	}
	return ""
}

func containsAny(s string, words ...string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}
