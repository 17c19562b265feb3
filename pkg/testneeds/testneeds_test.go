package testneeds_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/testneeds"
)

// probe notes how a test would end.
type probe struct {
	testing.TB
	ended string
}

func (p *probe) Helper()        {}
func (p *probe) Fatal(a ...any) { p.end("failed: ", a[0]) }
func (p *probe) Skip(a ...any)  { p.end("skipped: ", a[0]) }
func (p *probe) end(how string, why any) {
	if err, ok := why.(error); ok && p.ended == "" {
		p.ended = how + err.Error()
	}
}

func TestNeeds(t *testing.T) {
	for name, tc := range map[string]struct {
		variable string
		needs    func(testing.TB)
		want     string
	}{
		"nothing lacking":        {"", func(t testing.TB) { testneeds.NoError(t, nil) }, ""},
		"lacking":                {"", func(t testing.TB) { testneeds.NoError(t, errors.New("no engine")) }, "skipped: no engine"},
		"lacking where required": {"1", func(t testing.TB) { testneeds.NoError(t, errors.New("no engine")) }, "failed: no engine"},
		"a program":              {"1", func(t testing.TB) { testneeds.Programs(t, "sh") }, ""},
		"no program":             {"", func(t testing.TB) { testneeds.Programs(t, "sh", "no-such-program") }, "skipped: exec: \"no-such-program\""},
		"no program, required":   {"1", func(t testing.TB) { testneeds.Programs(t, "no-such-program") }, "failed: exec: \"no-such-program\""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TEROK_REQUIRE_ENGINE", tc.variable)
			p := &probe{}
			tc.needs(p)
			if !strings.HasPrefix(p.ended, tc.want) || (p.ended == "") != (tc.want == "") {
				t.Errorf("ended %q, want %q", p.ended, tc.want)
			}
		})
	}
}
