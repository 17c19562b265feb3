package resources_test

import (
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// fakeSocat notes its arguments, answers nothing and stays.
const fakeSocat = `#!/bin/bash
echo "$*" >> "$TEROK_ROOT/calls"
exec -a "socat $*" sleep 600
`

// relays is a root with the relay scripts and a socat that only notes.
func relays(t *testing.T) (root string, env []string) {
	t.Helper()
	root = t.TempDir()
	link(t, root, map[string]string{
		"bin/ensure-bridges.sh":   "l0/ensure-bridges.sh",
		"bin/ssh-agent-bridge.sh": "l0/ssh-agent-bridge.sh",
	})
	write(t, root+"/bin/socat", fakeSocat, 0o755)
	t.Cleanup(func() { killRelays(t, root) })
	return root, []string{"PATH=" + root + "/bin:" + os.Getenv("PATH"), "TEROK_ROOT=" + root, "HOME=" + root}
}

func killRelays(t *testing.T, root string) {
	t.Helper()
	files, _ := filepath.Glob(root + "/tmp/.terok/*.pid")
	for _, f := range files {
		if pid := pidIn(t, f); pid > 1 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func pidIn(t *testing.T, file string) int {
	t.Helper()
	pid := 0
	for _, c := range strings.TrimSpace(read(t, file)) {
		pid = pid*10 + int(c-'0')
	}
	return pid
}

// source sources the relay script as strictly as a script can.
func source(t *testing.T, env []string, then string) outcome {
	t.Helper()
	return run(t, env, "", "bash", "-euo", "pipefail", "-c", "source ensure-bridges.sh; source ensure-bridges.sh; "+then)
}

func TestRelaysStartOnceEach(t *testing.T) {
	root, env := relays(t)
	if err := os.MkdirAll(root+"/run/terok", 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", root+"/run/terok/vault.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	write(t, root+"/tmp/ssh-agent.sock", "stale", 0o600)
	env = append(env, "TEROK_SSH_SIGNER_TOKEN=tok", "TEROK_SSH_SIGNER_PORT=1", "TEROK_VAULT_LOOPBACK_PORT=9419",
		"TEROK_TOKEN_BROKER_PORT=2", "TEROK_GATE_SOCKET=/gate")
	source(t, env, `echo "$SSH_AUTH_SOCK"`).want(t, 0, root+"/tmp/ssh-agent.sock\n")
	source(t, env, "").want(t, 0)
	want := []string{
		"UNIX-LISTEN:" + root + "/tmp/ssh-agent.sock,fork,mode=600 EXEC:ssh-agent-bridge.sh",
		"TCP-LISTEN:9419,bind=127.0.0.1,fork,reuseaddr UNIX-CONNECT:" + root + "/run/terok/vault.sock",
		"UNIX-LISTEN:" + root + "/tmp/terok-vault.sock,fork,mode=600 TCP:host.containers.internal:2",
		"TCP-LISTEN:9418,fork,reuseaddr UNIX-CONNECT:/gate",
	}
	eventually(t, func() bool { return exists(root+"/calls") && strings.Count(read(t, root+"/calls"), "\n") >= 4 })
	calls := read(t, root+"/calls")
	for _, w := range want {
		if strings.Count(calls, w+"\n") != 1 {
			t.Errorf("not started exactly once: %s\ncalls:\n%s", w, calls)
		}
	}
	if exists(root + "/tmp/ssh-agent.sock") {
		t.Error("a stale socket is still there")
	}
	for _, name := range []string{"ssh-agent", "vault-loopback", "vault-socket", "gate"} {
		if !exists(root + "/tmp/.terok/" + name + ".pid") {
			t.Errorf("no PID file for %s", name)
		}
	}
}

func TestRelayWithReusedPIDStartsAgain(t *testing.T) {
	root, env := relays(t)
	// As after a restart of the container: the number belongs to another process.
	write(t, root+"/tmp/.terok/gate.pid", "1\n", 0o644)
	source(t, append(env, "TEROK_GATE_SOCKET=/gate"), "").want(t, 0)
	eventually(t, func() bool { return exists(root + "/calls") })
}

func TestRelaysWithoutTriggerDoNothing(t *testing.T) {
	root, env := relays(t)
	source(t, append(env, "TEROK_SSH_SIGNER_PORT=1"), `test -z "${SSH_AUTH_SOCK:-}"`).want(t, 0)
	if exists(root+"/calls") || exists(root+"/tmp") {
		t.Error("something was started or made")
	}
}

func TestRelaysWithoutSocat(t *testing.T) {
	root, env := relays(t)
	if err := os.Remove(root + "/bin/socat"); err != nil {
		t.Fatal(err)
	}
	if o := run(t, []string{"PATH=/nowhere"}, "", "/bin/bash", "-c", "type -P socat"); o.code == 0 {
		t.Fatal("the test's PATH has a socat")
	}
	env[0] = "PATH=" + root + "/bin"
	env = append(env, "TEROK_GATE_SOCKET=/gate")
	run(t, env, "", "/bin/bash", "-euo", "pipefail", "-c", "source ensure-bridges.sh").want(t, 0)
}

// The handshake goes to whatever the second address of socat is; this one
// shows it.
func TestSignerHandshake(t *testing.T) {
	for _, token := range []string{"x", strings.Repeat("t", 33), strings.Repeat("ä", 400)} {
		root, env := relays(t)
		write(t, root+"/bin/socat", "#!/bin/sh\necho \"$*\" > \"$TEROK_ROOT/calls\"\nexec cat\n", 0o755)
		env = append(env, "TEROK_SSH_SIGNER_TOKEN="+token, "TEROK_SSH_SIGNER_SOCKET=/signer", "LC_ALL=C.UTF-8")
		o := runWith(t, "request", env, "", root+"/bin/ssh-agent-bridge.sh")
		length := make([]byte, 4)
		binary.BigEndian.PutUint32(length, uint32(len(token)))
		if want := string(length) + token + "request"; o.stdout != want {
			t.Errorf("sent %q, want %q", o.stdout, want)
		}
		if calls := read(t, root+"/calls"); calls != "- UNIX-CONNECT:/signer\n" {
			t.Errorf("socat was called with %s", calls)
		}
	}
}

func TestSignerNeedsTokenAndAddress(t *testing.T) {
	root, env := relays(t)
	bridge := root + "/bin/ssh-agent-bridge.sh"
	run(t, env, "", bridge).want(t, 1, "TEROK_SSH_SIGNER_TOKEN")
	run(t, append(env, "TEROK_SSH_SIGNER_TOKEN=t"), "", bridge).want(t, 2, "TEROK_SSH_SIGNER_PORT")
	run(t, append(env, "TEROK_SSH_SIGNER_TOKEN=t", "TEROK_SSH_SIGNER_PORT=8a"), "", bridge).want(t, 2)
}
