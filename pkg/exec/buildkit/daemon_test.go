package buildkit_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/layers"
)

// newLayout is an empty layout as a target, and a busybox in it.
func newLayout(t *testing.T) (target *buildkit.Layout, dir, base string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "images")
	base = buildkittest.AddToLayout(t, dir, exectest.BaseRef, buildkittest.Busybox(t))
	return buildkit.NewLayout(buildkit.LayoutOptions{Dir: dir, Platform: layers.HostPlatform}), dir, base
}

// Addresses that cannot be meant are refused before anything is dialled.
func TestBadAddresses(t *testing.T) {
	buildkittest.Require(t)
	for _, c := range []struct{ address, want string }{
		{"/run/buildkit.sock", "no scheme"},
		{"http://127.0.0.1:1", `unknown scheme "http"`},
		{"unix://run/buildkit.sock", "must begin with /"},
		{"tcp://127.0.0.1", "no port"},
		{"docker-container://", "names no host"},
		{"tcp://127.0.0.1:1?cert=/nonexistent", "cert and key go together"},
		{"tcp://127.0.0.1:1?ca=/nonexistent", "cannot read /nonexistent"},
		{"tcp://127.0.0.1:1?tls=1", `unknown parameter "tls"`},
	} {
		t.Run(c.address, func(t *testing.T) {
			target, _, base := newLayout(t)
			e := exectest.BuildError(t, executor(t, c.address, target), request(exectest.WithBase+"RUN true\n", nil, exectest.OnBase(base)))
			if e.Class != exec.ClassNoEngine || !strings.Contains(e.Message, c.want) || e.Hint == "" {
				t.Errorf("error = %v (class %s, hint %q), want no-engine and %q", e, e.Class, e.Hint, c.want)
			}
		})
	}
}

// Where no daemon answers, or something else does, the error says so soon.
func TestNobodyAnswers(t *testing.T) {
	buildkittest.Require(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Minute}
	go func() { _ = web.Serve(l) }()
	t.Cleanup(func() { _ = web.Close() })
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = free.Close()
	for _, c := range []struct{ name, address, hint string }{
		{"no socket", "unix:///nonexistent/bk.sock", "no such socket"},
		{"nobody listens", "tcp://" + free.Addr().String(), "nobody listens"},
		{"a web server", "tcp://" + l.Addr().String(), "something else than BuildKit"},
		{"silence", "tcp://" + silent.Addr().String(), "correct --buildkit-addr"},
	} {
		t.Run(c.name, func(t *testing.T) {
			target, _, base := newLayout(t)
			x := buildkit.New(buildkit.Options{
				Addresses: []string{c.address}, Target: target, Getenv: noEnv, Deadline: time.Second,
			})
			e := exectest.BuildError(t, x, request(exectest.WithBase+"RUN true\n", nil, exectest.OnBase(base)))
			if e.Class != exec.ClassNoEngine || !strings.Contains(e.Hint, c.hint) {
				t.Errorf("error = %v (class %s, hint %q), want no-engine and a hint with %q", e, e.Class, e.Hint, c.hint)
			}
		})
	}
}

// BUILDKIT_HOST is used when no address is given.
func TestHostVariable(t *testing.T) {
	env := buildkittest.Shared(t)
	target, _, base := newLayout(t)
	x := buildkit.New(buildkit.Options{Target: target, Getenv: func(name string) string {
		if name == "BUILDKIT_HOST" {
			return env.Address
		}
		return ""
	}, Managed: buildkit.Managed{Binary: "/nonexistent/buildkitd"}})
	defer func() { _ = x.Close() }()
	exectest.Build(t, x, request(exectest.WithBase+"RUN true\n", nil, exectest.OnBase(base)))
}

// managed returns an executor that starts a daemon, and its cache's directory.
func managed(t *testing.T, target buildkit.Target) (*buildkit.Executor, string) {
	t.Helper()
	buildkittest.Require(t)
	if _, err := os.Stat("/run/buildkit/buildkitd.sock"); err == nil {
		t.Log("this machine has a daemon at the usual place, which is used instead")
	}
	binary, err := buildkittest.Binary()
	if err != nil {
		t.Fatal(err)
	}
	root := buildkittest.Dir(t)
	return buildkit.New(buildkit.Options{
		Target: target, Getenv: noEnv, Managed: buildkit.Managed{Binary: binary, Root: root}, Deadline: 10 * time.Second,
	}), root
}

// Without any address a daemon is started, and gone when the run is; its cache
// stays.
func TestManagedDaemon(t *testing.T) {
	target, _, base := newLayout(t)
	x, root := managed(t, target)
	r := request(exectest.WithBase+"RUN cat /proc/sys/kernel/random/uuid > /id\n", nil, exectest.OnBase(base))
	r.Options.Network = "host"
	if res, _ := exectest.Build(t, x, r); res.Cached != 0 {
		t.Errorf("result %+v of a new daemon, want steps that ran", res)
	}
	clash := buildkit.New(buildkit.Options{Target: target, Getenv: noEnv, Managed: buildkit.Managed{Binary: mustBinary(t), Root: root}})
	if e := exectest.BuildError(t, clash, r); e.Class != exec.ClassNoEngine || !strings.Contains(e.Hint, "another run") {
		t.Errorf("a second daemon on one cache: %v (hint %q)", e, e.Hint)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	exectest.WaitForNone(t, root)
	again := buildkit.New(buildkit.Options{Target: target, Getenv: noEnv, Managed: buildkit.Managed{Binary: mustBinary(t), Root: root}})
	_, rec := exectest.Build(t, again, r)
	if got := rec.Of(exec.StepCached); len(got) != 1 || !strings.HasPrefix(got[0].Text, "RUN ") {
		t.Errorf("cached in the next daemon: %+v, want the RUN", got)
	}
	r.Options.Network = "private"
	if e := exectest.BuildError(t, again, r); e.Class != exec.ClassNetwork || e.Hint == "" {
		t.Errorf("a private network: %v (class %s), want network-setup", e, e.Class)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	exectest.WaitForNone(t, root)
}

func mustBinary(t *testing.T) string {
	t.Helper()
	path, err := buildkittest.Binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Nothing to start is an error that names the ways.
func TestNoDaemonAtAll(t *testing.T) {
	buildkittest.Require(t)
	target, _, base := newLayout(t)
	x := buildkit.New(buildkit.Options{Target: target, Getenv: noEnv, Managed: buildkit.Managed{Binary: "no-such-buildkitd"}})
	e := exectest.BuildError(t, x, request(exectest.WithBase+"RUN true\n", nil, exectest.OnBase(base)))
	for _, way := range []string{"--buildkit-addr", "BUILDKIT_HOST", "usual sockets", "buildkitd to start"} {
		if !strings.Contains(e.Message, way) {
			t.Errorf("%q does not name %s", e.Message, way)
		}
	}
}

// A daemon that cannot start shows its own words.
func TestDaemonFailsToStart(t *testing.T) {
	buildkittest.Require(t)
	script := filepath.Join(t.TempDir(), "buildkitd")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho noise\necho 'buildkitd: failed to find runc binary' >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	target, _, base := newLayout(t)
	x := buildkit.New(buildkit.Options{Target: target, Getenv: noEnv, Managed: buildkit.Managed{Binary: script, Root: t.TempDir()}})
	e := exectest.BuildError(t, x, request(exectest.WithBase+"RUN true\n", nil, exectest.OnBase(base)))
	if e.Class != exec.ClassNoEngine || !strings.Contains(e.Message, "failed to find runc binary") || e.Hint != "install runc" {
		t.Errorf("error = %v (hint %q)", e, e.Hint)
	}
}

// A cancelled run ends the steps and then its daemon.
func TestCancelManaged(t *testing.T) {
	target, _, base := newLayout(t)
	x, root := managed(t, target)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rec := &exectest.Recorder{Seen: func(e exec.Event) {
		if e.Kind == exec.Log && e.Text == "running" {
			cancel()
		}
	}}
	_, err := x.Build(ctx, request(exectest.WithBase+"RUN echo running && sleep 87654\n", nil, exectest.OnBase(base)), rec)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want context.Canceled", err)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	exectest.WaitForNone(t, "sleep\x0087654")
	exectest.WaitForNone(t, root)
}

// Layers are spread over the daemons and meet in the registry; when one daemon
// dies in the middle of a build that build fails with a clear error, and the
// others go on.
func TestTwoDaemons(t *testing.T) {
	first := buildkittest.Shared(t)
	second, stop, err := buildkittest.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stop() }()
	r := exectest.ServeRegistry(t)
	ref, id := putBase(t, r)
	x := buildkit.New(buildkit.Options{
		Addresses: []string{first.Address, second.Address}, Target: registryTarget(r, ""), Getenv: noEnv,
	})
	defer func() { _ = x.Close() }()
	if _, err := x.Pull(t.Context(), ref, &exectest.Recorder{}); err != nil {
		t.Fatal(err)
	}
	below := request(withRef(ref)+"RUN echo below > /below\n", nil, exectest.On("BASE", ref, id))
	below.Names = []string{"terok-below:1"}
	made, _ := exectest.Build(t, x, below)
	// The next one is for the second daemon, which knows the parent only from
	// the registry.
	top := request(withRef("terok-below:1")+"RUN cat /below > /top\n", nil, exectest.On("BASE", "terok-below:1", made.Image))
	exectest.Build(t, x, top)
	exectest.Build(t, x, below)

	rec := &exectest.Recorder{Seen: func(e exec.Event) {
		if e.Kind == exec.Log && e.Text == "running" {
			second.Kill()
		}
	}}
	_, err = x.Build(t.Context(), request(withRef(ref)+"RUN echo running && sleep 76543\n", nil, exectest.On("BASE", ref, id)), rec)
	exectest.EndAll(t, "sleep\x0076543") // a daemon that is killed leaves its steps
	var e *exec.Error
	if !errors.As(err, &e) || e.Class != exec.ClassNoEngine || e.Hint == "" {
		t.Fatalf("error = %v, want one of class no-engine with a hint", err)
	}
	exectest.Build(t, x, below)
}
