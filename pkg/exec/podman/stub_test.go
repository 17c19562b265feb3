package podman_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman"
)

func stubExecutor(t *testing.T, mode string) *podman.Executor {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return podman.New(podman.Options{
		Cmd: []string{self}, Env: []string{stubVariable + "=" + mode}, TempDir: t.TempDir(),
	})
}

// Whatever podman reports, a wrong or missing image is an error.
func TestBuildBelievesNothing(t *testing.T) {
	for _, c := range []struct {
		mode    string
		class   exec.Class
		code    int
		message string
	}{
		{"no-iid", exec.ClassInterrupted, -1, "stopped before the image was there"},
		{"short-iid", exec.ClassInterrupted, -1, "stopped before the image was there"},
		{"silent-1", exec.ClassInterrupted, 1, "exit code 1 and no message"},
		{"exit-125", exec.ClassUnknown, 125, "something odd"},
		{"exit-137", exec.ClassKilled, 137, "out of memory"},
		{"label-missing", exec.ClassUnverified, -1, `label "ai.terok.key"`},
		{"label-cut", exec.ClassUnverified, -1, "7 of 8 bytes"},
		{"other-image", exec.ClassUnverified, -1, "another image"},
		{"garbage-inspect", exec.ClassUnverified, -1, "reading image"},
		{"garbage-version", exec.ClassUnknown, -1, "asking podman for its version"},
	} {
		t.Run(c.mode, func(t *testing.T) {
			err := exectest.BuildError(t, stubExecutor(t, c.mode), request("FROM scratch\nLABEL a=1\n", nil))
			if err.Class != c.class || err.ExitCode != c.code || !strings.Contains(err.Message, c.message) {
				t.Errorf("class %s, code %d, message %q; want %s, %d, %q", err.Class, err.ExitCode, err.Message, c.class, c.code, c.message)
			}
			if !strings.HasPrefix(err.Message, "demo failed") || err.Node != "demo" {
				t.Errorf("message %q and node %q do not name the layer", err.Message, err.Node)
			}
		})
	}
	if res, err := stubExecutor(t, "good").Build(context.Background(), request("FROM scratch\nLABEL a=1\n", nil), &exectest.Recorder{}); err != nil {
		t.Errorf("a good build: %v", err)
	} else if res.Image != "sha256:"+stubImage || res.Manifest != "sha256:1" {
		t.Errorf("result = %+v", res)
	}
}

func TestPodmanMissing(t *testing.T) {
	x := podman.New(podman.Options{Cmd: []string{"no-such-podman"}, TempDir: t.TempDir()})
	if err := exectest.BuildError(t, x, request("FROM scratch\n", nil)); err.Class != exec.ClassNoEngine {
		t.Errorf("Build: class %s (%v), want no-engine", err.Class, err)
	}
	var e *exec.Error
	if _, err := x.Pull(context.Background(), "busybox:1", &exectest.Recorder{}); !errors.As(err, &e) || e.Class != exec.ClassNoEngine {
		t.Errorf("Pull: %v, want class no-engine", err)
	}
	if err := x.Tag(context.Background(), map[string]string{"a": "sha256:b"}); !errors.As(err, &e) || e.Class != exec.ClassNoEngine {
		t.Errorf("Tag: %v, want class no-engine", err)
	}
}

// Mistakes in the recipe are found before anything runs, with their line.
func TestBuildRefuses(t *testing.T) {
	for _, c := range []struct {
		name, dockerfile string
		class            exec.Class
		line             int
		message          string
	}{
		{"unknown instruction", "FROM scratch\nRUNN x\n", exec.ClassRecipe, 2, "RUNN"},
		{"long line", "FROM scratch\nENV A=" + strings.Repeat("x", 60000) + "\n", exec.ClassRecipe, 2, "60007 bytes"},
		{"here-document", "FROM scratch\nRUN <<EOF\necho\nEOF\n", exec.ClassDialect, 2, "a here-document; use a newer podman, or --executor buildkit"},
		{"here-document in COPY", "FROM scratch\nCOPY <<-\"E\" /x\n\ta\n\tE\n", exec.ClassDialect, 2, "here-document"},
		{"here-document in an unused stage", "FROM scratch AS a\nRUN <<EOF\necho\nEOF\nFROM scratch\nCOPY a /\n", exec.ClassDialect, 2, "here-document"},
		{"link", "FROM scratch\nCOPY --chown=1 --link a /\n", exec.ClassDialect, 2, "COPY --link"},
		{"parents", "FROM scratch\nCOPY --parents a /\n", exec.ClassDialect, 2, "COPY --parents"},
		{"exclude", "FROM scratch\nCOPY --exclude=x a /\n", exec.ClassDialect, 2, "COPY --exclude"},
		{"checksum", "FROM scratch\nADD --checksum=sha256:" + strings.Repeat("0", 64) + " https://127.0.0.1/x /\n", exec.ClassDialect, 2, "ADD --checksum"},
		{"chmod letters", "FROM scratch\nCOPY --chmod=u=rwx a /\n", exec.ClassDialect, 2, "--chmod with letters"},
		{"network", "FROM scratch\n\nRUN --network=none true\n", exec.ClassDialect, 3, "RUN --network"},
		{"substitution", "FROM scratch\nARG V=1.2\nENV A=${V%.*}\n", exec.ClassDialect, 3, "${variable%pattern}"},
		{"shell", "FROM scratch\nSHELL [\"/bin/sh\"]\n", exec.ClassDialect, 2, "SHELL"},
		{"healthcheck", "FROM scratch\nHEALTHCHECK NONE\n", exec.ClassDialect, 2, "HEALTHCHECK"},
		{"onbuild", "FROM scratch\nONBUILD RUN true\n", exec.ClassDialect, 2, "ONBUILD"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := exectest.BuildError(t, stubExecutor(t, "good"), request(c.dockerfile, nil))
			if err.Class != c.class || err.Line != c.line || err.File != "demo.Dockerfile" || !strings.Contains(err.Message, c.message) {
				t.Errorf("class %s, %s:%d, message %q; want %s, line %d, %q", err.Class, err.File, err.Line, err.Message, c.class, c.line, c.message)
			}
		})
	}
}

// What only looks like grammar that podman lacks is built.
func TestBuildAccepts(t *testing.T) {
	for _, dockerfile := range []string{
		"FROM scratch\nRUN echo $((1<<EOF)) \\\n  && true\n",
		"FROM scratch\nRUN cmd --network=none --link\n",
		"FROM scratch\nRUN echo ${A%.*}\n",
		"FROM scratch\nCOPY --chmod=0755 --chown=a:b x /\n",
		"FROM scratch AS a\nSHELL [\"/bin/sh\"]\nFROM scratch\nLABEL a=b\n",
	} {
		if _, err := stubExecutor(t, "good").Build(context.Background(), request(dockerfile, nil), &exectest.Recorder{}); err != nil {
			t.Errorf("%q: %v", dockerfile, err)
		}
	}
}

func TestBuildCancelledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := stubExecutor(t, "good").Build(ctx, request("FROM scratch\n", nil), &exectest.Recorder{})
	var e *exec.Error
	if !errors.As(err, &e) || e.Class != exec.ClassCancelled || !errors.Is(err, context.Canceled) {
		t.Errorf("Build = %v, want class cancelled and context.Canceled", err)
	}
}

func TestBuildSecretFileMissing(t *testing.T) {
	r := request("FROM scratch\nRUN --mount=type=secret,id=tok true\n", nil)
	r.Options.Secrets = map[string]string{"tok": "/nowhere/tok", "unrelated": "/nowhere/else"}
	err := exectest.BuildError(t, stubExecutor(t, "good"), r)
	if err.Class != exec.ClassSecret || !strings.Contains(err.Message, `secret "tok"`) {
		t.Errorf("class %s, message %q; want secret, tok", err.Class, err.Message)
	}
}
