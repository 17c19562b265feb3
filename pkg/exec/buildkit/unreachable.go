package buildkit

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

// unreachable is a daemon that does not answer.
func unreachable(a address, err error) *exec.Error {
	e := &exec.Error{
		Class: exec.ClassNoEngine, ExitCode: -1, Message: fmt.Sprintf("no BuildKit daemon answers at %s: %s", a.url, plain(err)), Err: err,
	}
	if command, status, said, ok := dialled(err); ok {
		e.Message = fmt.Sprintf("no BuildKit daemon answers at %s: %q ended with status %s: %s", a.url, command, status, said)
		e.Hint = "run that by hand to see what is wrong: start what --buildkit-addr or BUILDKIT_HOST names, or correct it"
		return e
	}
	switch text := e.Message; {
	case strings.Contains(text, "no such file"):
		e.Hint = "there is no such socket: start buildkitd, or correct --buildkit-addr or BUILDKIT_HOST"
	case strings.Contains(text, "refused"):
		e.Hint = "nobody listens there: start buildkitd, or correct --buildkit-addr or BUILDKIT_HOST"
	case strings.Contains(text, "permission denied"):
		e.Hint = "you may not use this socket: run as its owner, or leave --buildkit-addr out to start a daemon of your own"
	case strings.Contains(text, "certificate"):
		e.Hint = "check the certificates: --tlscacert, --tlscert, --tlskey, --tlsservername"
	case a.secure() && containsAny(text, "broken pipe", "connection reset", "EOF"):
		e.Hint = "the daemon breaks off, as it does when it does not accept our certificate: check the certificates (--tlscert, --tlskey, --tlsdir)"
	case strings.Contains(text, "server preface"), strings.Contains(text, "first record does not look like a TLS"), strings.Contains(text, "frame too large"):
		e.Hint = "something else than BuildKit answers there, or it wants TLS: --tlscacert, --tlscert, --tlskey, or --tlsdir"
	case containsAny(text, "client preface", "broken pipe"):
		e.Hint = "what should reach the daemon ended at once: see by hand what it says, and correct --buildkit-addr or BUILDKIT_HOST"
	case strings.Contains(text, "no such host"):
		e.Hint = "correct the host's name in --buildkit-addr or BUILDKIT_HOST"
	default:
		e.Hint = "see whether buildkitd runs there, or correct --buildkit-addr or BUILDKIT_HOST"
	}
	return e
}

// dialFailure is how BuildKit's client speaks of a program that should have
// reached the daemon.
var dialFailure = regexp.MustCompile(`command \[(.*?)\] has exited with exit status (\d+),.*? stderr=(.*)"$`)

// dialled finds which program failed, and the last line of what it said.
func dialled(err error) (command, status, said string, ok bool) {
	m := dialFailure.FindStringSubmatch(plain(err))
	if m == nil {
		return "", "", "", false
	}
	// The text was quoted on its way.
	text := strings.NewReplacer(`\r`, "", `\n`, "\n", `\t`, " ", `\"`, `"`, `\\`, `\`).Replace(m[3])
	lines := strings.Split(strings.TrimSpace(text), "\n")
	said = strings.TrimSpace(lines[len(lines)-1])
	if said == "" {
		said = "it says nothing"
	}
	return m[1], m[2], said, true
}
