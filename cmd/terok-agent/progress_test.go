package main

import (
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

// A line of a terminal is short: it says what a step does, not what it sees.
func TestStepText(t *testing.T) {
	for text, want := range map[string]string{
		"RUN --mount=type=secret,id=a --network=none\n--mount=type=cache,target=/c make --mount=all": "step 2/3  RUN --network=none make --mount=all",
		"RUN  make   all":                         "step 2/3  RUN make all",
		"run --mount=type=cache,target=/c make":   "step 2/3  run make",
		"RUN --mount=type=tmpfs,target=/t":        "step 2/3  RUN",
		"COPY --from=a --link /x /y":              "step 2/3  COPY --from=a --link /x /y",
		"RUN --network=none --mount=a,b=c  id -u": "step 2/3  RUN --network=none id -u",
	} {
		e := exec.Event{Kind: exec.StepStarted, Step: exec.StepRef{Step: 1}, Steps: 3, Stages: 1, Text: text}
		if got := stepText(e); got != want {
			t.Errorf("%q\n got %q\nwant %q", text, got, want)
		}
	}
}
