package buildkit

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/llb"
)

// A daemon that lacks what a recipe needs is an error of its own kind, with the
// recipe's line, whether it is noticed here or by the daemon.
func TestOldDaemonIsClassified(t *testing.T) {
	own := &llb.Error{File: "x.Dockerfile", Line: 3, Message: "file.base is missing", Err: fmt.Errorf("lowering: %w", llb.ErrOldDaemon)}
	b := &build{r: exec.Request{Node: "l0"}}
	e := b.classified(t.Context(), fmt.Errorf("building: %w", own))
	if e.Class != exec.ClassDialect || e.Line != 3 || !strings.Contains(e.Hint, "newer") {
		t.Errorf("class %s, line %d, hint %q", e.Class, e.Line, e.Hint)
	}
	if e := sorted(errors.New("mergeop: not supported by build server, please update buildkitd")); e.Class != exec.ClassDialect || e.Hint == "" {
		t.Errorf("class %s, hint %q", e.Class, e.Hint)
	}
}
