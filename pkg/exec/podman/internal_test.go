package podman

import (
	"errors"
	"flag"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/graph"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
	}
}

func TestArgv(t *testing.T) {
	id := func(c string) string { return "sha256:" + strings.Repeat(c, 64) }
	paths := buildPlan{dockerfile: "/run/Dockerfile", iidFile: "/run/iid", context: "/run/context"}
	full := exec.Request{
		Node:   "l1",
		Recipe: graph.Recipe{Target: "final", Platform: "linux/s390x"},
		Parents: []exec.Parent{
			{Arg: "L0", Ref: "terok-l0:x", Image: id("a")},
			{Ref: "terok-agent-codex:1", Image: id("c")},
			{Ref: "debian:12", Image: id("b")},
			{Ref: "debian:12", Image: id("b")},
			{Ref: "unknown"},
		},
		Options: exec.BuildOptions{SSH: []string{"default", "git=/s"}, Network: "host", Isolation: "chroot"},
	}
	fullPlan := paths
	fullPlan.args = map[string]string{"L0": strings.Repeat("a", 64), "A": "1", "B": "x y=z"}
	fullPlan.secrets = map[string]string{"tok": "/s/tok", "ca": "/s/ca.pem"}
	fullPlan.secretEnv = map[string]string{"word": "WORD"}
	fullPlan.ignoreFile, fullPlan.jobs, fullPlan.noCache = "/c/x.dockerignore", 4, true
	var b strings.Builder
	for _, c := range []struct {
		name string
		r    exec.Request
		p    buildPlan
	}{
		{"nothing asked for", exec.Request{}, paths},
		{"the host's platform", exec.Request{Recipe: graph.Recipe{Platform: "linux/" + runtime.GOARCH}}, paths},
		{"everything", full, fullPlan},
	} {
		fmt.Fprintf(&b, "# %s\n%s\n\n", c.name, strings.Join(argv(c.r, c.p), "\n"))
	}
	golden(t, "argv.golden", b.String())
}

// The recordings are podman 4.3.1's.
func TestStepParser(t *testing.T) {
	for _, name := range []string{"fresh", "cached", "failed", "fake", "waiting", "jobs"} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", name+".stdout"))
			if err != nil {
				t.Fatal(err)
			}
			p := stepParser{parallel: name == "jobs"}
			var b strings.Builder
			for _, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
				for _, m := range p.line(line) {
					kind := []string{"begins", "cached", "ends", "log"}[m.kind]
					fmt.Fprintf(&b, "%-6s %2d %2d %s%.12s\n", kind, m.stage, m.step, m.text, m.image)
				}
			}
			golden(t, name+".marks", b.String())
		})
	}
}

func TestClassify(t *testing.T) {
	failedRun := `Error: building at STEP "RUN make": while running runtime: exit status `
	for _, c := range []struct {
		name   string
		end    ended
		stderr string
		class  exec.Class
		code   int
	}{
		{"a step failed", ended{code: 7}, failedRun + "7", exec.ClassStep, 7},
		{"a step of several lines failed", ended{code: 2}, "Error: building at STEP \"RUN a \n b\": while running runtime: exit status 2", exec.ClassStep, 2},
		{"a step ended with podman's own code", ended{code: 125}, failedRun + "125", exec.ClassStep, 125},
		{"a step printed an engine's words", ended{code: 1}, "no space left on device\n" + failedRun + "1", exec.ClassStep, 1},
		{"limits", ended{code: 1}, "error running container: from /usr/bin/runc creating container for [x]: setting rlimit type 7: operation not permitted\n" + failedRun + "1", exec.ClassLimits, 1},
		{"limits of 5.4", ended{code: 125}, `Error: setting "RLIMIT_NOFILE" limit to soft=1048576`, exec.ClassLimits, 125},
		{"runtime", ended{code: 1}, "error running container: from /usr/bin/crun creating container for [x]: cgroups in hybrid mode not supported, drop all controllers from cgroupv2\n: exit status 1\n" + failedRun + "1", exec.ClassRuntime, 1},
		{"command not in the image", ended{code: 1}, "error running container: from /usr/bin/runc creating container for [nope]: exec: \"nope\": executable file not found in $PATH\n" + failedRun + "1", exec.ClassStep, 1},
		{"base missing", ended{code: 125}, "Error: creating build container: localhost/x:1: image not known", exec.ClassBaseMissing, 125},
		{"short name", ended{code: 125}, `Error: creating build container: short-name "x:1" did not resolve to an alias`, exec.ClassBaseMissing, 125},
		{"registry", ended{code: 125}, `Error: initializing source docker://x: pinging container registry x: dial tcp: lookup x: no such host`, exec.ClassRegistry, 125},
		{"misspelt stage", ended{code: 125}, "Error: no stage or image found with that name", exec.ClassRecipe, 125},
		{"unknown instruction", ended{code: 125}, `Error: building: Unknown instruction: "ECHO"`, exec.ClassRecipe, 125},
		{"dialect", ended{code: 125}, "Error: COPY only supports the --chmod=<permissions> --chown=<uid:gid> and the --from=<image|stage> flags", exec.ClassDialect, 125},
		{"no file", ended{code: 125}, `Error: building at STEP "COPY x /": checking on sources under "/c": copier: stat: "/x": no such file or directory`, exec.ClassContext, 125},
		{"secret", ended{code: 125}, `Error: building at STEP "RUN x": resolving mountpoints for container "y": secret required but no secret with id zz found`, exec.ClassSecret, 125},
		{"secret file", ended{code: 125}, "Error: could not parse secrets: faccessat /nope: no such file or directory", exec.ClassSecret, 125},
		{"disk full", ended{code: 1}, "Error: committing container for step {x}: copying layers: no space left on device", exec.ClassDiskFull, 1},
		{"network", ended{code: 1}, `Error: slirp4netns failed: open("/dev/net/tun"): No such file or directory`, exec.ClassNetwork, 1},
		{"storage", ended{code: 125}, "Error: creating runtime static files directory: mkdir /x/libpod: permission denied", exec.ClassStorage, 125},
		{"storage of another driver", ended{code: 125}, `Error: database storage graph driver "" does not match: database configuration mismatch`, exec.ClassStorage, 125},
		{"killed", ended{code: -1, signal: true}, "", exec.ClassKilled, -1},
		{"silence", ended{code: 1}, `time="x" level=warning msg="y"`, exec.ClassInterrupted, 1},
		{"not installed", ended{code: -1, err: osexec.ErrNotFound}, "", exec.ClassNoEngine, -1},
		{"not startable", ended{code: -1, err: errors.New("odd")}, "", exec.ClassUnknown, -1},
		{"unknown", ended{code: 125}, "Error: odd", exec.ClassUnknown, 125},
	} {
		t.Run(c.name, func(t *testing.T) {
			class, message, code := classify(c.end, ownWords(strings.Split(c.stderr, "\n")))
			if class != c.class || code != c.code || message == "" || strings.Contains(message, "\n") {
				t.Errorf("class %s, code %d, message %q; want %s, %d, one line", class, code, message, c.class, c.code)
			}
		})
	}
}

// A container is only taken for a leftover when all signs agree.
func TestLeftBy(t *testing.T) {
	dead := []trace{{images: []string{"aaaaaaaaaaa"}}}
	dead[0].start = contextTime
	at := contextTime.Unix()
	mine := container{ID: "x", ImageID: strings.Repeat("a", 64), Status: "Storage", Command: []string{"buildah"}, Created: at}
	for _, c := range []struct {
		name   string
		change func(*container)
		want   int
	}{
		{"of our image", func(*container) {}, 1},
		{"from scratch", func(c *container) { c.ImageID = "" }, 1},
		{"of another image", func(c *container) { c.ImageID = strings.Repeat("b", 64) }, 0},
		{"older", func(c *container) { c.Created = at - 1 }, 0},
		{"a container that runs", func(c *container) { c.Status = "Up 2 seconds" }, 0},
		{"not of a build", func(c *container) { c.Command = []string{"sh"} }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			one := mine
			c.change(&one)
			if got := len(leftBy([]container{one}, dead)); got != c.want {
				t.Errorf("leftBy picked %d, want %d", got, c.want)
			}
		})
	}
	if got := leftBy([]container{mine}, []trace{{}}); len(got) != 0 {
		t.Errorf("an unreadable trace claims %v", got)
	}
}

// Builds that begin together ask for podman's version once.
func TestVersionIsAskedOnce(t *testing.T) {
	asked := filepath.Join(t.TempDir(), "asked")
	script := `echo >> ` + asked + `; sleep 0.1; echo '{"Client": {"Version": "4.3.1"}}'`
	x := New(Options{Cmd: []string{"sh", "-c", script, "podman"}})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if v, err := x.podmanVersion(t.Context()); err != nil || v.text != "4.3.1" {
				t.Errorf("version %q, %v", v.text, err)
			}
		})
	}
	group.Wait()
	if text, err := os.ReadFile(asked); err != nil || string(text) != "\n" {
		t.Errorf("asked %d times (%v), want once", len(text), err)
	}
}
