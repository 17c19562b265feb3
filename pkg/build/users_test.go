package build_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/build/buildtest"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/testfile"
)

// usersFiles is a project of user layers: on the built-in ones, on the base, on
// an external image, on nothing and on each other.
var usersFiles = map[string]string{
	"dev.Dockerfile": `ARG ON=l1
FROM ${ON} AS dev
ARG NAME
USER root
COPY src/ /src/
RUN echo "$NAME" > /name; claude > /says; ls -l /src > /list
USER dev
`,
	"tools.Dockerfile": `FROM docker.io/library/other:1 AS other
RUN echo other > /other
FROM base
COPY --from=other /other /other
COPY --from=dev /name /src/linked /from-dev/
COPY --from=agent/codex / /
RUN --mount=type=bind,source=src,target=/m cat /m/a > /bound
`,
	"bare.Dockerfile": `FROM scratch AS unused
COPY nothing /
FROM scratch AS all
COPY . /ctx
FROM scratch AS more
COPY src /
`,
	"bare.Dockerfile.dockerignore": "# what is kept\n**/*.log\nbig\n!big/kept\n",
	".dockerignore":                "src/ignored\n",
	"src/a":                        "a\n",
	"src/sub/b":                    "b\n",
	"src/ignored":                  "i\n",
	"src/x.log":                    "log\n",
	"big/left":                     "l\n",
	"big/kept":                     "k\n",
}

// users is a project with layers of the user's.
type users struct {
	*project
	dir    string
	layers []layers.UserLayer
}

// newUsers makes a project one of user layers; none is declared yet.
func newUsers(t *testing.T, p *project) *users {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	u := &users{project: p, dir: t.TempDir()}
	p.changes = append(p.changes, func(s *build.Spec, _ *build.Options) { s.Layers, s.NoL1 = u.layers, true })
	return u
}

// declare adds the layer of NAME.Dockerfile.
func (u *users) declare(name, tag string) *layers.UserLayer {
	u.layers = append(u.layers, layers.UserLayer{
		Name: name, Dockerfile: filepath.Join(u.dir, name+".Dockerfile"), Context: u.dir, Tags: []string{tag},
	})
	return &u.layers[len(u.layers)-1]
}

func newUsersProject(t *testing.T, p *project) *users {
	t.Helper()
	p.engine.addBase(t, "docker.io/library/other:1", "OTHER=1")
	u := newUsers(t, p)
	for name, text := range usersFiles {
		u.write(t, name, text)
	}
	if err := os.Symlink("a", filepath.Join(u.dir, "src/linked")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dev", "tools", "bare"} {
		u.declare(name, "shop-"+name+":latest")
	}
	u.layers[0].Args = map[string]string{"NAME": "first"}
	u.layers[2].Target = "all"
	return u
}

func (u *users) write(t *testing.T, name, text string) {
	t.Helper()
	testfile.Write(t, filepath.Join(u.dir, name), text)
}

func TestUsersOnPodman(t *testing.T) {
	u := newUsersProject(t, newBuiltProject(t))
	u.expect(t, "bare no-image(shop-bare:latest); dev no-image(shop-dev:latest); tools no-image(shop-tools:latest)")
	userLayers(t, u, "bare dev tools")
}

func TestUsersOnBuildkit(t *testing.T) {
	u := newUsersProject(t, newLayoutProject(t))
	u.expect(t, "agent/claude no-image(terok-agent-claude:2.1.0); agent/codex no-image(terok-agent-codex:0.168.0); "+
		"bare no-image(shop-bare:latest); dev no-image(shop-dev:latest); fetch no-image(terok-fetch:debian-12); l0 no-image(terok-l0:debian-12); "+
		"l1 no-image(terok-l1-cli:debian-12-claude-codex); tools no-image(shop-tools:latest)")
	userLayers(t, u, "agent/claude agent/codex bare dev fetch l0 l1 tools")
}

// What a user's layers are made from, and every edit of it, in plan and apply;
// first is what is built first.
func userLayers(t *testing.T, u *users, first string) {
	if got := u.apply(t); got != first {
		t.Fatalf("the first apply built %q", got)
	}
	u.upToDate(t)
	got := u.run(t, "shop-dev:latest", "sh", "-c", "cat /name /says; ls /src")
	if want := "first\nclaude 2.1.0\na\nlinked\nsub\nx.log"; got != want {
		t.Errorf("dev says %q, want %q", got, want)
	}
	got = u.run(t, "shop-tools:latest", "sh", "-c", "cat /other /from-dev/* /bound; codex")
	if want := "other\na\nfirst\na\ncodex 0.168.0"; got != want {
		t.Errorf("tools says %q, want %q", got, want)
	}
	u.edits(t)
	t.Run("refresh", func(t *testing.T) {
		ask := refresh("dev")
		u.expect(t, "dev refresh-requested(dev); tools input-rebuilt(dev)", ask)
		if got := u.apply(t, ask); got != "dev tools" {
			t.Errorf("built %q", got)
		}
		u.upToDate(t)
	})
	t.Run("an external image moves", func(t *testing.T) {
		u.engine.addBase(t, "docker.io/library/other:1", "OTHER=2")
		u.expect(t, "tools base-moved(docker.io/library/other:1)")
		if got := u.apply(t); got != "tools" {
			t.Errorf("built %q", got)
		}
		u.upToDate(t)
	})
	t.Run("the order of declaration", func(t *testing.T) {
		u.layers[0], u.layers[2] = u.layers[2], u.layers[0]
		u.upToDate(t)
	})
	t.Run("a name that nothing has", func(t *testing.T) {
		u.write(t, "bare.Dockerfile", "FROM scratch AS all\nCOPY . /ctx\nCOPY --from=tols /x /x\n")
		_, err := u.tryApply()
		if err == nil || !strings.Contains(err.Error(), `bare.Dockerfile:3: "tols" is neither`) || !strings.Contains(err.Error(), "nearest: tools") {
			t.Errorf("got %v", err)
		}
	})
}

func (u *users) edits(t *testing.T) {
	write := func(name, text string) func(*testing.T) { return func(t *testing.T) { u.write(t, name, text) } }
	chmod := func(name string, mode os.FileMode) func(*testing.T) {
		return func(t *testing.T) {
			if err := os.Chmod(filepath.Join(u.dir, name), mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	link := func(target string) func(*testing.T) {
		return func(t *testing.T) {
			path := filepath.Join(u.dir, "src/linked")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(target, path); err != nil {
				t.Fatal(err)
			}
		}
	}
	text := usersFiles
	for _, tc := range []struct {
		name       string
		edit, back func(t *testing.T)
		want       string
		builds     string
		again      string // what going back builds
	}{
		{
			name: "a file that several read", edit: write("src/a", "new\n"), back: write("src/a", text["src/a"]),
			want:   "bare file-changed(src/a); dev file-changed(src/a); tools input-changed(dev) file-changed(src/a)",
			builds: "bare dev tools",
		},
		{
			name: "a file that is ignored for one", edit: write("src/ignored", "new\n"), back: write("src/ignored", text["src/ignored"]),
			want: "bare file-changed(src/ignored)", builds: "bare",
		},
		{
			name: "a file that an exception takes back", edit: write("big/kept", "new\n"), back: write("big/kept", text["big/kept"]),
			want: "bare file-changed(big/kept)", builds: "bare",
		},
		{name: "a file that nobody sees", edit: write("big/left", "new\n"), back: write("big/left", text["big/left"])},
		{
			name: "a comment in a file that is copied with all others", edit: write("dev.Dockerfile", "# new\n"+text["dev.Dockerfile"]),
			back: write("dev.Dockerfile", text["dev.Dockerfile"]), want: "bare file-changed(dev.Dockerfile)", builds: "bare",
		},
		{
			name: "an argument, a link and the mode of a directory",
			edit: func(t *testing.T) {
				u.layers[0].Args = map[string]string{"NAME": "second"}
				chmod("src/sub", 0o700)(t)
				link("sub/b")(t)
			},
			back: func(t *testing.T) {
				u.layers[0].Args = map[string]string{"NAME": "first"}
				chmod("src/sub", 0o755)(t)
				link("a")(t)
			},
			want: "bare file-changed(src/linked) mode-changed(src/sub 0755→0700); " +
				"dev arg-changed(NAME) file-changed(src/linked) mode-changed(src/sub 0755→0700); " +
				"tools input-changed(dev) file-changed(src/linked) mode-changed(src/sub 0755→0700)",
			builds: "bare dev tools",
		},
		{
			name: "only the configuration, which a copy does not see",
			edit: write("dev.Dockerfile", text["dev.Dockerfile"]+"ENV A=b\n"), back: write("dev.Dockerfile", text["dev.Dockerfile"]),
			want: "bare file-changed(dev.Dockerfile); dev instruction-added(ENV); tools input-rebuilt(dev)", builds: "bare dev tools", again: "tools",
		},
		{
			name: "a script of l0",
			edit: func(t *testing.T) { u.Write(t, "scripts/l0/another", "#!/bin/sh\n") }, back: func(t *testing.T) { u.Remove(t, "scripts/l0/another") },
			want: "dev input-changed(l1); l0 file-added(scripts/l0/another); l1 input-changed(l0); tools input-changed(dev)", builds: "dev l0 l1 tools",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.edit(t)
			u.expect(t, tc.want)
			if got := u.apply(t); got != tc.builds {
				t.Errorf("built %q, want %q", got, tc.builds)
			}
			u.upToDate(t)
			tc.back(t)
			if got := u.apply(t); got != tc.again {
				t.Errorf("going back built %q, want %q", got, tc.again)
			}
			u.upToDate(t)
		})
	}
}

// A project can be of Dockerfiles alone; nothing of the program's own is drawn.
func TestUsersAloneOnPodman(t *testing.T) { usersAlone(t, newProject(t)) }

func TestUsersAloneOnBuildkit(t *testing.T) { usersAlone(t, newLayoutProject(t)) }

func usersAlone(t *testing.T, p *project) {
	u := newUsers(t, p)
	u.write(t, "one.Dockerfile", "FROM debian:12\nRUN echo one > /one\n")
	u.write(t, "two.Dockerfile", "FROM one\nRUN cat /one > /two\n")
	for _, name := range []string{"two", "one"} {
		u.declare(name, "my-"+name+":1")
	}
	p.changes = append(p.changes, func(s *build.Spec, _ *build.Options) { s.Base = "scratch" })
	p.expect(t, "one no-image(my-one:1); two no-image(my-two:1)")
	if got := p.apply(t); got != "one two" {
		t.Errorf("built %q", got)
	}
	p.upToDate(t)
	if got := p.run(t, "my-two:1", "cat", "/two"); got != "one" {
		t.Errorf("two says %q", got)
	}
	if n, ok := p.plan(t).Graph.Lookup("debian:12"); !ok || n.Ref != "debian:12" {
		t.Errorf("the external image is %+v; %s is in the store", n, buildtest.Base)
	}
}
