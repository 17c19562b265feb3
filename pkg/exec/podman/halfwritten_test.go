package podman_test

import (
	"context"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
)

// A podman that is ended while it makes an image leaves half of it, and then
// lists none. Clean removes that, if a build of ours died.
func TestHalfWrittenImage(t *testing.T) {
	podmantest.Require(t)
	e := podmantest.Storage(t)
	base := podmantest.ImportBusybox(t, e, exectest.BaseRef, "ENV GREETING=conform")
	half := podmantest.ImportBusybox(t, e, "half:1", "ENV GREETING=half")
	o := options(t, e)
	x := podman.New(o)
	killBuild(t, o, slow(base))
	e.Damage(t, half)
	if err := e.Command("images").Run(); err == nil {
		t.Fatal("podman lists its images: the test shows nothing")
	}
	if err := x.Clean(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := e.Run(t, "images", "--all", "--quiet", "--no-trunc"); got != base {
		t.Errorf("images %q, want the base %q alone", got, base)
	}
	if left := e.Containers(t); len(left) != 0 {
		t.Errorf("containers left: %v", left)
	}

	// Without a dead build of ours it is somebody else's.
	e.Damage(t, base)
	if err := x.Clean(context.Background()); err != nil {
		t.Fatal(err)
	}
	if out, err := e.Command("images").CombinedOutput(); err == nil || !strings.Contains(string(out), strings.TrimPrefix(base, "sha256:")) {
		t.Errorf("podman images: %s, %v; want it to complain of an image that nobody touched", out, err)
	}
}
