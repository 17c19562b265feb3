package resources_test

import (
	"bytes"
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// script returns the absolute path of a script of this tree.
func script(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(filepath.Join("scripts", path))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(abs); err != nil {
		t.Fatal(err)
	}
	return abs
}

// outcome is what a command did.
type outcome struct {
	code           int
	stdout, stderr string
}

// run runs a command with exactly this environment and no input.
func run(t *testing.T, env []string, dir string, argv ...string) outcome {
	t.Helper()
	return runWith(t, "", env, dir, argv...)
}

func runWith(t *testing.T, stdin string, env []string, dir string, argv ...string) outcome {
	t.Helper()
	cmd := osexec.Command(argv[0], argv[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	cmd.Env, cmd.Dir = env, dir
	err := cmd.Run()
	var exit *osexec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("running %q: %v", argv, err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// want checks the exit status and that the outputs hold what they must.
func (o outcome) want(t *testing.T, code int, contains ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit status %d, want %d\nstdout: %s\nstderr: %s", o.code, code, o.stdout, o.stderr)
	}
	for _, c := range contains {
		if !strings.Contains(o.stdout+o.stderr, c) {
			t.Errorf("output lacks %q\nstdout: %s\nstderr: %s", c, o.stdout, o.stderr)
		}
	}
}

// write makes a file and the directories above it.
func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// link makes copies of scripts available under root, as an image would.
func link(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for to, from := range files {
		info, err := os.Stat(script(t, from))
		if err != nil {
			t.Fatal(err)
		}
		mode := info.Mode().Perm()
		content := read(t, script(t, from))
		if strings.HasPrefix(content, "#!") {
			mode = 0o755
		}
		write(t, filepath.Join(root, to), content, mode)
	}
}
