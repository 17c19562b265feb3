package dockerfile_test

import (
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

func TestNameFroms(t *testing.T) {
	const text = `ARG X=dev
FROM --platform=linux/amd64 ${X} \
  AS one
FROM docker.io/library/golang:1.26 AS dev
FROM unread
FROM one
FROM other
COPY --from=dev /a /a
COPY --from=one /a /a
`
	f, err := dockerfile.Parse("Dockerfile", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	facts, err := f.Facts(dockerfile.Options{Platform: "linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer(
		"FROM --platform=linux/amd64 ${X} \\\n  AS one", "FROM --platform=linux/amd64 aa AS one\n",
		"FROM docker.io/library/golang:1.26 AS dev", "FROM bb AS dev",
	).Replace(text)
	got := f.NameFroms(facts, map[string]string{"dev": "aa", "docker.io/library/golang:1.26": "bb", "unread": "cc", "one": "dd"})
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if !f.HasStage("DEV") || f.HasStage("golang") || f.HasStage("") {
		t.Error("the stages are not those of the file")
	}
}
