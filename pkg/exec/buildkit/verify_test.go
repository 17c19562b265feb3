package buildkit

import (
	"errors"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

// What the store shows is compared, not believed.
func TestVerify(t *testing.T) {
	b := &build{r: exec.Request{Labels: map[string]string{"a": "1", "b": "2"}}}
	made := handed{config: "sha256:c"}
	for _, c := range []struct {
		name string
		got  landed
		ok   bool
	}{
		{"as asked for", landed{image: "sha256:c", labels: map[string]string{"a": "1", "b": "2", "more": "x"}}, true},
		{"another image", landed{image: "sha256:d", labels: map[string]string{"a": "1", "b": "2"}}, false},
		{"a label is missing", landed{image: "sha256:c", labels: map[string]string{"a": "1"}}, false},
		{"a label is cut off", landed{image: "sha256:c", labels: map[string]string{"a": "1", "b": ""}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := b.verify(made, c.got)
			var e *exec.Error
			if (err == nil) != c.ok || (err != nil && (!errors.As(err, &e) || e.Class != exec.ClassUnverified)) {
				t.Errorf("verify = %v, want ok %v", err, c.ok)
			}
		})
	}
}

// Errors of the kinds that a daemon gives only at bad times.
func TestSorted(t *testing.T) {
	for _, c := range []struct {
		text  string
		class exec.Class
	}{
		{"failed to solve: failed to send write: write /x/blobs: no space left on device", exec.ClassDiskFull},
		{"failed to solve: write /var/lib/buildkit/x: no space left on device", exec.ClassDiskFull},
		{"failed to solve: granting entitlement network.host is not allowed by build daemon configuration", exec.ClassNetwork},
		{"failed to solve: network.host is not allowed", exec.ClassNetwork},
		{"failed to solve: secret tok: not found", exec.ClassSecret},
		{"failed to push r.example/x: unexpected status from POST request to https://r.example/v2/x/blobs/uploads/: 401 Unauthorized", exec.ClassRegistry},
		{"failed to solve: r.example/x: failed to resolve source metadata for r.example/x@sha256:0: not found", exec.ClassRegistry},
		{"requested experimental feature mergeop has been disabled: not supported by build server, please update buildkitd", exec.ClassDialect},
		{`failed to calculate checksum of ref a::b: "/nope": not found`, exec.ClassContext},
		{"something new", exec.ClassUnknown},
	} {
		if got := sorted(errors.New(c.text)); got.Class != c.class {
			t.Errorf("%s: class %s, want %s", c.text, got.Class, c.class)
		}
	}
	if got := sorted(errors.New("failed to solve: failed to receive status: rpc error: code = Unavailable desc = closing")); got.Message != "closing" {
		t.Errorf("message = %q, want the plain words", got.Message)
	}
}
