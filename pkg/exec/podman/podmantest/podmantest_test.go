package podmantest_test

import (
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
)

// The image must be usable, and the same every time: other tests compare IDs.
func TestImportBusybox(t *testing.T) {
	e := podmantest.Storage(t)
	id := podmantest.ImportBusybox(t, e, "docker.io/library/busybox:1")
	if !strings.HasPrefix(id, "sha256:") || len(id) != len("sha256:")+64 {
		t.Fatalf("ImportBusybox = %q, want sha256: and 64 hex digits", id)
	}
	if again := podmantest.ImportBusybox(t, e, "localhost/other:1"); again != id {
		t.Errorf("a second import gave %s, want %s", again, id)
	}
	if changed := podmantest.ImportBusybox(t, e, "localhost/env:1", "ENV A=1"); changed == id {
		t.Error("an import with another environment gave the same ID")
	}
	if got := e.Run(t, "run", "--rm", "--network=host", id, "sh", "-c", "id -u dev"); got != "1000" {
		t.Errorf("id -u dev = %q, want 1000", got)
	}
	if left := e.Containers(t); len(left) != 0 {
		t.Errorf("containers left: %v", left)
	}
}
