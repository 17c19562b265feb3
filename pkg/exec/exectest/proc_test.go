package exectest_test

import (
	osexec "os/exec"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
)

// A process that starts only after the first look is ended too.
func TestEndAllWaitsForAStart(t *testing.T) {
	cmd := osexec.Command("sh", "-c", "sleep 0.3; exec sleep 65432")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	exectest.EndAll(t, "sleep\x0065432")
	if err := <-ended; err == nil {
		t.Error("it ended by itself")
	}
}
