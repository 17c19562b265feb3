package resources_test

import (
	"net"
	"os"
	"strings"
	"testing"
)

// wrapped is an image's root with more wrappers, and programs that say how they
// are called.
func wrapped(t *testing.T) (root string, env []string) {
	t.Helper()
	root, env = image(t)
	link(t, root, map[string]string{
		"bin/terok-claude-acp": "agents/claude-acp/terok-claude-acp", "bin/terok-codex-acp": "agents/codex-acp/terok-codex-acp",
		"bin/terok-gemini-acp": "agents/gemini/terok-gemini-acp", "bin/terok-qwen-acp": "agents/qwen/terok-qwen-acp",
		"bin/terok-vibe-acp": "agents/vibe/terok-vibe-acp", "bin/terok-toad-entry": "agents/toad/terok-toad-entry", "bin/toad": "agents/toad/toad",
		"bin/setup-codex-auth.sh": "agents/codex/setup-codex-auth.sh",
	})
	for _, name := range []string{"claude-agent-acp", "codex-acp", "gemini", "qwen", "vibe-acp"} {
		write(t, root+"/bin/"+name, "#!/bin/sh\necho \"${0##*/} $*\"; env | grep -E '^(GIT_AUTHOR|VIBE)' | sort\n", 0o755)
	}
	return root, env
}

func TestMoreACPWrappers(t *testing.T) {
	root, env := wrapped(t)
	for wrapper, want := range map[string][]string{
		"claude": {"claude-agent-acp --x\n", "GIT_AUTHOR_NAME=Claude\n", "GIT_AUTHOR_EMAIL=noreply@anthropic.com\n"},
		"codex":  {"codex-acp --x\n", "GIT_AUTHOR_NAME=Codex\n", "GIT_AUTHOR_EMAIL=noreply@openai.com\n"},
		"gemini": {"gemini --acp --x\n", "GIT_AUTHOR_NAME=Gemini\n"},
		"qwen":   {"qwen --acp --x\n", "GIT_AUTHOR_NAME=Qwen\n"},
		"vibe":   {"vibe-acp --x\n", "GIT_AUTHOR_NAME=Vibe\n", "GIT_AUTHOR_EMAIL=noreply@mistral.ai\n"},
	} {
		run(t, env, "", root+"/bin/terok-"+wrapper+"-acp", "--x").want(t, 0, want...)
	}
	write(t, root+"/home/dev/.terok/instructions.md", "be kind", 0o644)
	write(t, root+"/home/dev/.vibe/config.toml", "x", 0o644)
	write(t, root+"/home/dev/.vibe/AGENTS.md", "shared", 0o644)
	run(t, env, "", root+"/bin/terok-claude-acp", "--x").want(t, 0, "claude-agent-acp --append-system-prompt be kind --x\n")
	instructions := "-c model_instructions_file=\"" + root + "/home/dev/.terok/instructions.md\""
	run(t, append(env, "TEROK_UNRESTRICTED=1"), "", root+"/bin/terok-codex-acp", "--x").want(t, 0,
		"codex-acp "+instructions+" -c approval_policy=never -c sandbox_mode=danger-full-access --x\n")
	for range 2 {
		run(t, env, "", root+"/bin/terok-vibe-acp").want(t, 0, "VIBE_HOME="+root+"/home/dev/.terok/vibe-home\n")
	}
	if read(t, root+"/home/dev/.terok/vibe-home/AGENTS.md") != "be kind" || read(t, root+"/home/dev/.vibe/AGENTS.md") != "shared" ||
		read(t, root+"/home/dev/.terok/vibe-home/config.toml") != "x" {
		t.Error("the home of Vibe is not what it should be")
	}
}

// Toad is told of the agents that are there, keeps those it knows, and survives
// broken settings.
func TestToad(t *testing.T) {
	needs(t, "jq")
	root, env := wrapped(t)
	write(t, root+"/opt/terok/agents/toad/bin/toad", "#!/bin/sh\necho real \"$@\"\n", 0o755)
	write(t, root+"/usr/local/share/terok/toad-agents/kisski.academiccloud.de.toml", "x", 0o644)
	for _, wrapper := range []string{"terok-claude-acp", "terok-vibe-acp"} {
		write(t, root+"/usr/local/bin/"+wrapper, "#!/bin/sh\n", 0o755)
	}
	settings := root + "/home/dev/.config/toad/toad.json"
	for _, c := range []struct{ before, want string }{
		{"", `claude.com\nvibe.mistral.ai\nkisski.academiccloud.de`},
		{"{broken", `claude.com\nvibe.mistral.ai\nkisski.academiccloud.de`},
		{`{"ui": {"theme": "x"}, "launcher": {"agents": "mine\nclaude.com"}}`, `mine\nclaude.com\nvibe.mistral.ai\nkisski.academiccloud.de`},
	} {
		write(t, settings, c.before, 0o644)
		run(t, env, "", root+"/bin/toad", "--serve").want(t, 0, "real --serve\n")
		if got := read(t, settings); !strings.Contains(got, `"`+c.want+`"`) || strings.Contains(c.before, "theme") != strings.Contains(got, "theme") {
			t.Errorf("after %q: %s", c.before, got)
		}
	}
}

// The gate needs a token that means nothing to Caddy.
func TestToadEntryToken(t *testing.T) {
	root, env := wrapped(t)
	run(t, env, "", root+"/bin/terok-toad-entry").want(t, 1, "holds no usable token")
	for _, token := range []string{"", "a b", "a\"b", "{$HOME}", strings.Repeat("a", 257)} {
		write(t, root+"/home/dev/.terok/toad.token", token, 0o600)
		run(t, env, "", root+"/bin/terok-toad-entry").want(t, 1, "holds no usable token")
	}
}

// freePort is a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// The entry says that it is ready when both ends listen, and ends with the first
// that ends.
func TestToadEntry(t *testing.T) {
	needs(t, "python3")
	root, env := wrapped(t)
	python := interpreter(t)
	listen := "#!/bin/sh\nexec " + python + " -c 'import socket, sys, time\ns = socket.create_server((\"127.0.0.1\", int(sys.argv[1])))\ns.settimeout(30)\n" +
		"s.accept()\ntime.sleep(float(sys.argv[2]))\nsys.exit(int(sys.argv[3]))' "
	write(t, root+"/bin/init-ssh-and-repo.sh", "#!/bin/sh\necho '>> init complete'\n", 0o755)
	write(t, root+"/home/dev/.terok/toad.token", "tok-EN_1\r\n", 0o600)
	write(t, root+"/bin/caddy", listen+"\"$TOAD_PUBLIC_PORT\" 30 0\n", 0o755)
	if err := os.Remove(root + "/bin/toad"); err != nil {
		t.Fatal(err)
	}
	write(t, root+"/bin/toad", "#!/bin/sh\necho \"toad $* token $TOAD_TOKEN\" >&2\n"+strings.TrimPrefix(listen, "#!/bin/sh\n")+"\"${TOAD_UPSTREAM#*:}\" 2 9\n", 0o755)
	env = append(env, "TOAD_PUBLIC_PORT="+freePort(t), "TOAD_INTERNAL_PORT="+freePort(t))
	o := run(t, env, "", root+"/bin/terok-toad-entry", "--x")
	o.want(t, 9, ">> init complete\n", "TEROK_READY\n", "toad --serve -H 127.0.0.1 -p ", "--x token tok-EN_1")
}

// Codex's login is reached through the container's own address.
func TestSetupCodexAuth(t *testing.T) {
	root, env := wrapped(t)
	write(t, root+"/bin/ip", "#!/bin/sh\necho '2: eth0    inet 10.0.2.100/24 brd 10.0.2.255 scope global eth0'\n", 0o755)
	write(t, root+"/bin/socat", "#!/bin/sh\necho \"$*\" > "+root+"/relay\nexec sleep 60\n", 0o755)
	write(t, root+"/bin/codex", "#!/bin/sh\nwhile [ ! -s "+root+"/relay ]; do sleep 0.1; done\necho codex \"$@\"\nexit 5\n", 0o755)
	run(t, env, "", root+"/bin/setup-codex-auth.sh").want(t, 5, "codex login")
	if got := read(t, root+"/relay"); got != "TCP-LISTEN:1455,bind=10.0.2.100,fork,reuseaddr TCP:127.0.0.1:1455\n" {
		t.Errorf("the relay is %q", got)
	}
	write(t, root+"/bin/ip", "#!/bin/sh\n", 0o755)
	run(t, env, "", root+"/bin/setup-codex-auth.sh").want(t, 1, "no address")
}

// When the part is made, Toad gets our agents and starts the others with their
// wrappers.
func TestToadAgents(t *testing.T) {
	root := t.TempDir()
	link(t, root, map[string]string{
		"share/terok-toad-agents": "agents/toad/terok-toad-agents", "share/toad-agents/kisski.academiccloud.de.toml": "agents/toad/kisski.academiccloud.de.toml",
	})
	data := root + "/prefix/lib/python3.14/site-packages/toad/data/agents"
	write(t, data+"/claude.com.toml", "identity = \"claude.com\"\nrun_command.\"*\" = \"claude-agent-acp\"\n", 0o644)
	for range 2 {
		run(t, os.Environ(), "", root+"/share/terok-toad-agents", root+"/prefix").want(t, 0)
	}
	if got := read(t, data+"/claude.com.toml"); got != "identity = \"claude.com\"\nrun_command.\"*\" = \"terok-claude-acp\"\n" {
		t.Errorf("got %s", got)
	}
	if got := read(t, data+"/kisski.academiccloud.de.toml"); !strings.Contains(got, "run_command.\"*\" = \"kisski-acp\"\n") {
		t.Errorf("got %s", got)
	}
	run(t, os.Environ(), "", root+"/share/terok-toad-agents", root).want(t, 1, "keeps its agents elsewhere")
}
