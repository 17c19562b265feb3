package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/build"
)

// report writes an error as one "error:" line and one "hint:" line, after the
// tail of a failed step's log, and returns the exit code.
func report(w io.Writer, err error) int {
	var wrong *wrongUseError
	var failed *build.Error
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errChanges):
		return exitChanges
	case errors.As(err, &wrong):
		writeError(w, wrong.text, wrong.hint)
		return exitUsage
	case errors.As(err, &failed):
		writeError(w, failed.Message, failed.Hint)
		return failed.ExitCode
	case errors.Is(err, context.Canceled):
		writeError(w, "interrupted", "no name has moved; what was finished is used by the next apply")
		return exitBroken
	}
	writeError(w, err.Error(), "")
	return exitFailed
}

func writeError(w io.Writer, message, hint string) {
	lines := strings.Split(strings.TrimSpace(message), "\n")
	for _, line := range lines {
		_, _ = fmt.Fprintf(w, "error: %s\n", line)
	}
	for _, line := range strings.Split(hint, "\n") {
		if line != "" {
			_, _ = fmt.Fprintf(w, "hint: %s\n", line)
		}
	}
}
