package podman

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

// version is podman's.
type version struct {
	major, minor int
	text         string
}

func (v version) String() string { return v.text }

func (v version) atLeast(major, minor int) bool {
	return v.major > major || (v.major == major && v.minor >= minor)
}

// podmanVersion asks podman once, also when several builds begin together; only
// an answer is remembered.
func (x *Executor) podmanVersion(ctx context.Context) (version, error) {
	x.asking.Lock()
	defer x.asking.Unlock()
	if x.version != nil {
		return *x.version, nil
	}
	stdout, stderr, end := x.output(ctx, "version", "--format", "json")
	if end.err != nil || end.code != 0 {
		class, message, code := classify(end, ownOrAll(stderr))
		return version{}, &exec.Error{Class: class, ExitCode: code, Message: "asking podman for its version: " + message, Err: end.err}
	}
	v, err := parseVersion(stdout)
	if err != nil {
		return version{}, failed(exec.ClassUnknown, fmt.Errorf("asking podman for its version: %w", err))
	}
	x.version = &v
	return v, nil
}

func parseVersion(answer string) (version, error) {
	var parsed struct{ Client struct{ Version string } }
	if err := json.Unmarshal([]byte(answer), &parsed); err != nil {
		return version{}, err
	}
	v := version{text: parsed.Client.Version}
	if _, err := fmt.Sscanf(v.text, "%d.%d", &v.major, &v.minor); err != nil {
		return version{}, fmt.Errorf("reading version %q: %w", v.text, err)
	}
	return v, nil
}

// ownOrAll prefers podman's error lines, else takes all it said.
func ownOrAll(stderr string) string {
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if own := ownWords(lines); own != "" {
		return own
	}
	return strings.TrimSpace(stderr)
}

// lack is something that podman refuses without naming a line, or, worse,
// leaves out without an error.
type lack struct {
	what string
	// keywords are the instructions it concerns; nil means all that expand
	// variables.
	keywords []string
	words    *regexp.Regexp
	// untilMajor, untilMinor is the first version that is left to speak for
	// itself; 0 means none yet.
	untilMajor, untilMinor int
}

var (
	expanding = []string{"ADD", "ARG", "COPY", "ENV", "EXPOSE", "FROM", "LABEL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}
	copying   = []string{"COPY", "ADD"}
	always    = regexp.MustCompile(``)
)

var lacks = []lack{
	{"COPY --link", copying, hasFlag("link"), 5, 6},
	{"COPY --parents", copying, hasFlag("parents"), 5, 5},
	{"COPY --exclude", copying, hasFlag("exclude"), 4, 4},
	{"ADD --checksum", copying, hasFlag("checksum"), 4, 4},
	{"ADD --keep-git-dir", copying, hasFlag("keep-git-dir"), 5, 5},
	{"--chmod with letters", copying, regexp.MustCompile(`\s--chmod=[^\s]*[a-z]`), 5, 5},
	{"RUN --network", []string{"RUN"}, hasFlag("network"), 4, 4},
	{"RUN --security", []string{"RUN"}, hasFlag("security"), 5, 5},
	{"${variable%pattern} and its kin", expanding, regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*[#%/]`), 4, 4},
	// These three are ignored with a warning in the image format we use.
	{"SHELL", []string{"SHELL"}, always, 0, 0},
	{"HEALTHCHECK", []string{"HEALTHCHECK"}, always, 0, 0},
	{"ONBUILD", []string{"ONBUILD"}, always, 0, 0},
}

// hasFlag matches a flag among those that precede an instruction's arguments.
func hasFlag(name string) *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z]+(\s+--\S+)*\s+--` + regexp.QuoteMeta(name) + `(=|\s|$)`)
}

// checkDialect refuses what this podman cannot build, naming the line: podman
// itself names none.
func checkDialect(f *dockerfile.File, facts *dockerfile.Facts, v version) error {
	source := strings.Split(string(f.Source()), "\n")
	for _, s := range facts.Stages {
		for _, in := range f.Stages[s.Index].Instructions {
			if what := lacking(in, v); what != "" {
				return dialectError(f, in, what, v)
			}
		}
	}
	// A here-document breaks the reading of the whole file, reached or not.
	for _, s := range f.Stages {
		for _, in := range s.Instructions {
			if !v.atLeast(4, 4) && hasHeredoc(in, source) {
				return dialectError(f, in, "a here-document", v)
			}
		}
	}
	return nil
}

func lacking(in dockerfile.InstructionText, v version) string {
	for _, l := range lacks {
		if l.untilMajor > 0 && v.atLeast(l.untilMajor, l.untilMinor) {
			continue
		}
		if slices.Contains(l.keywords, in.Keyword) && l.words.MatchString(in.Text) {
			return l.what
		}
	}
	return ""
}

var heredocWord = regexp.MustCompile(`(?:^|\s)\d*<<-?(["']?)([A-Za-z0-9_.]+)(["']?)`)

// hasHeredoc says whether an instruction has a here-document: a word that
// begins one, and below it the line that ends it.
func hasHeredoc(in dockerfile.InstructionText, source []string) bool {
	m := heredocWord.FindStringSubmatch(in.Text)
	if m == nil || in.EndLine <= in.Line || in.EndLine > len(source) {
		return false
	}
	return strings.Trim(source[in.EndLine-1], "\t\r") == m[2]
}

func dialectError(f *dockerfile.File, in dockerfile.InstructionText, what string, v version) error {
	e := failed(exec.ClassDialect, fmt.Errorf(
		"podman %s does not know %s; use a newer podman, or --executor buildkit", v, what))
	e.File, e.Line, e.Instruction = f.Name, in.Line, in.Text
	return e
}
