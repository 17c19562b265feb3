package container_test

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/container"
)

func argv(c container.Container) string { return container.Line(c.Argv()) }

func TestArgv(t *testing.T) {
	c := container.Container{
		Image: "sha256:1", Command: []string{"claude", "-p", "it's"}, Env: map[string]string{"B": "2", "A": "x y"}, PassEnv: []string{"TOKEN"},
		Mounts:  []container.Mount{{Source: "/a b", Target: "/workspace"}, {Source: "/c,d", Target: "/e", ReadOnly: true}},
		Network: "none", ReadOnly: true, TTY: true, Owner: container.Owner{Rootless: true},
	}
	want := `podman run --rm --interactive --tty --cap-drop=all --security-opt=no-new-privileges --userns=keep-id:uid=1000,gid=1000 ` +
		`--read-only --mount=type=tmpfs,target=/home/dev,U=true --network=none '--env=A=x y' --env=B=2 --env=TOKEN ` +
		`'--mount=type=bind,source=/a b,target=/workspace' '--mount=type=bind,"source=/c,d",target=/e,readonly' ` +
		`--workdir=/workspace -- sha256:1 terok-init claude -p 'it'\''s'`
	if got := argv(c); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	c.SELinux = true
	if got := argv(c); strings.Count(got, "relabel=shared") != 2 {
		t.Errorf("mounts are not relabelled: %s", got)
	}
}

// Every ID of the container gets one of the host, none twice, no hole on the
// host, and dev gets the owner's.
func TestOwnerMaps(t *testing.T) {
	for _, id := range []int{0, 1, 500, 999, 1000, 1001, 5000, 65535, 65536, 1234567} {
		line := container.Container{Image: "x", Owner: container.Owner{UID: id, GID: id}}.Argv()
		for _, flag := range []string{"--uidmap=", "--gidmap="} {
			type span struct{ inside, host, n int }
			var spans []span
			for _, a := range line {
				if text, ok := strings.CutPrefix(a, flag); ok {
					var s span
					if _, err := fmt.Sscanf(text, "%d:%d:%d", &s.inside, &s.host, &s.n); err != nil {
						t.Fatal(err)
					}
					spans = append(spans, s)
					if s.inside <= 1000 && 1000 < s.inside+s.n && s.host+1000-s.inside != id {
						t.Errorf("owner %d: dev is mapped by %s", id, a)
					}
				}
			}
			for name, start := range map[string]func(span) int{
				"inside": func(s span) int { return s.inside }, "host": func(s span) int { return s.host },
			} {
				slices.SortFunc(spans, func(a, b span) int { return start(a) - start(b) })
				next := 0
				for _, s := range spans {
					if start(s) != next {
						t.Errorf("owner %d, %s: %v begins at %d, want %d", id, name, s, start(s), next)
					}
					next = start(s) + s.n
				}
				if next < 65536 || next < id+1 {
					t.Errorf("owner %d, %s: ends at %d", id, name, next)
				}
			}
		}
	}
}

func TestParseMount(t *testing.T) {
	for text, want := range map[string]container.Mount{
		"/a:/b": {Source: "/a", Target: "/b"}, "a:/b:ro": {Source: "a", Target: "/b", ReadOnly: true}, "/a:/b:rw": {Source: "/a", Target: "/b"},
	} {
		if got, err := container.ParseMount(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "/a", "/a:b", "/a:/", ":/b", "/a:/b:x", "/a:/b:ro:z"} {
		if got, err := container.ParseMount(text); err == nil {
			t.Errorf("%s: %v, want an error", text, got)
		}
	}
}

func TestParseEnv(t *testing.T) {
	if name, value, given, err := container.ParseEnv("A=b=c"); name != "A" || value != "b=c" || !given || err != nil {
		t.Errorf("%s %s %v %v", name, value, given, err)
	}
	if name, _, given, err := container.ParseEnv("A"); name != "A" || given || err != nil {
		t.Errorf("%s %v %v", name, given, err)
	}
	for _, text := range []string{"", "=x", "a-b=1", "a b"} {
		if _, _, _, err := container.ParseEnv(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestProjectName(t *testing.T) {
	if got := container.ProjectName("/home/me/my project", "0123456789abcdef"); got != "my-project-0123456789ab" {
		t.Error(got)
	}
}

// A mount's value is one line that podman reads back as it was.
func FuzzMount(f *testing.F) {
	f.Add("/a b")
	f.Add(`/a"b,c=d`)
	f.Fuzz(func(t *testing.T, source string) {
		if strings.ContainsAny(source, "\x00\n\r") {
			return // not a path that podman can be given
		}
		for _, a := range (container.Container{Image: "x", Mounts: []container.Mount{{Source: source, Target: "/t"}}}).Argv() {
			if text, ok := strings.CutPrefix(a, "--mount="); ok {
				back, err := csv.NewReader(strings.NewReader(text)).Read()
				if err != nil || len(back) != 3 || back[1] != "source="+source {
					t.Errorf("%q: %q, %v", source, back, err)
				}
			}
		}
	})
}
