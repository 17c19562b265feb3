package podman_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
)

func TestPull(t *testing.T) {
	x, e, base := newExecutor(t)
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	ref := strings.TrimPrefix(server.URL, "http://") + "/a/busybox:1"
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
	var own *exec.Error
	if _, err := x.Pull(context.Background(), ref+"-not", rec); !errors.As(err, &own) || own.Class != exec.ClassRegistry {
		t.Errorf("pulling what is not there: %v, want class registry", err)
	}
	server.Close()
	if _, err := x.Pull(context.Background(), ref+"-gone", rec); !errors.As(err, &own) || own.Class != exec.ClassRegistry {
		t.Errorf("pulling from nowhere: %v (class %v), want class registry", err, own.Class)
	}
}
