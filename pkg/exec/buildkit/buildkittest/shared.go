package buildkittest

import (
	"sync"
	"testing"
)

var shared struct {
	once sync.Once
	env  *Env
	stop func() error
	err  error
}

// Shared returns a daemon that serves all tests of a program; it is started by
// the first that asks, and its TestMain ends it with StopShared.
func Shared(t testing.TB) *Env {
	t.Helper()
	Require(t)
	shared.once.Do(func() { shared.env, shared.stop, shared.err = Open() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.env
}

// StopShared ends the daemon of Shared, if there is one.
func StopShared() error {
	if shared.stop == nil {
		return nil
	}
	return shared.stop()
}
