package buildkit_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
)

// withEnv returns an executor on an address with an environment of its own.
func withEnv(t *testing.T, address string, target buildkit.Target, env map[string]string) *buildkit.Executor {
	t.Helper()
	x := buildkit.New(buildkit.Options{Addresses: []string{address}, Target: target, Getenv: func(name string) string { return env[name] }})
	t.Cleanup(func() { _ = x.Close() })
	return x
}

// With SOURCE_DATE_EPOCH two builds that share no cache give the same bytes,
// and the layers of the base stay what they are.
func TestReproducible(t *testing.T) {
	env := map[string]string{"SOURCE_DATE_EPOCH": "1700000000"}
	files := fstest.MapFS{"d": {Mode: fs.ModeDir | 0o755}, "d/f": exectest.File("text")}
	var results [2][2]exec.Result
	for i := range results {
		target, dir, base := newLayout(t)
		x := withEnv(t, buildkittest.Daemon(t), target, env)
		l0, _ := exectest.Build(t, x, request(exectest.WithBase+"RUN date > /dev/null; mkdir /made && echo x > /made/file\nCOPY d/ /d/\n", files, exectest.OnBase(base)))
		l1, _ := exectest.Build(t, x, request("ARG L0=terok-l0:x\nFROM ${L0}\nRUN touch /l1\n", nil,
			exec.Parent{Node: "l0", Arg: "L0", Ref: "terok-l0:x", Image: l0.Image}))
		results[i] = [2]exec.Result{l0, l1}
		below, above := buildkittest.ImageIn(t, dir, base), buildkittest.ImageIn(t, dir, l1.Image)
		first, err := below.Layers()
		if err != nil {
			t.Fatal(err)
		}
		all, err := above.Layers()
		if err != nil {
			t.Fatal(err)
		}
		want, _ := first[0].Digest()
		if got, _ := all[0].Digest(); got != want {
			t.Errorf("the base's layer is %s in the image, want %s", got, want)
		}
	}
	for i, what := range []string{"l0", "l1"} {
		if a, b := results[0][i], results[1][i]; a.Manifest != b.Manifest || a.Image != b.Image {
			t.Errorf("%s: %+v and %+v, want the same digests", what, a, b)
		}
	}
}

// The network of steps: the host's where it is allowed, none where asked.
func TestNetworkModes(t *testing.T) {
	x, dir, base := onLayout(t)
	inside := func(mode string) string {
		r := request(exectest.WithBase+"# "+mode+"\nRUN cat /proc/net/dev | grep -c : > /devices; readlink /proc/self/ns/net > /ns\n", nil, exectest.OnBase(base))
		r.Options.Network = mode
		r.Salt = "salt-" + mode
		res, _ := exectest.Build(t, x, r)
		return contentOf(t, dir, res.Image, "/ns")
	}
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	if got := inside("host"); got != own {
		t.Errorf("host: network %s, want %s", got, own)
	}
	if got := inside("none"); got == own {
		t.Errorf("none: network %s is the host's", got)
	}
	r := request(exectest.WithBase+"RUN true\n", nil, exectest.OnBase(base))
	r.Options.Network = "bridge"
	if e := exectest.BuildError(t, x, r); e.Class != exec.ClassRecipe || !strings.Contains(e.Message, `"bridge"`) {
		t.Errorf("an unknown mode: %v (class %s)", e, e.Class)
	}
}

// A daemon that does not give the host's network says so, and the hint how.
func TestNetworkNotAllowed(t *testing.T) {
	buildkittest.Require(t)
	env, stop, err := buildkittest.Open(buildkittest.NoEntitlements)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stop() }()
	target, _, base := newLayout(t)
	x := executor(t, env.Address, target)
	r := request(exectest.WithBase+"RUN true\n", nil, exectest.OnBase(base))
	r.Options.Network = "host"
	if e := exectest.BuildError(t, x, r); e.Class != exec.ClassNetwork || !strings.Contains(e.Hint, "--allow-insecure-entitlement") {
		t.Errorf("error = %v (class %s, hint %q), want network-setup", e, e.Class, e.Hint)
	}
}

// Proxies reach steps, and no image; another proxy runs nothing again.
func TestProxies(t *testing.T) {
	env := buildkittest.Shared(t)
	target, dir, base := newLayout(t)
	r := request(exectest.WithBase+"RUN echo \"$http_proxy\" > /proxy; cat /proc/sys/kernel/random/uuid > /id\n", nil, exectest.OnBase(base))
	var ids []string
	for _, proxy := range []string{"http://one.example:1", "http://two.example:2"} {
		res, _ := exectest.Build(t, withEnv(t, env.Address, target, map[string]string{"http_proxy": proxy}), r)
		img := buildkittest.ImageIn(t, dir, res.Image)
		config, err := img.RawConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(config), proxy) {
			t.Error("the proxy is in the image's configuration")
		}
		if got := exectest.Content(t, img, "/proxy"); got != "http://one.example:1" {
			t.Errorf("the step saw %q", got)
		}
		ids = append(ids, exectest.Content(t, img, "/id"))
	}
	if ids[0] != ids[1] {
		t.Error("another proxy ran the step again")
	}
}

// A store that cannot be written is said to be the trouble.
func TestStoreNotWritable(t *testing.T) {
	env := buildkittest.Shared(t)
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	x := executor(t, env.Address, buildkit.NewLayout(buildkit.LayoutOptions{Dir: filepath.Join(blocked, "images"), Platform: layers.HostPlatform}))
	e := exectest.BuildError(t, x, request("FROM scratch\nCOPY f /\n", fstest.MapFS{"f": exectest.File("x")}))
	if e.Class != exec.ClassStorage || e.Hint == "" || e.Node != graph.ID("demo") {
		t.Errorf("error = %v (class %s, hint %q), want storage", e, e.Class, e.Hint)
	}
}

// Secrets that cannot be read or are too large are refused before the build.
func TestBadSecrets(t *testing.T) {
	x, _, base := onLayout(t)
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, make([]byte, 600<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{large, large + "-gone"} {
		r := request(exectest.WithBase+"RUN true\n", nil, exectest.OnBase(base))
		r.Options.Secrets = map[string]string{"s": path}
		if e := exectest.BuildError(t, x, r); e.Class != exec.ClassSecret || e.Hint == "" {
			t.Errorf("%s: %v (class %s), want secret", path, e, e.Class)
		}
	}
	r := request(exectest.WithBase+"RUN true\n", nil, exectest.OnBase(base))
	r.Options.SSH = []string{"default=/nonexistent/agent"}
	if e := exectest.BuildError(t, x, r); e.Class != exec.ClassSecret || e.Hint == "" {
		t.Errorf("ssh: %v (class %s), want secret", e, e.Class)
	}
}
