package dockerfile_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

// podmanBuild builds src and returns the image's ID and what podman printed.
func podmanBuild(t *testing.T, e podmantest.Env, src []byte, args ...string) (id, out string) {
	t.Helper()
	dir := t.TempDir()
	file, iid := filepath.Join(dir, "Dockerfile"), filepath.Join(dir, "iid")
	if err := os.WriteFile(file, src, 0o644); err != nil {
		t.Fatal(err)
	}
	all := append([]string{"build", "--pull=never", "--network=host", "--iidfile", iid, "--file", file}, args...)
	out = e.Run(t, append(all, dir)...)
	b, err := os.ReadFile(iid)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b)), out
}

// TestPodman holds what only a real podman can say; a storage is slow to make,
// so the cases share one.
func TestPodman(t *testing.T) {
	podmantest.Require(t)
	e := podmantest.Storage(t)
	podmantest.ImportBusybox(t, e, "docker.io/library/busybox:1")
	t.Run("labels", func(t *testing.T) { labelsReadBack(t, e, "FROM scratch\n", tricky()) })
	t.Run("labels with another escape", func(t *testing.T) {
		labels := tricky()
		delete(labels, "long") // podman's time is quadratic in the length of a value
		labelsReadBack(t, e, "# escape=`\nFROM scratch\n", labels)
	})
	t.Run("steps", func(t *testing.T) { stepsAreKnown(t, e) })
	t.Run("salt", func(t *testing.T) { saltRunsAgain(t, e) })
	t.Run("volume", func(t *testing.T) { volumeIsSeen(t, e) })
}

func labelsReadBack(t *testing.T, e podmantest.Env, src string, labels map[string]string) {
	out := instrument(t, src, dockerfile.InstrumentOptions{Labels: labels})
	id, _ := podmanBuild(t, e, out.Dockerfile)
	var got map[string]string
	text := e.Run(t, "image", "inspect", "--format", "{{json .Config.Labels}}", id)
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	compareLabels(t, got, labels)
}

var stepLine = regexp.MustCompile(`(?m)^(?:\[(\d+)/\d+\] )?STEP (\d+)/\d+: (\S+)`)

// stepsAreKnown checks that the steps podman prints are those that Line knows.
func stepsAreKnown(t *testing.T, e podmantest.Env) {
	src := "ARG B=docker.io/library/busybox:1\nARG C=2\nFROM $B AS one\nRUN true\nFROM $B AS unused\nRUN false\n" +
		"FROM $B AS alias\nFROM one\nENV A=1 \\\n  B=2\nCOPY --from=alias /etc/passwd /p\nRUN true && \\\n  # c\n  true\n"
	out := instrument(t, src, dockerfile.InstrumentOptions{Salt: "s1", Labels: map[string]string{"a": "1", "b": "2"}})
	_, text := podmanBuild(t, e, out.Dockerfile)
	lines := map[int]bool{}
	for _, m := range stepLine.FindAllStringSubmatch(text, -1) {
		stage, _ := strconv.Atoi(m[1])
		step, _ := strconv.Atoi(m[2])
		line, orig := out.Line(stage, step)
		if lines[line] && line != 0 {
			t.Errorf("line %d twice", line)
		}
		lines[line] = true
		if line == 0 && m[3] != "ARG" && m[3] != "LABEL" || line != 0 && !strings.HasPrefix(orig, m[3]+" ") {
			t.Errorf("[%d] step %d: podman says %s, Line says %d %q", stage, step, m[3], line, orig)
		}
	}
	for _, want := range []int{0, 3, 4, 7, 8, 9, 11, 12} {
		if !lines[want] {
			t.Errorf("no step of line %d in\n%s", want, text)
		}
	}
}

// saltRunsAgain checks that another salt makes podman run a stage again, and
// the same one does not.
func saltRunsAgain(t *testing.T, e podmantest.Env) {
	src := "FROM docker.io/library/busybox:1 AS a\nRUN cat /proc/sys/kernel/random/uuid >/id\nFROM a\nWORKDIR /w\n"
	build := func(salt string) string {
		out := instrument(t, src, dockerfile.InstrumentOptions{Salt: salt})
		id, _ := podmanBuild(t, e, out.Dockerfile)
		return id
	}
	first, again, other := build("s1"), build("s1"), build("s2")
	if first != again {
		t.Errorf("the same salt gave %s, then %s", first, again)
	}
	if first == other {
		t.Error("another salt gave the same image")
	}
}

// volumeIsSeen holds why VOLUME is a fact of the files: this podman throws away
// what a later RUN writes there.
func volumeIsSeen(t *testing.T, e podmantest.Env) {
	src := "FROM docker.io/library/busybox:1\nVOLUME /v\nRUN mkdir -p /v && touch /v/f\nRUN test ! -e /v/f\n"
	if major := strings.SplitN(e.Run(t, "version", "--format", "{{.Client.Version}}"), ".", 2)[0]; len(major) > 1 || major > "4" {
		return // later ones keep it, which the fact covers as well
	}
	podmanBuild(t, e, []byte(src))
}
