package buildkit_test

import (
	"bytes"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/dockertest"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
	"github.com/terok-ai/terok-agent/pkg/testneeds"
)

// far is a daemon that is reached through something real: what the far end
// needs is its socket and BuildKit's own client.
func far(t *testing.T) (socket, buildctl string, ok bool) {
	t.Helper()
	if os.Getenv("TEROK_LONG") == "" {
		t.Log("part of make test-long: it builds buildctl and starts containers and an ssh server")
		return "", "", false
	}
	env := buildkittest.Shared(t)
	path, err := buildkittest.Buildctl()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(env.Address, "unix://"), path, true
}

// buildThere builds a layer on the daemon at an address.
func buildThere(t *testing.T, address string) {
	t.Helper()
	target, dir, base := newLayout(t)
	made, _ := exectest.Build(t, executor(t, address, target), request(exectest.WithBase+"RUN echo there > /said\n", nil, exectest.OnBase(base)))
	if got := contentOf(t, dir, made.Image, "/said"); got != "there" {
		t.Errorf("/said = %q", got)
	}
}

const inContainer = "/run/buildkit/buildkitd.sock"

func TestPodmanContainerAddress(t *testing.T) {
	socket, buildctl, ok := far(t)
	if !ok {
		return
	}
	e := podmantest.Storage(t)
	for _, kv := range e.Vars {
		k, v, _ := strings.Cut(kv, "=")
		t.Setenv(k, v)
	}
	image := podmantest.ImportBusybox(t, e, exectest.BaseRef)
	e.Run(t, "run", "--detach", "--network=host", "--name", "terok-test-far", "-v", socket+":"+inContainer, "-v", buildctl+":/bin/buildctl:ro", image, "sleep", "600")
	t.Cleanup(func() { e.Run(t, "rm", "--force", "--time", "0", "terok-test-far") })
	buildThere(t, "podman-container://terok-test-far")
}

func TestDockerContainerAddress(t *testing.T) {
	socket, buildctl, ok := far(t)
	if !ok {
		return
	}
	e := dockertest.Engine(t)
	for _, kv := range e.Vars() {
		k, v, _ := strings.Cut(kv, "=")
		t.Setenv(k, v)
	}
	image := e.Load(t, "busybox:1", buildkittest.Busybox(t))
	e.Run(t, "run", "--detach", "--network=none", "--ulimit", "nofile=1024:1024", "--name", "terok-test-far", "-v", socket+":"+inContainer, "-v", buildctl+":/bin/buildctl:ro", image, "sleep", "600")
	t.Cleanup(func() { e.Run(t, "rm", "--force", "terok-test-far") })
	buildThere(t, "docker-container://terok-test-far")
}

// The address of an ssh server on loopback, with keys of the test's own.
func TestSSHAddress(t *testing.T) {
	socket, buildctl, ok := far(t)
	if !ok {
		return
	}
	const server = "/usr/sbin/sshd" // .ci/setup long installs it
	testneeds.Programs(t, server)
	client, err := osexec.LookPath("ssh")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, key := range []string{"host", "user"} {
		if out, err := osexec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", at(key)).CombinedOutput(); err != nil {
			t.Fatalf("making a key: %v\n%s", err, out)
		}
	}
	address := buildkittest.FreePort(t)
	host, port, _ := strings.Cut(address, ":")
	files := map[string]string{
		"sshd.conf": fmt.Sprintf("ListenAddress %s\nHostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nPidFile none\nSetEnv PATH=%s:/usr/bin:/bin BUILDKIT_HOST=unix://%s\n",
			address, at("host"), at("user.pub"), filepath.Dir(buildctl), socket),
		"ssh.conf": fmt.Sprintf("IdentityFile %s\nIdentitiesOnly yes\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n", at("user")),
		"bin/ssh":  fmt.Sprintf("#!/bin/sh\nexec %s -F %s \"$@\"\n", client, at("ssh.conf")),
	}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(at(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at(name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	sshd := osexec.Command(server, "-D", "-e", "-f", at("sshd.conf"))
	sshd.Stderr = &said
	if err := sshd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = sshd.Process.Kill()
		_ = sshd.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	t.Setenv("PATH", at("bin")+":"+os.Getenv("PATH"))
	for range 100 {
		if osexec.Command(at("bin/ssh"), "-p", port, "root@"+host, "true").Run() == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	buildThere(t, "ssh://root@"+address)
}
