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
	files := fstest.MapFS{"d": {Mode: fs.ModeDir | 0o755}, "d/f": file("text")}
	var results [2][2]exec.Result
	for i := range results {
		target, dir, base := newLayout(t)
		x := withEnv(t, buildkittest.Daemon(t), target, env)
		l0, _ := build(t, x, request(withBase+"RUN date > /dev/null; mkdir /made && echo x > /made/file\nCOPY d/ /d/\n", files, fromBase(base)))
		l1, _ := build(t, x, request("ARG L0=terok-l0:x\nFROM ${L0}\nRUN touch /l1\n", nil,
			exec.Parent{Node: "l0", Arg: "L0", Ref: "terok-l0:x", Image: l0.Image}))
		results[i] = [2]exec.Result{l0, l1}
		below, above := imageIn(t, dir, base), imageIn(t, dir, l1.Image)
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
		r := request(withBase+"# "+mode+"\nRUN cat /proc/net/dev | grep -c : > /devices; readlink /proc/self/ns/net > /ns\n", nil, fromBase(base))
		r.Options.Network = mode
		r.Salt = "salt-" + mode
		res, _ := build(t, x, r)
		return contentOf(t, imageIn(t, dir, res.Image), "/ns")
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
	r := request(withBase+"RUN true\n", nil, fromBase(base))
	r.Options.Network = "bridge"
	if e := buildError(t, x, r); e.Class != exec.ClassRecipe || !strings.Contains(e.Message, `"bridge"`) {
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
	r := request(withBase+"RUN true\n", nil, fromBase(base))
	r.Options.Network = "host"
	if e := buildError(t, x, r); e.Class != exec.ClassNetwork || !strings.Contains(e.Hint, "--allow-insecure-entitlement") {
		t.Errorf("error = %v (class %s, hint %q), want network-setup", e, e.Class, e.Hint)
	}
}

// A context that lies on disk is read from there, without what it ignores.
func TestContextDirectory(t *testing.T) {
	x, dir, base := onLayout(t)
	project := t.TempDir()
	for name, text := range map[string]string{
		"kept": "kept", "secret": "ignored", "sub/file": "deep", ".dockerignore": "# why\nsecret\n",
	} {
		path := filepath.Join(project, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := request(withBase+"COPY . /ctx/\nRUN ls -A /ctx | sort | tr '\\n' ' ' > /list\n", nil, fromBase(base))
	r.Recipe.ContextDir = project
	res, _ := build(t, x, r)
	img := imageIn(t, dir, res.Image)
	if got := contentOf(t, img, "/list"); got != ".dockerignore kept sub " {
		t.Errorf("the context held %q", got)
	}
	if err := os.WriteFile(filepath.Join(project, "sub/file"), []byte("changed"), 0o644); err != nil {
		t.Fatal(err)
	}
	res, _ = build(t, x, r)
	if got := contentOf(t, imageIn(t, dir, res.Image), "/ctx/sub/file"); got != "changed" {
		t.Errorf("after an edit: %q", got)
	}
}

// Proxies reach steps, and no image; another proxy runs nothing again.
func TestProxies(t *testing.T) {
	env := daemon(t)
	target, dir, base := newLayout(t)
	r := request(withBase+"RUN echo \"$http_proxy\" > /proxy; cat /proc/sys/kernel/random/uuid > /id\n", nil, fromBase(base))
	var ids []string
	for _, proxy := range []string{"http://one.example:1", "http://two.example:2"} {
		res, _ := build(t, withEnv(t, env.Address, target, map[string]string{"http_proxy": proxy}), r)
		img := imageIn(t, dir, res.Image)
		config, err := img.RawConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(config), proxy) {
			t.Error("the proxy is in the image's configuration")
		}
		if got := contentOf(t, img, "/proxy"); got != "http://one.example:1" {
			t.Errorf("the step saw %q", got)
		}
		ids = append(ids, contentOf(t, img, "/id"))
	}
	if ids[0] != ids[1] {
		t.Error("another proxy ran the step again")
	}
}

// A store that cannot be written is said to be the trouble.
func TestStoreNotWritable(t *testing.T) {
	env := daemon(t)
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	x := executor(t, env.Address, buildkit.NewLayout(buildkit.LayoutOptions{Dir: filepath.Join(blocked, "images"), Platform: layers.HostPlatform}))
	e := buildError(t, x, request("FROM scratch\nCOPY f /\n", fstest.MapFS{"f": file("x")}))
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
		r := request(withBase+"RUN true\n", nil, fromBase(base))
		r.Options.Secrets = map[string]string{"s": path}
		if e := buildError(t, x, r); e.Class != exec.ClassSecret || e.Hint == "" {
			t.Errorf("%s: %v (class %s), want secret", path, e, e.Class)
		}
	}
	r := request(withBase+"RUN true\n", nil, fromBase(base))
	r.Options.SSH = []string{"default=/nonexistent/agent"}
	if e := buildError(t, x, r); e.Class != exec.ClassSecret || e.Hint == "" {
		t.Errorf("ssh: %v (class %s), want secret", e, e.Class)
	}
}
