package build_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/build/buildtest"
	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// teamRegistry is a part of a registry that images are exchanged with.
type teamRegistry struct {
	*exectest.Registry
	prefix string
}

func newTeamRegistry(t *testing.T) *teamRegistry {
	t.Helper()
	r := exectest.ServeRegistry(t)
	return &teamRegistry{Registry: r, prefix: r.Host + "/team"}
}

// refuse makes the registry answer with nothing but a status; 0 ends that.
func (r *teamRegistry) refuse(status int) {
	if status == 0 {
		r.Misbehave(nil)
		return
	}
	r.Misbehave(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(status); return true })
}

// image is the config digest under a name below the prefix, "" for none.
func (r *teamRegistry) image(t *testing.T, short string) string {
	t.Helper()
	img, ok := r.Image(t, "team/"+short)
	if !ok {
		return ""
	}
	return buildkittest.IDOf(t, img)
}

func pushTo(r *teamRegistry) change {
	return func(_ *build.Spec, o *build.Options) { o.Push = r.prefix }
}

// wantPushed makes sure that a node's image is there by names and by key.
func (r *teamRegistry) wantPushed(t *testing.T, p *build.Planned, node graph.ID) {
	t.Helper()
	s, ok := p.Step(node)
	if !ok || s.Found == "" {
		t.Fatalf("%s is not current", node)
	}
	repo, _, _ := strings.Cut(s.Tags[0], ":")
	for _, short := range append([]string{repo + ":" + store.KeyTag(s.Key)}, s.Tags...) {
		if got := r.image(t, short); got != s.Found {
			t.Errorf("%s is %q in the registry, want %s", short, got, s.Found)
		}
	}
}

// Pushing comes last, also when there was nothing to build, and its failure
// leaves what was built.
func TestPushFromPodman(t *testing.T) {
	p := newBuiltProject(t)
	p.Agent(t, "codex", "0.169.0")
	r := newTeamRegistry(t)
	r.refuse(http.StatusUnauthorized)
	_, err := p.tryApply(pushTo(r))
	var e *build.Error
	if !errors.As(err, &e) || e.Class != string(exec.ClassRegistry) || e.ExitCode != 1 ||
		!strings.Contains(e.Message, "built and named") || !strings.Contains(e.Hint, "podman login") {
		t.Fatalf("error %#v, want class registry, what is done, and a hint to log in", err)
	}
	p.upToDate(t)
	r.refuse(0)
	if got := p.apply(t, pushTo(r)); got != "" {
		t.Errorf("a push built %q", got)
	}
	made := p.plan(t)
	r.wantPushed(t, made, "l1")
	if l0, _ := made.Step("l0"); r.image(t, l0.Tags[0]) != "" {
		t.Error("l0, which was not wanted, was pushed")
	}
}

func TestPushFromALayout(t *testing.T) {
	p := engineless(t, "claude")
	dir := layoutWithBase(t)
	bk := onBuildkit(t, "oci:"+dir)
	t.Setenv("PATH", "")
	r := newTeamRegistry(t)
	p.apply(t, bk, pushTo(r), targets("l0", "l1"))
	made := p.plan(t, bk)
	r.wantPushed(t, made, "l0")
	r.wantPushed(t, made, "l1")
	r.refuse(http.StatusTooManyRequests)
	_, err := p.tryApply(bk, pushTo(r))
	var e *build.Error
	if !errors.As(err, &e) || e.Class != string(exec.ClassRegistry) || e.Hint == "" || !errors.Is(err, store.ErrRateLimited) {
		t.Errorf("error %v, want class registry and a hint", err)
	}
}

// What a registry that is the store gets can be found by key.
func TestRegistryStoreHasKeys(t *testing.T) {
	p := engineless(t, "claude")
	ref := serveBase(t)
	r := newTeamRegistry(t)
	bk := onBuildkit(t, "registry:"+r.prefix)
	there := func(s *build.Spec, o *build.Options) { bk(s, o); s.Base, s.Family = ref, "deb" }
	p.apply(t, there)
	made := p.plan(t, there)
	for _, s := range made.Steps {
		if s.Kind == graph.KindLayer && s.Action == plan.UpToDate {
			r.wantPushed(t, made, s.Node)
		}
	}
}

func TestPushIsChecked(t *testing.T) {
	p := &project{World: buildtest.New(t), agents: "claude"}
	for _, bad := range []string{"team", "localhost/x", "ghcr.io/", "ghcr.io/Team", "ghcr.io/a//b"} {
		_, err := p.tryApply(func(_ *build.Spec, o *build.Options) { o.Push = bad })
		var e *build.Error
		if !errors.As(err, &e) || e.ExitCode != 64 || !strings.Contains(e.Message, "--push") {
			t.Errorf("--push %s: %v, want wrong use", bad, err)
		}
	}
}

func TestCachesAreChecked(t *testing.T) {
	p := &project{World: buildtest.New(t), agents: "claude"}
	for want, c := range map[string]change{
		"podman cannot do": func(_ *build.Spec, o *build.Options) { o.CacheTo = []string{"type=local,dest=/x"} },
		"--cache-from": func(_ *build.Spec, o *build.Options) {
			o.Executor, o.Store, o.CacheFrom = "buildkit", "oci:"+t.TempDir(), []string{"type=magic"}
		},
	} {
		_, err := p.tryApply(c)
		var e *build.Error
		if !errors.As(err, &e) || e.ExitCode != 64 || !strings.Contains(e.Message, want) || e.Hint == "" {
			t.Errorf("%v, want wrong use with %q and a hint", err, want)
		}
	}
}
