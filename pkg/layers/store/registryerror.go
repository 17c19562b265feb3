package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// registryError sorts a failed request. Neither credentials nor query strings
// of URLs enter the message.
func registryError(ctx context.Context, ref name.Reference, err error) *Error {
	doing := fmt.Sprintf("asking %s for %s", ref.Context().RegistryStr(), ref.String())
	if ctx.Err() != nil {
		return &Error{Class: ClassCancelled, Message: doing + ": cancelled", Err: ctx.Err()}
	}
	detail, hint, kind := sortRegistryError(ref, err)
	return &Error{
		Class: ClassRegistry, Message: fmt.Sprintf("%s: %s", doing, detail), Hint: hint,
		Err: fmt.Errorf("%w: %w", kind, err),
	}
}

func sortRegistryError(ref name.Reference, err error) (detail, hint string, kind error) {
	var answer *transport.Error
	if errors.As(err, &answer) {
		return sortStatus(ref, answer)
	}
	if errors.Is(err, ErrNotFound) {
		return err.Error(), "choose another tag or --platform", ErrNotFound
	}
	if garbled(err) {
		return "its answer is cut off or garbled: " + plainCause(err),
			"a proxy may stand between; try again, or --pull never to use what is here", ErrBadAnswer
	}
	var network net.Error
	if errors.As(err, &network) {
		return "it cannot be reached: " + plainCause(err),
			"check network, proxy and CA certificates, or use --pull never", ErrUnreachable
	}
	return plainCause(err), "", ErrBadAnswer
}

func sortStatus(ref name.Reference, answer *transport.Error) (detail, hint string, kind error) {
	detail = fmt.Sprintf("HTTP status %d", answer.StatusCode)
	for _, d := range answer.Errors {
		if d.Code != "" {
			detail += " " + string(d.Code)
		}
	}
	switch code := answer.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return detail + ": it wants other credentials, or there is no such image",
			"check the name, or log in: podman login " + ref.Context().RegistryStr(), ErrUnauthorized
	case code == http.StatusNotFound:
		return detail + ": there is no such image", "check the name and the tag", ErrNotFound
	case code == http.StatusTooManyRequests:
		return detail + ": too many requests",
			"log in for a higher limit (podman login " + ref.Context().RegistryStr() + "), wait, or use --pull never", ErrRateLimited
	case code >= http.StatusInternalServerError:
		return detail + ": the registry is in trouble", "try again later, or use --pull never", ErrUnreachable
	}
	return detail, "", ErrBadAnswer
}

// garbled says whether an answer came but could not be read.
func garbled(err error) bool {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &syntax) || errors.As(err, &kind)
}

// plainCause is the innermost useful text: a *url.Error repeats the whole URL.
func plainCause(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}
