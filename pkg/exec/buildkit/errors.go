package buildkit

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"

	gwpb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/util/grpcerrors"
	"github.com/opencontainers/go-digest"
	"google.golang.org/grpc/codes"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
	"github.com/terok-ai/terok-agent/pkg/llb"
)

// explain makes an *exec.Error with the node of whatever stopped a build.
func (b *build) explain(ctx context.Context, err error) error {
	e := b.classified(ctx, err)
	e.Node = b.r.Node
	if e.File == "" {
		e.File = b.r.Recipe.Name
	}
	where := ""
	if e.Line > 0 {
		where = fmt.Sprintf(" at %s:%d", e.File, e.Line)
		if e.Instruction != "" {
			where += " (" + shorten(e.Instruction, 60) + ")"
		}
	}
	e.Message = fmt.Sprintf("%s failed%s: %s", e.Node, where, e.Message)
	return e
}

func (b *build) classified(ctx context.Context, err error) *exec.Error {
	if ctx.Err() != nil {
		return cancelled(ctx)
	}
	var own *llb.Error
	if errors.As(err, &own) {
		return recipeError(own)
	}
	e := sorted(err)
	if e.Class == exec.ClassNoEngine && b.daemon != nil && !strings.Contains(e.Message, b.daemon.address) {
		e.Message = b.daemon.address + ": " + e.Message
	}
	b.place(e, err)
	var exit *gwpb.ExitError
	if errors.As(err, &exit) && e.Class == exec.ClassUnknown {
		e.Class, e.ExitCode = exec.ClassStep, int(exit.ExitCode)
		e.Message = exec.StepMessage(e.ExitCode)
		if diskFull(strings.Join(e.Tail, "\n")) {
			e.Class, e.Hint = exec.ClassDiskFull, daemonDisk
		}
	}
	return e
}

// place adds the line of the recipe and the end of the step's output.
func (b *build) place(e *exec.Error, err error) {
	var at *errdefs.VertexError
	if errors.As(err, &at) {
		place, tail := b.watch.failedAt(digest.Digest(at.Digest))
		e.Line, e.Instruction = place.Line, place.Text
		if len(e.Tail) == 0 {
			e.Tail = tail
		}
	}
	if e.Line > 0 {
		return
	}
	for _, s := range errdefs.Sources(err) {
		if len(s.Ranges) > 0 && s.Ranges[0].Start != nil {
			e.Line = int(s.Ranges[0].Start.Line)
			return
		}
	}
}

// recipeError is about the Dockerfile.
func recipeError(own *llb.Error) *exec.Error {
	e := &exec.Error{
		Class: exec.ClassRecipe, ExitCode: -1, File: own.File, Line: own.Line, Message: own.Message, Hint: own.Hint, Err: own,
	}
	if errors.Is(own, llb.ErrOldDaemon) {
		e.Class, e.Hint = exec.ClassDialect, "this buildkitd is too old for it: use a newer one or --executor podman"
	}
	return e
}

func cancelled(ctx context.Context) *exec.Error {
	return &exec.Error{Class: exec.ClassCancelled, ExitCode: -1, Message: "cancelled", Err: ctx.Err()}
}

// finished makes an *exec.Error of what went wrong outside a build.
func finished(ctx context.Context, doing string, err error) error {
	var e *exec.Error
	if ctx.Err() != nil {
		e = cancelled(ctx)
	} else {
		e = sorted(err)
	}
	e.Message = doing + ": " + strings.TrimPrefix(e.Message, doing+": ")
	return e
}

// sorted gives an error its class: by type first, then by BuildKit's code,
// then by its words.
func sorted(err error) *exec.Error {
	var e *exec.Error
	if errors.As(err, &e) {
		c := *e
		return &c
	}
	var look *store.Error
	if errors.As(err, &look) {
		return &exec.Error{Class: exec.Class(look.Class), ExitCode: -1, Message: look.Message, Hint: look.Hint, Err: err}
	}
	e = &exec.Error{Class: exec.ClassUnknown, ExitCode: -1, Message: plain(err), Err: err}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		e.Class, e.Hint = exec.ClassDiskFull, ownDisk
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR):
		e.Class, e.Hint = exec.ClassStorage, "see whether the store's directory can be written, or name another with --store"
	case grpcerrors.Code(err) == codes.Unavailable && !strings.Contains(e.Message, "failed to push"):
		e.Class, e.Hint = exec.ClassNoEngine, "the BuildKit daemon has ended or cannot be reached any more: see its log, then run apply again"
	case grpcerrors.Code(err) == codes.ResourceExhausted && diskFull(e.Message):
		e.Class, e.Hint = exec.ClassDiskFull, daemonDisk
	default:
		byWords(e)
	}
	return e
}

const ownDisk = "free space where the images are kept, then run apply again"

const daemonDisk = "free space where the BuildKit daemon keeps its cache (buildctl prune), then run apply again"

// words are BuildKit's, and what they mean; the first match wins.
var words = []struct {
	class exec.Class
	words *regexp.Regexp
	hint  string
}{
	{exec.ClassNetwork, regexp.MustCompile(`network\.host is not allowed`), "the BuildKit daemon does not give steps the host's network: start it with --allow-insecure-entitlement network.host, or leave --network out"},
	{exec.ClassSecret, regexp.MustCompile(`secret [^:]+: not found|no SSH key|unset ssh forward key|invalid secret size`), ""},
	{exec.ClassDiskFull, regexp.MustCompile(`failed to send write: .*(no space left on device|disk quota exceeded)`), ownDisk},
	{exec.ClassDiskFull, regexp.MustCompile(`no space left on device|disk quota exceeded`), daemonDisk},
	{exec.ClassDialect, regexp.MustCompile(`not supported by build server`), "this buildkitd is too old for it: use a newer one or --executor podman"},
	{exec.ClassRegistry, regexp.MustCompile(`failed to push|failed to resolve source metadata|failed to authorize|unexpected status|pull access denied|failed to do request`), ""},
	{exec.ClassContext, regexp.MustCompile(`failed to calculate checksum|failed to compute cache key|no such file or directory`), ""},
	{exec.ClassRuntime, regexp.MustCompile(`runc run failed|OCI runtime|unable to start container process|error mounting`), "the BuildKit daemon cannot run containers on this machine: see its log"},
}

func byWords(e *exec.Error) {
	for _, w := range words {
		if w.words.MatchString(e.Message) {
			e.Class = w.class
			if e.Hint == "" {
				e.Hint = w.hint
			}
			return
		}
	}
}

func containsAny(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// diskFull looks for the words of the C library or of Go.
func diskFull(text string) bool {
	return strings.Contains(strings.ToLower(text), "no space left on device")
}

// plain is an error's text without the names of calls and codes before it.
func plain(err error) string {
	text, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	for _, noise := range []string{"failed to solve: ", "failed to receive status: ", "rpc error: "} {
		text = strings.TrimPrefix(text, noise)
	}
	if rest, ok := strings.CutPrefix(text, "code = "); ok {
		if _, desc, found := strings.Cut(rest, "desc = "); found {
			text = desc
		}
	}
	return text
}

// shorten cuts a text for a message.
func shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// noDaemon is a machine with no daemon and nothing to start.
func noDaemon(err error) *exec.Error {
	return &exec.Error{
		Class: exec.ClassNoEngine, ExitCode: -1, Err: err,
		Message: "no BuildKit daemon was found: no --buildkit-addr, no BUILDKIT_HOST, none at the usual sockets, and no buildkitd to start: " + err.Error(),
		Hint:    "install buildkitd and runc, name a daemon with --buildkit-addr, or use --executor podman",
	}
}

// isLocal says whether an error is about a file of ours.
func isLocal(err error) bool {
	var local *localError
	return errors.As(err, &local)
}
