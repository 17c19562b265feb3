package podman

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	osexec "os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

// failed is an error that has no place in the recipe.
func failed(c exec.Class, err error) *exec.Error {
	return &exec.Error{Class: c, ExitCode: -1, Message: err.Error(), Err: err}
}

// local is a failure of our own work with files.
func local(err error) *exec.Error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return failed(exec.ClassDiskFull, err)
	}
	return failed(exec.ClassContext, err)
}

// finishError adds the node and the file to an error, and gives what is not
// one of ours its class.
func (b *build) finishError(ctx context.Context, err error) error {
	var e *exec.Error
	if !errors.As(err, &e) {
		e = failed(exec.ClassUnknown, err)
	}
	if ctx.Err() != nil {
		e = &exec.Error{Class: exec.ClassCancelled, ExitCode: -1, Message: "cancelled", Err: ctx.Err()}
	}
	e.Node, e.File = b.r.Node, b.r.Recipe.Name
	e.Message = describe(e)
	return e
}

// describe puts the message of an error behind its place.
func describe(e *exec.Error) string {
	where := ""
	if e.Line > 0 {
		where = fmt.Sprintf(" at %s:%d", e.File, e.Line)
		if e.Instruction != "" {
			where += " (" + shorten(e.Instruction, 60) + ")"
		}
	}
	message := e.Message
	if e.Line > 0 {
		message = strings.TrimPrefix(message, fmt.Sprintf("%s:%d: ", e.File, e.Line))
	}
	return fmt.Sprintf("%s failed%s: %s", e.Node, where, message)
}

// shorten cuts a text to at most n characters.
func shorten(s string, n int) string {
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) <= n {
		return string(r)
	}
	return string(r[:n-1]) + "…"
}

var stepFailed = regexp.MustCompile(`(?s)building at STEP "(.*)": while running runtime: exit status (\d+)`)

// failure explains a podman that ended badly.
func (a *attempt) failure(ctx context.Context, end ended) *exec.Error {
	own := ownWords(a.stderr.lines)
	class, message, code := classify(end, own)
	if ctx.Err() != nil {
		class = exec.ClassCancelled
	}
	e := a.failedHere(class, message)
	e.ExitCode = code
	e.Err = end.err
	return e
}

// failedHere is a failure at the step that ran last.
func (a *attempt) failedHere(class exec.Class, message string) *exec.Error {
	e := &exec.Error{Class: class, ExitCode: -1, Message: message}
	if line, text := a.place(a.at); line > 0 {
		e.Line, e.Instruction = line, text
	}
	e.Tail = append([]string(nil), a.tail.lines...)
	return e
}

// classify sorts an ending by podman's own words; its exit code tells too
// little. It returns the exit code that matters: the step's if a step failed.
func classify(end ended, own string) (exec.Class, string, int) {
	if end.err != nil {
		return classifyStart(end.err)
	}
	last := lastError(own)
	if class := runtimeTrouble(own); class != "" {
		return class, last, end.code
	}
	if m := stepFailed.FindStringSubmatch(last); m != nil {
		code, _ := strconv.Atoi(m[2])
		return exec.ClassStep, exec.StepMessage(code), code
	}
	for _, rule := range rules {
		if rule.words.MatchString(own) {
			return rule.class, last, end.code
		}
	}
	switch {
	case end.signal || end.code == 137:
		return exec.ClassKilled, "podman was killed; is the machine out of memory?", end.code
	case last == "":
		return exec.ClassInterrupted, fmt.Sprintf("podman ended with exit code %d and no message; was it ended from outside?", end.code), end.code
	}
	return exec.ClassUnknown, last, end.code
}

func classifyStart(err error) (exec.Class, string, int) {
	if errors.Is(err, osexec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return exec.ClassNoEngine, "podman is not installed: " + err.Error(), -1
	}
	return exec.ClassUnknown, "podman cannot be started: " + err.Error(), -1
}

// runtimeTrouble looks for a container that could not be made: podman then
// says that the step failed, but the step never ran.
func runtimeTrouble(own string) exec.Class {
	switch {
	case limitWords.MatchString(own):
		return exec.ClassLimits
	case strings.Contains(own, "cgroups in hybrid mode not supported"):
		return exec.ClassRuntime
	}
	for _, line := range strings.Split(own, "\n") {
		if strings.HasPrefix(line, "error running container: from ") && !strings.Contains(line, "executable file not found") &&
			!strings.Contains(line, "no such file or directory") {
			return exec.ClassRuntime
		}
	}
	return ""
}

var limitWords = regexp.MustCompile(`setrlimit|RLIMIT_NOFILE|setting rlimit type`)

// rules are podman's words and what they mean, the first match wins.
var rules = []struct {
	class exec.Class
	words *regexp.Regexp
}{
	{exec.ClassSecret, regexp.MustCompile(`secret required but no secret|could not parse secrets|SSH_AUTH_SOCK`)},
	{exec.ClassDiskFull, regexp.MustCompile(`no space left on device|disk quota exceeded`)},
	{exec.ClassStorage, regexp.MustCompile(`static files directory|read-only file system|configuration mismatch|subuid|subgid|runroot must be set|graphroot must be set|newuidmap|database is locked|User-selected graph driver`)},
	{exec.ClassNetwork, regexp.MustCompile(`slirp4netns|/dev/net/tun|netavark|cni plugin|plugin type=|\bnft\b|iptables`)},
	{exec.ClassDialect, regexp.MustCompile(`only supports the --|is not supported|Unknown flag|Missing ':' in substitution`)},
	{exec.ClassRecipe, regexp.MustCompile(`no stage or image found with that name|Unknown instruction|parsing main Dockerfile|requires either one argument|was not found|Dockerfile parse error|failed to parse`)},
	{exec.ClassBaseMissing, regexp.MustCompile(`image not known|short-name ".*" did not resolve|no such image`)},
	{exec.ClassRegistry, regexp.MustCompile(`pinging container registry|initializing source docker://|reading manifest|unauthorized: `)},
	{exec.ClassContext, regexp.MustCompile(`checking on sources under|no items matching glob|no such file or directory|context must be a directory`)},
	{exec.ClassStorage, regexp.MustCompile(`permission denied`)},
}

// stepError begins podman's word on a step that failed, which can have several
// lines.
const stepError = `Error: building at STEP "`

// isError says whether a line of stderr can be podman's last word.
func isError(line string) bool { return strings.HasPrefix(line, "Error: ") }

// isPodmansOwn says whether a line of stderr is podman's, not a step's, when it
// is no error. A step can print such a line too; then it is missing in its log.
func isPodmansOwn(line string) bool {
	return strings.HasPrefix(line, "error running container: ") || strings.HasPrefix(line, `time="`)
}

// ownWords are podman's lines of stderr: an error with all that follows it,
// and what it logged as an error.
func ownWords(lines []string) string {
	last := len(lines)
	for i, l := range lines {
		if isError(l) {
			last = i
		}
	}
	var own []string
	for _, l := range lines[:last] {
		if strings.HasPrefix(l, "error running container: ") ||
			(strings.HasPrefix(l, `time="`) && (strings.Contains(l, "level=error") || strings.Contains(l, "level=fatal"))) {
			own = append(own, l)
		}
	}
	return strings.Join(append(own, lines[last:]...), "\n")
}

// lastError is the text of the last "Error:" line, else all there is.
func lastError(own string) string {
	if at := strings.LastIndex(own, "Error: "); at >= 0 {
		own = own[at+len("Error: "):]
	}
	own = strings.TrimSpace(own)
	if !stepFailed.MatchString(own) {
		own, _, _ = strings.Cut(own, "\n")
	}
	return own
}
