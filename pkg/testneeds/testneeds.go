// Package testneeds decides what becomes of a test when this machine lacks what
// the test runs: an engine, a program. It is test code.
package testneeds

import (
	"os"
	osexec "os/exec"
	"testing"
)

// variable makes a lack a failure, so that a run that is meant to test
// everything does.
const variable = "TEROK_REQUIRE_ENGINE"

// NoError ends the test when err says that something is lacking: as skipped, or
// as failed when TEROK_REQUIRE_ENGINE is set.
func NoError(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv(variable) != "":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

// Programs ends the test in the same way when one of the programs is missing.
func Programs(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		_, err := osexec.LookPath(name)
		NoError(t, err)
	}
}
