package buildkit_test

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// A registry that does not answer is given up, whatever it is asked for.
func TestSlowRegistry(t *testing.T) {
	r := exectest.ServeRegistry(t)
	ref, _ := putBase(t, r)
	for what, at := range map[string]string{"pulling its manifest": "/manifests/", "pulling its layers": "/blobs/", "pushing": "/uploads/"} {
		t.Run(what, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "images")
			base := buildkittest.AddToLayout(t, dir, exectest.BaseRef, buildkittest.Busybox(t, "SLOW="+what))
			x := buildkit.New(buildkit.Options{Getenv: noEnv, Target: buildkit.NewLayout(buildkit.LayoutOptions{
				Dir: dir, Platform: layers.HostPlatform, Registry: store.Registry{Patience: 200 * time.Millisecond},
			})})
			r.Misbehave(silentAt(at))
			defer r.Misbehave(nil)
			var err error
			if what == "pushing" {
				err = x.Push(t.Context(), base, []string{r.Host + "/team/slow:1"}, &exectest.Recorder{})
			} else {
				_, err = x.Pull(t.Context(), ref, &exectest.Recorder{})
			}
			wantRegistryError(t, r, err)
		})
	}
}

// A daemon waits for its registry without limit, so the build does not: what
// the daemon waits for is asked for by us too.
func TestStuckRegistryAsStore(t *testing.T) {
	env := buildkittest.Shared(t)
	r := exectest.ServeRegistry(t)
	for what, at := range map[string]string{"reading a parent": "/blobs/sha256:", "pushing": "/uploads/"} {
		t.Run(what, func(t *testing.T) {
			ref, id := putBase(t, r, "STUCK="+what)
			x := executor(t, env.Address, buildkit.NewRegistry(buildkit.RegistryOptions{
				Store:    store.RegistryStore{Prefix: r.Host + "/team", Registry: store.Registry{Patience: 500 * time.Millisecond}},
				Platform: layers.HostPlatform,
			}))
			if _, err := x.Pull(t.Context(), ref, &exectest.Recorder{}); err != nil {
				t.Fatal(err)
			}
			r.Misbehave(silentAt(at))
			defer r.Misbehave(nil)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := x.Build(ctx, request(withRef(ref)+"RUN true\n", nil, exectest.On("BASE", ref, id)), &exectest.Recorder{})
			wantRegistryError(t, r, err)
		})
	}
}

// silentAt gives no answer to requests for such a path.
func silentAt(path string) func(http.ResponseWriter, *http.Request) bool {
	return func(_ http.ResponseWriter, q *http.Request) bool {
		silent := strings.Contains(q.URL.Path, path)
		if silent {
			<-q.Context().Done()
		}
		return silent
	}
}

func wantRegistryError(t *testing.T, r *exectest.Registry, err error) {
	t.Helper()
	if e := exectest.AsError(t, exec.Result{}, err); e.Class != exec.ClassRegistry || e.Hint == "" || !strings.Contains(e.Message, r.Host) {
		t.Errorf("class %s, hint %q: %v; want registry, a hint and the host", e.Class, e.Hint, e)
	}
}
