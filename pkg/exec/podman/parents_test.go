package podman

import (
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

func TestWriteFroms(t *testing.T) {
	const text = `ARG X=dev
ARG L0=l0:1
FROM --platform=linux/amd64 ${X} \
  AS one
FROM docker.io/library/golang:1.26 AS dev
FROM one
FROM ${L0}
COPY --from=dev /a /a
COPY --from=one /a /a
COPY --from=2 /a /a
`
	f, err := dockerfile.Parse("Dockerfile", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	facts, err := f.Facts(dockerfile.Options{Platform: "linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	dev, golang := exec.Parent{Ref: "dev", Image: "sha256:aa"}, exec.Parent{Ref: "docker.io/library/golang:1.26", Image: "sha256:bb"}
	l0 := exec.Parent{Ref: "l0:1", Arg: "L0", Image: "sha256:cc"}
	want := strings.NewReplacer(
		"FROM --platform=linux/amd64 ${X} \\\n  AS one", "FROM --platform=linux/amd64 aa AS one\n",
		"FROM docker.io/library/golang:1.26 AS dev", "FROM bb AS dev",
	).Replace(text)
	if got := string(writeFroms(f, facts, []exec.Parent{dev, golang, l0})); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// COPY --from=dev is the stage, whatever else is called so.
	left := otherThanStages(f, []exec.Parent{dev, golang, l0})
	if len(left) != 2 || left[0] != golang || left[1] != l0 {
		t.Errorf("build contexts: %+v", left)
	}
}
