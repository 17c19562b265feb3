package build_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
	"github.com/terok-ai/terok-agent/pkg/layers"
)

// shopFiles is a project whose layers read files, and each other.
var shopFiles = map[string]string{
	"lib.Dockerfile": "FROM base AS made\nCOPY src /src\nRUN cat /src/a > /lib\nFROM scratch\nCOPY --from=made /lib /lib\n",
	"app.Dockerfile": "FROM base\nCOPY --from=lib /lib /lib\nCOPY conf /conf\n",
	"src/a":          "a\n",
	"src/deep/b":     "b\n",
	"conf/c":         "c\n",
}

// cloneShop checks the project out into a directory of its own.
func cloneShop(t *testing.T, p *project) *users {
	t.Helper()
	p.changes = nil
	u := newUsers(t, p)
	for name, text := range shopFiles {
		u.write(t, name, text)
	}
	for _, name := range []string{"lib", "app"} {
		u.declare(name, "shop-"+name+":latest")
	}
	return u
}

// What one machine built and pushed is up to date on another that has a fresh
// clone of the project and nothing else; and what was edited there is named.
func TestAnotherMachine(t *testing.T) {
	p := newProject(t)
	ref, r := serveBase(t), newTeamRegistry(t)
	onBase := func(s *build.Spec, _ *build.Options) { s.Base, s.Family = ref, layers.Deb }
	all := targets("lib", "app")
	here := cloneShop(t, p)
	if got := here.apply(t, onBase, all, pushTo(r)); got != "app lib" {
		t.Fatalf("the first machine built %q", got)
	}
	t.Run("looks at the registry", func(t *testing.T) {
		there := cloneShop(t, p)
		// Nothing can be built: there is no daemon, and no podman to ask.
		bk := func(s *build.Spec, o *build.Options) {
			onBase(s, o)
			o.Executor, o.Store, o.BuildkitAddrs = "buildkit", "registry:"+r.prefix, []string{"unix:///nowhere"}
		}
		t.Setenv("PATH", "")
		there.upToDate(t, bk)
		there.shopEdits(t, ref, bk)
	})
	t.Run("pulls", func(t *testing.T) {
		other := podmantest.Storage(t)
		for _, kv := range other.Vars {
			k, v, _ := strings.Cut(kv, "=")
			t.Setenv(k, v)
		}
		there := cloneShop(t, p)
		pulls := func(s *build.Spec, o *build.Options) { onBase(s, o); o.Podman, o.PullFrom = other.Cmd, r.prefix }
		there.expect(t, "app pull no-image(shop-app:latest); base not-needed no-image("+ref+"); lib pull no-image(shop-lib:latest)", pulls, all)
		done, err := there.tryApply(pulls, all)
		if err != nil {
			t.Fatal(err)
		}
		if sortedIDs(done.Built) != "" || sortedIDs(done.Pulled) != "app lib" {
			t.Errorf("built %v, pulled %v", done.Built, done.Pulled)
		}
		there.upToDate(t, pulls)
		there.shopEdits(t, ref, pulls)
	})
}

// shopEdits edits one thing after the other, each taken back. What is to be built
// needs the base, which is not there.
func (u *users) shopEdits(t *testing.T, base string, c change) {
	t.Helper()
	base = "; base pull no-image(" + base + ")"
	for _, e := range []struct{ file, text, want string }{
		{"src/a", "A\n", "app input-changed(lib)" + base + "; lib file-changed(src/a)"},
		{"src/new", "n\n", "app input-changed(lib)" + base + "; lib file-added(src/new)"},
		{"conf/c", "C\n", "app file-changed(conf/c)" + base},
		{"app.Dockerfile", shopFiles["app.Dockerfile"] + "RUN true\n", "app instruction-added(RUN)" + base},
	} {
		u.write(t, e.file, e.text)
		u.expect(t, e.want, c)
		if was, ok := shopFiles[e.file]; ok {
			u.write(t, e.file, was)
		} else if err := os.Remove(filepath.Join(u.dir, e.file)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(u.dir, "conf/c"), 0o755); err != nil {
		t.Fatal(err)
	}
	u.expect(t, "app mode-changed(conf/c 0644→0755)"+base, c)
}
