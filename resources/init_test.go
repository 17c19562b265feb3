package resources_test

import (
	"net"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// container is a home, a workspace and an origin for the init script.
type container struct {
	t                           *testing.T
	root, home, workspace, bare string
	origin                      string
	env                         []string
}

func newContainer(t *testing.T) *container {
	t.Helper()
	t.Parallel()
	root := t.TempDir()
	c := &container{
		t: t, root: root, home: root + "/home/dev", workspace: root + "/workspace",
		bare: root + "/origin.git", origin: "file://" + root + "/origin.git",
	}
	link(t, root, map[string]string{
		"usr/local/bin/init-ssh-and-repo.sh": "l0/init-ssh-and-repo.sh",
		"usr/local/bin/ensure-bridges.sh":    "l0/ensure-bridges.sh",
	})
	for _, dir := range []string{c.home, c.workspace} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c.env = []string{
		"PATH=" + root + "/usr/local/bin:" + os.Getenv("PATH"), "HOME=" + c.home, "TEROK_ROOT=" + root,
		"REPO_ROOT=" + c.workspace, "TEROK_GIT_TIMEOUT=20",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@localhost", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@localhost",
	}
	c.git("", "init", "-q", "--bare", "-b", "main", c.bare)
	c.git("", "clone", "-q", c.bare, root+"/seed")
	c.commit("one", "main")
	c.commit("side", "side")
	return c
}

func (c *container) git(dir string, args ...string) string {
	c.t.Helper()
	o := run(c.t, c.env, dir, append([]string{"git"}, args...)...)
	if o.code != 0 {
		c.t.Fatalf("git %v: %s", args, o.stderr)
	}
	return strings.TrimSpace(o.stdout)
}

// commit adds a file of that name on a branch of the origin.
func (c *container) commit(name, branch string) {
	c.t.Helper()
	seed := c.root + "/seed"
	c.git(seed, "checkout", "-q", "-B", branch)
	write(c.t, seed+"/"+name, name+"\n", 0o644)
	c.git(seed, "add", name)
	c.git(seed, "commit", "-q", "-m", name)
	c.git(seed, "push", "-q", "origin", branch)
	if branch != "main" {
		c.git(seed, "checkout", "-q", "main")
	}
}

// start runs the init script as a container would.
func (c *container) start(settings ...string) outcome {
	c.t.Helper()
	env := append(append([]string{}, c.env...), settings...)
	return run(c.t, env, c.root, c.root+"/usr/local/bin/init-ssh-and-repo.sh")
}

func (c *container) mark() { write(c.t, c.workspace+"/.new-task-marker", "", 0o644) }

func (c *container) holds(files ...string) {
	c.t.Helper()
	entries, err := os.ReadDir(c.workspace)
	if err != nil {
		c.t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		if e.Name() != ".git" {
			got = append(got, e.Name())
		}
	}
	if strings.Join(got, " ") != strings.Join(files, " ") {
		c.t.Errorf("the workspace holds %q, want %q", got, files)
	}
}

func (c *container) onBranch(want string) {
	c.t.Helper()
	if got := c.git(c.workspace, "branch", "--show-current"); got != want {
		c.t.Errorf("on branch %s, want %s", got, want)
	}
}

const complete = ">> init complete\n"

func TestInitWithoutRepository(t *testing.T) {
	c := newContainer(t)
	c.start().want(t, 0, complete)
	c.holds()
}

func TestInitClones(t *testing.T) {
	cases := []struct {
		name, branch, on string
		files            []string
		says             string
	}{
		{"default branch", "", "main", []string{"one"}, "cloning"},
		{"wanted branch", "side", "side", []string{"one", "side"}, ""},
		{"branch that is not there", "nope", "main", []string{"one"}, "no branch nope"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := newContainer(t)
			c.mark()
			c.start("CODE_REPO="+c.origin, "GIT_BRANCH="+tc.branch).want(t, 0, complete, tc.says)
			c.onBranch(tc.on)
			c.holds(tc.files...)
		})
	}
}

func TestInitRefusesForeignFiles(t *testing.T) {
	c := newContainer(t)
	write(t, c.workspace+"/precious", "x", 0o644)
	o := c.start("CODE_REPO=" + c.origin)
	o.want(t, 128, "precious")
	if strings.Contains(o.stdout, "complete") {
		t.Error("says it is complete")
	}
	c.holds("precious")
}

func TestInitFailedCloneSetsModeFirst(t *testing.T) {
	c := newContainer(t)
	write(t, c.root+"/etc/claude-code/x", "", 0o644)
	c.start("CODE_REPO=file://"+c.root+"/none", "TEROK_UNRESTRICTED=1").want(t, 128, "none")
	if got := read(t, c.root+"/etc/claude-code/managed-settings.json"); !strings.Contains(got, `"defaultMode": "bypassPermissions"`) {
		t.Errorf("managed settings are %s", got)
	}
}

func TestInitClonesFromCache(t *testing.T) {
	c := newContainer(t)
	c.git("", "clone", "-q", "--bare", c.bare, c.root+"/cache.git")
	c.commit("two", "main")
	c.commit("late", "late")
	cache := "CLONE_FROM=file://" + c.root + "/cache.git"
	c.start("CODE_REPO="+c.bare, cache).want(t, 0, complete)
	c.holds("one", "two")
	if got := c.git(c.workspace, "remote", "get-url", "--push", "origin"); got != c.bare {
		t.Errorf("origin is %s", got)
	}
}

func TestInitTakesBranchUnknownToCache(t *testing.T) {
	c := newContainer(t)
	c.git("", "clone", "-q", "--bare", c.bare, c.root+"/cache.git")
	c.commit("late", "late")
	c.start("CODE_REPO="+c.bare, "CLONE_FROM=file://"+c.root+"/cache.git", "GIT_BRANCH=late").want(t, 0, complete)
	c.onBranch("late")
	c.holds("late", "one")
}

func TestInitFreshTaskInOldRepository(t *testing.T) {
	c := newContainer(t)
	c.start("CODE_REPO="+c.origin).want(t, 0)
	c.commit("two", "main")
	write(t, c.workspace+"/scratch", "x", 0o644)
	write(t, c.workspace+"/one", "changed", 0o644)
	c.mark()
	c.start("CODE_REPO="+c.origin).want(t, 0, complete)
	c.holds("one", "two")
	if got := read(t, c.workspace+"/one"); got != "one\n" {
		t.Errorf("a local change is still there: %q", got)
	}
	c.mark()
	c.start("CODE_REPO="+c.origin, "GIT_BRANCH=nope").want(t, 0, complete, "no branch nope")
	c.onBranch("main")
	c.mark()
	c.start("CODE_REPO="+c.origin, "GIT_BRANCH=side").want(t, 0, complete)
	c.onBranch("side")
	c.holds("one", "side")
}

func TestInitKeepsMarkerForRetry(t *testing.T) {
	c := newContainer(t)
	c.start("CODE_REPO="+c.origin).want(t, 0)
	write(t, c.workspace+"/.git/index.lock", "", 0o644) // no checkout gets past it
	c.mark()
	c.start("CODE_REPO="+c.origin, "GIT_BRANCH=side").want(t, 0, complete, "tries again")
	c.holds(".new-task-marker", "one")
}

func TestInitWipesForeignClone(t *testing.T) {
	c := newContainer(t)
	c.start("CODE_REPO="+c.bare).want(t, 0)
	c.git("", "clone", "-q", "--bare", c.bare, c.root+"/other.git")
	write(t, c.workspace+"/scratch", "x", 0o644)
	c.mark()
	c.start("CODE_REPO="+c.root+"/other.git").want(t, 0, complete, "starting from nothing")
	c.holds("one")
	if got := c.git(c.workspace, "remote", "get-url", "origin"); got != c.root+"/other.git" {
		t.Errorf("origin is %s", got)
	}
}

func TestInitFreshTaskNeedsItsRemote(t *testing.T) {
	c := newContainer(t)
	c.start("CODE_REPO="+c.bare).want(t, 0)
	c.mark()
	rename(t, c.bare, c.bare+".away")
	if o := c.start("CODE_REPO=" + c.bare); o.code == 0 {
		t.Error("a fresh task started on an old state")
	}
}

func TestInitRestart(t *testing.T) {
	cases := []struct {
		name, branch, mode string
		files              []string
		status             string
	}{
		{"keeps local work", "main", "none", []string{"local", "one", "scratch"}, "?? scratch"},
		{"no branch, no reset", "", "hard", []string{"local", "one", "scratch"}, "?? scratch"},
		{"unknown mode", "main", "mixed", []string{"local", "one", "scratch"}, "?? scratch"},
		{"hard", "main", "hard", []string{"one", "scratch", "two"}, "?? scratch"},
		{"soft keeps the index", "main", "soft", []string{"local", "one", "scratch"}, "A  local\nD  two\n?? scratch"},
		{"branch that is not there", "nope", "hard", []string{"local", "one", "scratch"}, "?? scratch"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := newContainer(t)
			c.start("CODE_REPO="+c.origin).want(t, 0)
			c.localWork()
			c.commit("two", "main")
			c.start("CODE_REPO="+c.origin, "GIT_BRANCH="+tc.branch, "GIT_RESET_MODE="+tc.mode).want(t, 0, complete)
			c.holds(tc.files...)
			if got := c.git(c.workspace, "status", "--porcelain"); got != tc.status {
				t.Errorf("status is %q, want %q", got, tc.status)
			}
		})
	}
}

// localWork leaves a commit and an untracked file.
func (c *container) localWork() {
	c.t.Helper()
	write(c.t, c.workspace+"/local", "x\n", 0o644)
	c.git(c.workspace, "add", "local")
	c.git(c.workspace, "commit", "-q", "-m", "local")
	write(c.t, c.workspace+"/scratch", "x\n", 0o644)
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func TestInitRestartWithoutNetwork(t *testing.T) {
	c := newContainer(t)
	url, stop := c.daemon()
	c.start("CODE_REPO="+url, "GIT_BRANCH=main").want(t, 0, complete)
	c.localWork()
	stop()
	c.start("CODE_REPO="+url, "GIT_BRANCH=main").want(t, 0, complete, "cannot fetch")
	c.holds("local", "one", "scratch")
}

func TestInitTrustsWorkspaceOnce(t *testing.T) {
	c := newContainer(t)
	for range 3 {
		c.start("CODE_REPO="+c.origin).want(t, 0)
	}
	if got := c.git("", "config", "--global", "--get-all", "safe.directory"); got != c.workspace {
		t.Errorf("safe.directory is %q", got)
	}
}

func TestInitPointsAtGate(t *testing.T) {
	c := newContainer(t)
	c.start("CODE_REPO="+c.origin).want(t, 0)
	c.git(c.workspace, "remote", "set-url", "origin", "https://forge.invalid/x")
	c.git(c.workspace, "remote", "set-url", "--push", "origin", "https://forge.invalid/y")
	c.start("CODE_REPO="+c.origin).want(t, 0, complete)
	if got := c.git(c.workspace, "remote", "get-url", "--push", "origin"); got != c.origin {
		t.Errorf("pushes go to %s", got)
	}
}

func TestInitComparesExternal(t *testing.T) {
	c := newContainer(t)
	url, stop := c.daemon()
	c.git("", "clone", "-q", "--bare", c.bare, c.root+"/gate.git")
	args := []string{"CODE_REPO=file://" + c.root + "/gate.git", "EXTERNAL_REMOTE_URL=" + url}
	c.commit("two", "main")
	c.start(args...).want(t, 0, complete, "external: maybe behind on main")
	c.start(args...).want(t, 0, complete, "external: 1 behind on main") // the restart has fetched it
	c.git(c.workspace, "merge", "-q", "external/main")
	c.start(args...).want(t, 0, complete, "external: up to date on main")
	stop()
	c.start(args...).want(t, 0, complete, "external: could not query branch main")
}

func TestInitSetsUpSSH(t *testing.T) {
	c := newContainer(t)
	c.start("SSH_AUTH_SOCK=/nowhere").want(t, 0, complete)
	if got := read(t, c.home+"/.ssh/config"); !strings.Contains(got, "StrictHostKeyChecking accept-new") {
		t.Errorf("ssh's configuration is %q", got)
	}
	info, err := os.Stat(c.home + "/.ssh")
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("~/.ssh has mode %v, %v", info.Mode(), err)
	}
}

// daemon serves the origin by git's own protocol on loopback.
func (c *container) daemon() (url string, stop func()) {
	c.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	_ = l.Close()
	path := run(c.t, c.env, "", "git", "--exec-path").stdout
	cmd := osexec.Command(filepath.Join(strings.TrimSpace(path), "git-daemon"), "--listen=127.0.0.1", "--port="+port,
		"--base-path="+c.root, "--export-all", "--reuseaddr")
	cmd.Env = c.env
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	c.t.Cleanup(stop)
	for range 500 {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = conn.Close()
			return "git://127.0.0.1:" + port + "/origin.git", stop
		}
		time.Sleep(20 * time.Millisecond)
	}
	c.t.Fatal("git daemon does not listen")
	return "", nil
}
