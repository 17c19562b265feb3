package podman_test

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman"
)

func TestPull(t *testing.T) {
	x, e, base := newExecutor(t)
	r := exectest.ServeRegistry(t)
	ref := r.Host + "/a/busybox:1"
	e.Run(t, "push", "-q", "--tls-verify=false", base, ref)
	rec := &exectest.Recorder{}
	res, err := x.Pull(context.Background(), ref, rec)
	if err != nil {
		t.Fatal(err)
	}
	if res.Image != base || !strings.HasPrefix(res.Manifest, "sha256:") {
		t.Errorf("result = %+v, want image %s", res, base)
	}
	if got := rec.Texts(exec.PullStarted); len(got) != 1 || got[0] != ref {
		t.Errorf("pull-started events: %q", got)
	}
	registryFailures(t, x, r, base, ref)
}

// Whatever a registry answers is an error of one class that names it.
func registryFailures(t *testing.T, x *podman.Executor, r *exectest.Registry, base, ref string) {
	for _, op := range []struct {
		name, method, path string
		do                 func() error
	}{
		{"pulling a manifest", http.MethodGet, "/manifests/", func() error {
			_, err := x.Pull(context.Background(), ref, &exectest.Recorder{})
			return err
		}},
		{"pulling blobs", http.MethodGet, "/blobs/", func() error {
			_, err := x.Pull(context.Background(), ref, &exectest.Recorder{})
			return err
		}},
		{"pushing", http.MethodPost, "/uploads/", func() error {
			return x.Push(context.Background(), base, []string{r.Host + "/team/other:1"}, &exectest.Recorder{})
		}},
	} {
		for fault, answer := range exectest.Faults {
			if fault == "429" && os.Getenv("TEROK_LONG") == "" {
				continue // podman does as it is told, and waits
			}
			t.Run(op.name+"/"+fault, func(t *testing.T) {
				r.Misbehave(func(w http.ResponseWriter, q *http.Request) bool {
					hit := q.Method == op.method && strings.Contains(q.URL.Path, op.path)
					if hit {
						answer(w, q)
					}
					return hit
				})
				defer r.Misbehave(nil)
				if e := exectest.AsError(t, exec.Result{}, op.do()); e.Class != exec.ClassRegistry || !strings.Contains(e.Message, r.Host) {
					t.Errorf("class %s: %v; want registry and %s", e.Class, e, r.Host)
				}
			})
		}
	}
}
