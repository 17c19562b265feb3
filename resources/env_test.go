package resources_test

import (
	"os"
	"strings"
	"testing"
)

// image is a root with what L1 puts into it.
func image(t *testing.T) (root string, env []string) {
	t.Helper()
	root = t.TempDir()
	share := "usr/local/share/terok/"
	link(t, root, map[string]string{
		"etc/profile.d/terok-env.sh":        "l1/etc/profile.d/terok-env.sh",
		share + "terok-env-git-identity.sh": "l1/usr/local/share/terok/terok-env-git-identity.sh",
		share + "terok-acp-env.sh":          "l1/usr/local/share/terok/terok-acp-env.sh",
		share + "terok-bash-banner.sh":      "l1/usr/local/share/terok/terok-bash-banner.sh",
		"bin/hilfe":                         "l1/usr/local/bin/hilfe",
		"bin/terok-copilot-acp":             "agents/copilot/terok-copilot-acp",
		"bin/terok-opencode-acp":            "agents/opencode/terok-opencode-acp",
	})
	for _, name := range []string{"gh", "glab", "copilot", "opencode"} {
		write(t, root+"/bin/"+name, "#!/bin/sh\necho \"$0 $*\"; env | grep -E '^(GIT_|COPILOT_)' | sort\n", 0o755)
	}
	// The home's bashrc stands for the system's, which cannot be moved.
	read := ". " + root + "/etc/profile.d/terok-env.sh\n"
	write(t, root+"/home/dev/.bashrc", read+". "+root+"/"+share+"terok-bash-banner.sh\n", 0o644)
	write(t, root+"/home/dev/.bash_profile", read, 0o644)
	return root, []string{
		"PATH=" + root + "/bin:" + os.Getenv("PATH"), "HOME=" + root + "/home/dev", "TEROK_ROOT=" + root,
		"BASH_ENV=" + root + "/etc/profile.d/terok-env.sh", "TERM=dumb",
	}
}

func TestEnvironmentInEveryBash(t *testing.T) {
	const check = `declare -F _terok_apply_git_identity gh glab; echo "path $PATH"`
	for _, flags := range []string{"-c", "-ic", "-lc", "-euc", "-lic"} {
		t.Run(flags, func(t *testing.T) {
			_, env := image(t)
			o := run(t, env, "", "bash", flags, check)
			o.want(t, 0, "_terok_apply_git_identity\ngh\nglab\n",
				"path /home/dev/.npm-packages/bin:/home/dev/.local/bin:/home/dev/.opencode/bin:")
			if flags == "-c" && o.stderr != "" {
				t.Errorf("not quiet: %s", o.stderr)
			}
			again := run(t, env, "", "bash", flags, `bash -c 'echo "$PATH"'`)
			if n := strings.Count(again.stdout, "/home/dev/.local/bin"); n != 1 {
				t.Errorf("%d times on PATH in a shell in a shell", n)
			}
		})
	}
}

func TestEnvironmentLeavesOtherShellsAlone(t *testing.T) {
	root, env := image(t)
	o := run(t, env, "", "dash", "-euc", ". "+root+"/etc/profile.d/terok-env.sh; echo fine")
	o.want(t, 0, "fine")
	if o.stderr != "" {
		t.Errorf("dash says %s", o.stderr)
	}
}

func TestEnvironmentReadsWrappers(t *testing.T) {
	root, env := image(t)
	wrappers := root + "/usr/local/share/terok/terok-env-wrappers.sh"
	symlink(t, root+"/home/dev/.terok/terok-executor.sh", wrappers)
	run(t, env, "", "bash", "-c", "declare -F claude").want(t, 1)
	write(t, root+"/home/dev/.terok/terok-executor.sh", "claude() { :; }\nfalse\n", 0o644)
	run(t, env, "", "bash", "-ec", "declare -F claude").want(t, 0, "claude")
}

func TestEnvironmentDropsDeadAgent(t *testing.T) {
	root, env := image(t)
	env = append(env, "SSH_AUTH_SOCK="+root+"/tmp/ssh-agent.sock")
	run(t, env, "", "bash", "-c", `echo "agent=${SSH_AUTH_SOCK-none}"`).want(t, 0, "agent=none")
	env[len(env)-1] = "SSH_AUTH_SOCK=/other"
	run(t, env, "", "bash", "-c", `echo "agent=${SSH_AUTH_SOCK-none}"`).want(t, 0, "agent=/other")
}

func TestForgeToolsActAsHuman(t *testing.T) {
	_, env := image(t)
	env = append(env, "HUMAN_GIT_NAME=Ada", "HUMAN_GIT_EMAIL=ada@localhost", "TEROK_GIT_AUTHORSHIP=agent")
	run(t, env, "", "bash", "-c", `gh pr list; echo "after ${GIT_AUTHOR_NAME-none}"`).want(t, 0,
		"gh pr list\n", "GIT_AUTHOR_NAME=Ada\n", "GIT_COMMITTER_EMAIL=ada@localhost\n", "after none\n")
}

func TestGitIdentity(t *testing.T) {
	const human, agent = "Ada <ada@localhost>", "Codex <noreply@openai.com>"
	cases := []struct{ mode, author, committer string }{
		{"", agent, human},
		{"agent-human", agent, human},
		{"something", agent, human},
		{"human-agent", human, agent},
		{"agent", agent, agent},
		{"human", human, human},
	}
	for _, c := range cases {
		_, env := image(t)
		env = append(env, "HUMAN_GIT_NAME=Ada", "HUMAN_GIT_EMAIL=ada@localhost", "TEROK_GIT_AUTHORSHIP="+c.mode, "GIT_AUTHOR_NAME=old")
		o := run(t, env, "", "bash", "-c", `_terok_apply_git_identity Codex noreply@openai.com
			echo "$GIT_AUTHOR_NAME <$GIT_AUTHOR_EMAIL>, $GIT_COMMITTER_NAME <$GIT_COMMITTER_EMAIL>"`)
		if want := c.author + ", " + c.committer + "\n"; o.stdout != want {
			t.Errorf("%q gives %s, want %s", c.mode, o.stdout, want)
		}
	}
	_, env := image(t)
	run(t, env, "", "bash", "-euc", `_terok_apply_git_identity; env`).want(t, 0,
		"GIT_AUTHOR_NAME=AI Agent\n", "GIT_AUTHOR_EMAIL=ai-agent@localhost\n",
		"GIT_COMMITTER_NAME=Nobody\n", "GIT_COMMITTER_EMAIL=nobody@localhost\n")
}

func TestACPWrappers(t *testing.T) {
	root, env := image(t)
	run(t, env, "", root+"/bin/terok-opencode-acp", "--x").want(t, 0,
		"opencode acp --x\n", "GIT_AUTHOR_NAME=OpenCode\n", "GIT_AUTHOR_EMAIL=noreply@opencode.ai\n")
	o := run(t, env, "", root+"/bin/terok-copilot-acp")
	o.want(t, 0, "copilot --acp\n", "GIT_AUTHOR_NAME=Copilot\n")
	if strings.Contains(o.stdout, "COPILOT_CUSTOM") {
		t.Error("instructions without instructions")
	}
	write(t, root+"/home/dev/.terok/instructions.md", "be kind\n", 0o644)
	dir := root + "/home/dev/.terok/copilot-instructions"
	run(t, env, "", root+"/bin/terok-copilot-acp").want(t, 0, "COPILOT_CUSTOM_INSTRUCTIONS_DIRS="+dir+"\n")
	if got := read(t, dir+"/terok.instructions.md"); got != "be kind\n" {
		t.Errorf("instructions are %q", got)
	}
}

func TestHilfe(t *testing.T) {
	root, env := image(t)
	hilfe := root + "/bin/hilfe"
	o := run(t, env, "", hilfe, "--kurz")
	o.want(t, 0, "restricted", "More: hilfe")
	if strings.Contains(o.stdout, "Agents") {
		t.Error("a heading without agents")
	}
	write(t, root+"/usr/local/share/terok/help.d/agents.txt", "  claude - x\n", 0o644)
	write(t, root+"/usr/local/share/terok/help.d/dev-tools.txt", "  ast-grep - y\n", 0o644)
	o = run(t, append(env, "TEROK_UNRESTRICTED=1"), "", hilfe)
	o.want(t, 0, "unrestricted", "Agents\x1b[0m\n  claude - x\n", "  ast-grep - y\n", "/workspace", "^a")
	run(t, env, "", hilfe, "--lang").want(t, 2, "usage")
}

func TestBannerNeedsTerminal(t *testing.T) {
	_, env := image(t)
	if o := run(t, env, "", "bash", "-ic", ":"); strings.Contains(o.stdout, "hilfe") {
		t.Errorf("a banner without terminal: %s", o.stdout)
	}
	// script(1) makes a terminal.
	root, env := image(t)
	write(t, root+"/home/dev/.terok/initial-prompt.txt", "fix it\n", 0o644)
	o := run(t, env, "", "script", "-qec", "bash -ic 'bash -ic :'", "/dev/null")
	if n := strings.Count(o.stdout, "More: hilfe"); n != 1 {
		t.Errorf("%d banners in two shells:\n%s", n, o.stdout)
	}
	o.want(t, 0, "fix it")
}
