package buildkit_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
)

// dialVariable makes the test program a helper that connects its ends with the
// socket that it names, and notes how it was called in a file beside it.
const dialVariable = "TEROK_TEST_DIAL"

// dialMain is "buildctl dial-stdio", under whatever name it is called.
func dialMain() int {
	socket, notes, _ := strings.Cut(os.Getenv(dialVariable), ":")
	args := append([]string{filepath.Base(os.Args[0])}, os.Args[1:]...)
	if err := os.WriteFile(notes, []byte(strings.Join(args, " ")), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	c, err := net.Dial("unix", socket)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(os.Stdout, c)
		close(done)
	}()
	_, _ = io.Copy(c, os.Stdin)
	_ = c.Close()
	<-done
	return 0
}

// A daemon behind another program is reached by that program; the commands are
// those of the tools themselves.
func TestAddressesByCommand(t *testing.T) {
	env := buildkittest.Shared(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin, notes := t.TempDir(), filepath.Join(t.TempDir(), "notes")
	for _, name := range dialNames {
		if err := os.Symlink(self, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	t.Setenv(dialVariable, strings.TrimPrefix(env.Address, "unix://")+":"+notes)
	for address, want := range map[string]string{
		"docker-container://builder":                                   "docker exec -i builder buildctl dial-stdio",
		"podman-container://builder":                                   "podman exec -i builder buildctl dial-stdio",
		"kube-pod://builder?namespace=ci&context=lab&container=daemon": "kubectl --context=lab --namespace=ci exec --container=daemon -i builder -- buildctl dial-stdio",
		"ssh://me@builder.test:2222":                                   "ssh -l me -p 2222 -- builder.test buildctl dial-stdio",
	} {
		t.Run(address, func(t *testing.T) {
			target, _, base := newLayout(t)
			exectest.Build(t, executor(t, address, target), request(exectest.WithBase+"RUN true\n", nil, exectest.OnBase(base)))
			got, err := os.ReadFile(notes)
			if err != nil || string(got) != want {
				t.Errorf("the command is %q (%v), want %q", got, err, want)
			}
		})
	}
	t.Setenv("PATH", t.TempDir())
	target, _, base := newLayout(t)
	e := exectest.BuildError(t, executor(t, "kube-pod://builder", target), request(exectest.WithBase+"RUN true\n", nil, exectest.OnBase(base)))
	if e.Class != exec.ClassNoEngine || !strings.Contains(e.Message, "kubectl") || e.Hint == "" {
		t.Errorf("without the program: class %s, hint %q: %v", e.Class, e.Hint, e)
	}
}

// What a program that should reach the daemon says is what people see.
func TestDialerFails(t *testing.T) {
	buildkittest.Require(t)
	dir := t.TempDir()
	const words = "noise \"quoted\"\nno such pod: \"builder\"\n\n"
	for _, name := range dialNames {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n/bin/sleep 0.3\nprintf '"+words+"' >&2\nexit 7\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	for address, command := range map[string]string{
		"docker-container://builder": "docker exec -i builder buildctl dial-stdio",
		"podman-container://builder": "podman exec -i builder buildctl dial-stdio",
		"kube-pod://builder":         "kubectl --context= --namespace= exec --container= -i builder -- buildctl dial-stdio",
		"ssh://builder.test":         "ssh -- builder.test buildctl dial-stdio",
	} {
		target, _, base := newLayout(t)
		e := exectest.BuildError(t, executor(t, address, target), request(exectest.WithBase+"RUN true\n", nil, exectest.OnBase(base)))
		want := "no BuildKit daemon answers at " + address + ": \"" + command + "\" ended with status 7: no such pod: \"builder\""
		if e.Class != exec.ClassNoEngine || !strings.HasSuffix(e.Message, want) || !strings.Contains(e.Hint, "by hand") {
			t.Errorf("class %s, hint %q: %v\nwant %s", e.Class, e.Hint, e, want)
		}
	}
}

// A daemon that wants certificates gets them from the address or from the
// options, and who has none is told so.
func TestMutualTLS(t *testing.T) {
	buildkittest.Require(t)
	dir, other := t.TempDir(), t.TempDir()
	const server = "daemon.test"
	buildkittest.Certificates(t, dir, server)
	buildkittest.Certificates(t, other, server)
	at := buildkittest.FreePort(t)
	pem := func(dir, name string) string { return filepath.Join(dir, name+".pem") }
	_, stop, err := buildkittest.Open("--addr=tcp://"+at, "--tlscacert="+pem(dir, "ca"), "--tlscert="+pem(dir, "server-cert"), "--tlskey="+pem(dir, "server-key"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stop() }()
	ours := buildkit.TLS{CA: pem(dir, "ca"), Cert: pem(dir, "cert"), Key: pem(dir, "key"), Server: server}
	without := func(change func(*buildkit.TLS)) buildkit.TLS {
		c := ours
		change(&c)
		return c
	}
	for _, c := range []struct {
		name, address string
		tls           buildkit.TLS
		hint          string
	}{
		{"files", "tcp://" + at, ours, ""},
		{"a directory", "tcp://" + at, buildkit.TLS{Dir: dir, Server: server}, ""},
		{"in the address", fmt.Sprintf("tcp://%s?ca=%s&cert=%s&key=%s&server=%s", at, ours.CA, ours.Cert, ours.Key, server), buildkit.TLS{Dir: other}, ""},
		{"none at all", "tcp://" + at, buildkit.TLS{}, "wants TLS"},
		{"none of ours", "tcp://" + at, without(func(c *buildkit.TLS) { c.Cert, c.Key = "", "" }), "certificates"},
		{"another authority", "tcp://" + at, without(func(c *buildkit.TLS) { c.CA = pem(other, "ca") }), "certificates"},
		{"ours is of another authority", "tcp://" + at, without(func(c *buildkit.TLS) { c.Cert, c.Key = pem(other, "cert"), pem(other, "key") }), "certificates"},
		{"another name", "tcp://" + at, without(func(c *buildkit.TLS) { c.Server = "" }), "certificates"},
	} {
		t.Run(c.name, func(t *testing.T) {
			target, _, base := newLayout(t)
			x := buildkit.New(buildkit.Options{Addresses: []string{c.address}, TLS: c.tls, Target: target, Getenv: noEnv})
			defer func() { _ = x.Close() }()
			r := request(exectest.WithBase+"RUN true\n", nil, exectest.OnBase(base))
			if c.hint == "" {
				exectest.Build(t, x, r)
				return
			}
			if e := exectest.BuildError(t, x, r); e.Class != exec.ClassNoEngine || !strings.Contains(e.Hint, c.hint) {
				t.Errorf("class %s, hint %q: %v; want no-engine and a hint with %q", e.Class, e.Hint, e, c.hint)
			}
		})
	}
}

// dialNames are the programs that dialMain stands for.
var dialNames = []string{"docker", "podman", "kubectl", "ssh"}

func isDialer() bool {
	return os.Getenv(dialVariable) != "" && slices.Contains(dialNames, filepath.Base(os.Args[0]))
}
