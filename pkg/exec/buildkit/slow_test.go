package buildkit_test

import (
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
			r.Misbehave(func(_ http.ResponseWriter, q *http.Request) bool {
				slow := strings.Contains(q.URL.Path, at)
				if slow {
					<-q.Context().Done()
				}
				return slow
			})
			defer r.Misbehave(nil)
			var err error
			if what == "pushing" {
				err = x.Push(t.Context(), base, []string{r.Host + "/team/slow:1"}, &exectest.Recorder{})
			} else {
				_, err = x.Pull(t.Context(), ref, &exectest.Recorder{})
			}
			if e := exectest.AsError(t, exec.Result{}, err); e.Class != exec.ClassRegistry || e.Hint == "" || !strings.Contains(e.Message, r.Host) {
				t.Errorf("class %s, hint %q: %v; want registry, a hint and the host", e.Class, e.Hint, e)
			}
		})
	}
}
