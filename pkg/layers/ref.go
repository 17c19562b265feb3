package layers

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/distribution/reference"
)

// Ref is a parsed image reference. The zero value is not a reference.
type Ref struct {
	// Registry is the host with its port ("docker.io"), never empty.
	Registry string
	// Repository is the path on it ("library/ubuntu").
	Repository string
	// Tag is what the reference says, "latest" if it says neither tag nor
	// digest, "" if it says only a digest.
	Tag string
	// Digest is "sha256:…" or "".
	Digest string

	familiar string
}

// Familiar is the short spelling people use: "ubuntu:24.04".
func (r Ref) Familiar() string { return r.familiar + r.suffix() }

// Full is the spelling that means the same everywhere:
// "docker.io/library/ubuntu:24.04".
func (r Ref) Full() string { return r.Registry + "/" + r.Repository + r.suffix() }

// String is Familiar.
func (r Ref) String() string { return r.Familiar() }

// WithDigest returns the same reference pinned to a digest.
func (r Ref) WithDigest(digest string) Ref {
	r.Digest = digest
	return r
}

func (r Ref) suffix() string {
	var s string
	if r.Tag != "" {
		s = ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + r.Digest
	}
	return s
}

// RefError says that a text is not an image reference.
type RefError struct {
	// Text is what was given.
	Text string
	// Message says what is wrong with it.
	Message string
	// Hint is what the user can do, or "".
	Hint string
	// Err is the cause.
	Err error
}

func (e *RefError) Error() string {
	return fmt.Sprintf("reading image reference %q: %s", e.Text, e.Message)
}

// Unwrap returns the cause.
func (e *RefError) Unwrap() error { return e.Err }

// ParseRef reads an image reference as people write it. Blank text means
// DefaultBaseImage. Errors are *RefError.
func ParseRef(s string) (Ref, error) {
	text := NormalizeBase(s)
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return Ref{}, refError(text, err)
	}
	r := Ref{
		Registry:   reference.Domain(named),
		Repository: reference.Path(named),
		familiar:   reference.FamiliarName(named),
	}
	if t, ok := named.(reference.Tagged); ok {
		r.Tag = t.Tag()
	}
	if d, ok := named.(reference.Digested); ok {
		r.Digest = string(d.Digest())
	}
	if r.Tag == "" && r.Digest == "" {
		r.Tag = "latest"
	}
	return r, nil
}

var bareID = regexp.MustCompile(`^[0-9a-f]{64}$`)

func refError(text string, err error) *RefError {
	e := &RefError{Text: text, Message: err.Error(), Err: err}
	lower := lowerName(text)
	switch {
	case bareID.MatchString(text):
		e.Message = "this is the ID of an image, not its name"
		e.Hint = "give the image a name first: podman tag " + text[:12] + " localhost/base:1"
	case strings.Contains(text, "://"):
		e.Message = "an image reference has no scheme"
		e.Hint = fmt.Sprintf("write it without %q", text[:strings.Index(text, "://")+3])
	case lower != text && isRef(lower):
		e.Message = "the name of an image must be lower-case"
		e.Hint = fmt.Sprintf("write %q", lower)
	default:
		e.Hint = `a reference is [host[:port]/]name[:tag][@digest], for example "ubuntu:24.04"`
	}
	return e
}

func isRef(s string) bool {
	_, err := reference.ParseNormalizedNamed(s)
	return err == nil
}

// lowerName lower-cases a reference's name and leaves its tag and digest.
func lowerName(s string) string {
	name, _ := splitTag(s)
	return strings.ToLower(name) + s[len(name):]
}

// splitTag splits any string into name and tag, for judging by name alone: a
// digest is dropped, and a colon starts a tag when no slash follows it.
func splitTag(s string) (name, tag string) {
	s, _, _ = strings.Cut(s, "@")
	colon := strings.LastIndexByte(s, ':')
	if colon > strings.LastIndexByte(s, '/') {
		return s[:colon], s[colon+1:]
	}
	return s, ""
}
