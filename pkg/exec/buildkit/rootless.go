package buildkit

import (
	"bufio"
	"fmt"
	"os"
	osexec "os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

// rootlessPrefix is the command in which a user other than root runs the
// daemon. Nothing is installed or set up here: what is missing is said.
func rootlessPrefix() ([]string, error) {
	if os.Getuid() == 0 {
		return nil, nil
	}
	owners := []string{strconv.Itoa(os.Getuid())}
	if u, err := user.Current(); err == nil {
		owners = append(owners, u.Username)
	}
	return rootless(owners, "/etc")
}

// rootless is rootlessPrefix for a user by all names, with the files of IDs in
// a directory.
func rootless(owners []string, etc string) ([]string, error) {
	for _, program := range []string{"rootlesskit", "newuidmap", "newgidmap"} {
		if _, err := osexec.LookPath(program); err != nil {
			return nil, notRootless(fmt.Sprintf("%s is not installed", program))
		}
	}
	for _, name := range []string{"subuid", "subgid"} {
		file := filepath.Join(etc, name)
		if !hasRange(file, owners) {
			return nil, notRootless(fmt.Sprintf("%s has no line for you", file))
		}
	}
	return []string{"rootlesskit"}, nil
}

func notRootless(why string) error {
	return &exec.Error{
		Class: exec.ClassNoEngine, ExitCode: -1,
		Message: "a BuildKit daemon of your own cannot be started: " + why,
		Hint:    "install or set up what is missing, or name a daemon with --buildkit-addr",
	}
}

// hasRange says whether a file gives one of the owners a range of IDs.
func hasRange(path string, owners []string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		owner, _, found := strings.Cut(lines.Text(), ":")
		if found && slices.Contains(owners, owner) {
			return true
		}
	}
	return false
}
