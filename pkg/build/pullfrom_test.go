package build_test

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/build/buildtest"
	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
)

func pullFrom(r *teamRegistry) change {
	return func(_ *build.Spec, o *build.Options) { o.PullFrom = r.prefix }
}

var everything = targets("fetch", "l0", "agent/claude", "agent/codex", "l1")

// What one machine built and pushed, another pulls by key and builds on.
func TestPullIntoPodman(t *testing.T) {
	p := newBuiltProject(t)
	r := newTeamRegistry(t)
	p.apply(t, pushTo(r), everything)
	l1, _ := p.plan(t).Step("l1")

	other := podmantest.Storage(t)
	podmantest.ImportBusybox(t, other, buildtest.Base)
	for _, kv := range other.Vars {
		k, v, _ := strings.Cut(kv, "=")
		t.Setenv(k, v)
	}
	there := func(_ *build.Spec, o *build.Options) { o.Podman = other.Cmd }
	p.expect(t, "agent/claude not-needed no-image(terok-agent-claude:2.1.0); agent/codex not-needed no-image(terok-agent-codex:0.168.0); "+
		"fetch not-needed no-image(terok-fetch:debian-12); l0 not-needed no-image(terok-l0:debian-12); "+
		"l1 pull no-image(terok-l1-cli:debian-12-claude-codex)", there, pullFrom(r))
	done, err := p.tryApply(there, pullFrom(r))
	if err != nil {
		t.Fatal(err)
	}
	if sortedIDs(done.Built) != "" || sortedIDs(done.Pulled) != "l1" || done.Images["l1"] != l1.Found {
		t.Errorf("built %v, pulled %v (%s); want l1 pulled, %s", done.Built, done.Pulled, done.Images["l1"], l1.Found)
	}
	p.upToDate(t, there)
	for _, name := range strings.Fields(other.Run(t, "images", "--format", "{{.Repository}}:{{.Tag}}")) {
		if strings.Contains(name, "/team/") {
			t.Errorf("the name %s is left behind", name)
		}
	}
	// A new version: its part is built on what is pulled.
	p.Agent(t, "codex", "0.169.0")
	done, err = p.tryApply(there, pullFrom(r))
	if err != nil {
		t.Fatal(err)
	}
	if sortedIDs(done.Built) != "agent/codex l1" || sortedIDs(done.Pulled) != "agent/claude fetch l0" {
		t.Errorf("built %v, pulled %v", done.Built, done.Pulled)
	}
	p.upToDate(t, there)
}

// The same from podman's storage to an OCI layout that BuildKit fills.
func TestPullIntoALayout(t *testing.T) {
	p := newProject(t)
	r := newTeamRegistry(t)
	ref := serveBase(t)
	onBase := func(s *build.Spec, _ *build.Options) { s.Base, s.Family = ref, "deb" }
	p.apply(t, pushTo(r), everything, onBase)
	bk := onBuildkit(t, "oci:"+filepath.Join(t.TempDir(), "images"))
	there := func(s *build.Spec, o *build.Options) { bk(s, o); onBase(s, o); o.PullFrom = r.prefix }
	p.Agent(t, "codex", "0.169.0")
	done, err := p.tryApply(there)
	if err != nil {
		t.Fatal(err)
	}
	if sortedIDs(done.Built) != "agent/codex l1" || sortedIDs(done.Pulled) != "agent/claude fetch l0" {
		t.Errorf("built %v, pulled %v", done.Built, done.Pulled)
	}
	p.upToDate(t, bk, onBase)
}

// A registry that cannot be asked is an error, and nothing is built; what it
// answers while pulling too.
func TestPullFromTrouble(t *testing.T) {
	p := engineless(t, "claude,codex")
	dir := layoutWithBase(t)
	r := newTeamRegistry(t)
	bk := func(_ *build.Spec, o *build.Options) {
		o.Executor, o.Store, o.BuildkitAddrs = "buildkit", "oci:"+dir, []string{"unix:///nowhere"}
	}
	t.Setenv("PATH", "")
	r.refuse(http.StatusInternalServerError)
	_, err := p.tryApply(bk, pullFrom(r))
	var e *build.Error
	if !errors.As(err, &e) || e.Class != string(exec.ClassRegistry) || e.Hint == "" || !strings.Contains(e.Message, r.prefix) {
		t.Errorf("error %v, want class registry, the place and a hint", err)
	}
	r.refuse(0)
	made := p.plan(t, bk, pullFrom(r)) // an empty registry offers nothing
	if s := made.Summary(); s.Pull != 0 || s.Build == 0 {
		t.Errorf("summary %+v", s)
	}
}
