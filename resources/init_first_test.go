package resources_test

import (
	"bufio"
	osexec "os/exec"
	"strings"
	"syscall"
	"testing"
)

// first starts terok-init and waits for the command's first line.
func first(t *testing.T, command ...string) *osexec.Cmd {
	t.Helper()
	cmd := osexec.Command("scripts/l0/terok-init", command...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if lines := bufio.NewScanner(out); !lines.Scan() || lines.Text() != "up" {
		t.Fatalf("the command said %q", lines.Text())
	}
	return cmd
}

// A signal reaches the command and what it runs; the exit code says so.
func TestFirstProcessHandsSignalsOn(t *testing.T) {
	for _, tc := range []struct {
		script string
		signal syscall.Signal
		want   int
	}{
		{"echo up; sleep 600", syscall.SIGINT, 130},
		{"echo up; sleep 600", syscall.SIGTERM, 143},
		{`trap "exit 3" TERM; echo up; sleep 600 & wait`, syscall.SIGTERM, 3},
		{`trap "" TERM; echo up; sleep 1; exit 4`, syscall.SIGTERM, 4},
	} {
		cmd := first(t, "bash", "-c", tc.script)
		if err := cmd.Process.Signal(tc.signal); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != tc.want {
			t.Errorf("%s with %v: exit code %d, want %d", tc.script, tc.signal, got, tc.want)
		}
	}
}

// A signal that comes as soon as the command runs is not lost.
func TestFirstProcessIsReadyBeforeTheCommand(t *testing.T) {
	for range 50 {
		cmd := osexec.Command("scripts/l0/terok-init", "sh", "-c", "kill -TERM $PPID; sleep 5")
		_ = cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != 143 {
			t.Fatalf("exit code %d (%v), want 143", got, cmd.ProcessState)
		}
	}
}

func TestFirstProcess(t *testing.T) {
	cmd := osexec.Command("scripts/l0/terok-init", "sh", "-c", `cat; echo "$1"; exit 7`, "sh", "a b")
	cmd.Stdin = strings.NewReader("in\n")
	out, err := cmd.Output()
	if string(out) != "in\na b\n" || cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("%q, %v", out, err)
	}
	none := osexec.Command("scripts/l0/terok-init")
	if _ = none.Run(); none.ProcessState.ExitCode() != 64 {
		t.Errorf("without a command: %d", none.ProcessState.ExitCode())
	}
}
