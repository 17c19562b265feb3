package llb_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/llb"
)

func TestRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		edit func(*llb.Recipe)
		want string
		is   error
	}{
		"a typo in COPY --from": {
			text: "FROM terok-l0:ubuntu-24.04\nRUN x\nCOPY --from=agnt-codex / /\n",
			want: `L1.Dockerfile:3: "agnt-codex" is neither a stage nor a parent (there are terok-agent-codex:1, terok-l0:ubuntu-24.04)`, is: llb.ErrUndeclared,
		},
		"an unknown base": {text: "\nFROM debian:12\n", want: `L1.Dockerfile:2: "debian:12"`, is: llb.ErrUndeclared},
		"another tag of a parent": {
			text: "FROM terok-l0:ubuntu-22.04\n", want: `L1.Dockerfile:1: "terok-l0:ubuntu-22.04"`, is: llb.ErrUndeclared,
		},
		"an unknown mount": {
			text: "FROM scratch\nRUN --mount=from=cache,target=/x y\n", want: "L1.Dockerfile:2:", is: llb.ErrUndeclared,
		},
		"a stage below that is not declared": {
			text: "FROM debian:12 AS a\nRUN x\nFROM terok-l0:ubuntu-24.04\nCOPY --from=a /x /\n", want: "L1.Dockerfile:1:", is: llb.ErrUndeclared,
		},
		"a trigger of a parent": {
			text: "ARG X\nFROM terok-l0:ubuntu-24.04\n",
			edit: func(r *llb.Recipe) {
				p := r.Parents["terok-l0:ubuntu-24.04"]
				p.Config = []byte(`{"os":"linux","architecture":"amd64","config":{"OnBuild":["COPY --from=other / /"]}}`)
				r.Parents["terok-l0:ubuntu-24.04"] = p
			},
			want: "L1.Dockerfile:2:", is: llb.ErrUndeclared,
		},
		"an unknown instruction":     {text: "FROM scratch\nRUNN x\n", want: "L1.Dockerfile:2: unknown instruction RUNN (did you mean RUN?)"},
		"a wrong option":             {text: "FROM scratch\nCOPY --chmod=99 a b\n", want: "L1.Dockerfile:2:"},
		"nothing":                    {text: "", want: "L1.Dockerfile: "},
		"an unknown target":          {text: "FROM scratch AS one\n", edit: func(r *llb.Recipe) { r.Target = "on" }, want: "did you mean one?"},
		"a wrong salt":               {text: "FROM scratch\n", edit: func(r *llb.Recipe) { r.Salt = "a b" }, want: "salt"},
		"an unknown network mode":    {text: "FROM scratch\n", edit: func(r *llb.Recipe) { r.NetworkMode = "bridge" }, want: `"bridge" (use host, none or private)`},
		"a parent without a digest":  {text: "FROM scratch\n", edit: func(r *llb.Recipe) { r.Parents["x"] = llb.Parent{Source: "docker-image://x:1"} }, want: "by digest"},
		"a parent of another scheme": {text: "FROM scratch\n", edit: func(r *llb.Recipe) { r.Parents["x"] = llb.Parent{Source: "local:x@" + digestA} }, want: "by digest"},
		"one name for two parents": {
			text: "FROM scratch\n",
			edit: func(r *llb.Recipe) {
				r.Parents["docker.io/library/terok-l0:ubuntu-24.04"] = llb.Parent{Source: "oci-layout://out@" + digestB, Config: []byte("{}")}
			},
			want: "one name and are two images",
		},
		"a configuration that is none": {
			text: "FROM scratch\nFROM terok-l0:ubuntu-24.04\n",
			edit: func(r *llb.Recipe) {
				r.Parents["terok-l0:ubuntu-24.04"] = llb.Parent{Source: "oci-layout://out@" + digestA, Config: []byte("<html>")}
			},
			want: "L1.Dockerfile:2:",
		},
		"two contexts": {
			text: "FROM scratch\n", edit: func(r *llb.Recipe) { r.Context, r.LocalContext = tree(nil), "dir" }, want: "two build contexts",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := recipe(tc.text)
			if tc.edit != nil {
				tc.edit(&r)
			}
			_, err := llb.Lower(context.Background(), llb.Env{}, r)
			var e *llb.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want %q", err, tc.want)
			}
			if tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("%v is not %v", err, tc.is)
			}
		})
	}
}

// A line is that of the text as written although a salt moved it.
func TestErrorBelowSalt(t *testing.T) {
	r := recipe("FROM terok-l0:ubuntu-24.04\nRUN x\nCOPY --chown=$MISSING:? a /b\nUSER\n")
	r.Salt = "s1"
	_, err := llb.Lower(context.Background(), llb.Env{}, r)
	if err == nil || !strings.HasPrefix(err.Error(), "L1.Dockerfile:4: ") {
		t.Errorf("got %v", err)
	}
	// This one only conversion finds.
	r.Dockerfile = []byte("FROM terok-l0:ubuntu-24.04\nRUN x\nCOPY --chmod=77777 a /b\n")
	_, err = llb.Lower(context.Background(), llb.Env{}, r)
	if err == nil || !strings.HasPrefix(err.Error(), "L1.Dockerfile:3: ") {
		t.Errorf("got %v", err)
	}
}

// What is not reached may name anything.
func TestUnreachedStageIsNotResolved(t *testing.T) {
	img := lower(t, recipe("FROM debian:12 AS idle\nRUN x\nFROM terok-l0:ubuntu-24.04\nRUN y\n"))
	if got := kinds(dumped(t, img)); got != "source exec" {
		t.Errorf("operations: %s", got)
	}
}

// A stage with the name of a parent is still a stage.
func TestStageCalledLikeItsParent(t *testing.T) {
	for name, text := range map[string]string{
		"from it":      "FROM l0 AS l0\nRUN x\nFROM l0\nRUN y\n",
		"upper case":   "FROM --platform=linux/amd64 \\\n  l0 \\\n  AS L0\nRUN x\nFROM l0\nRUN y\n",
		"by an ARG":    "ARG P=l0\nFROM ${P} AS l0\nRUN x\nFROM l0\nRUN y\n",
		"another one":  "FROM l0 AS base\nFROM base AS l0\nRUN x\nFROM l0\nRUN y\n",
		"with a COPY":  "FROM l0 AS l0\nRUN x\nFROM l0\nRUN y\nCOPY --from=l0 /a /b\n",
		"latest is it": "FROM docker.io/library/l0:latest AS l0\nRUN x\nFROM l0\nRUN y\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := recipe(text)
			r.Parents = map[string]llb.Parent{"l0": {Source: "oci-layout://out@" + digestA, Config: []byte(baseConfig)}}
			ops := dumped(t, lower(t, r))
			if got := kinds(ops); !strings.HasPrefix(got, "source exec exec") {
				t.Fatalf("operations: %s", got)
			}
			if !strings.HasSuffix(ops[0].Source, "@"+digestA) || ops[0].Name != "[l1 parent] l0" {
				t.Errorf("source %q is called %q", ops[0].Source, ops[0].Name)
			}
			lines := strings.Split(text, "\n")
			for i, want := range map[int]string{1: "RUN x", 2: "RUN y"} {
				if got := lines[ops[i].Line-1]; got != want {
					t.Errorf("%s: line %d is %q", ops[i].Name, ops[i].Line, got)
				}
			}
		})
	}
}

// A parent that nothing refers to does not take a stage's place.
func TestIdleParent(t *testing.T) {
	r := recipe("FROM terok-l0:ubuntu-24.04 AS codex\nRUN x\nFROM codex\nRUN y\n")
	r.Parents["codex"] = llb.Parent{Source: "oci-layout://out@" + digestB, Config: []byte("{}")}
	if got := kinds(dumped(t, lower(t, r))); got != "source exec exec" {
		t.Errorf("operations: %s", got)
	}
}

// Names that only podman knows are given another one.
func TestNameThatNoRegistryHas(t *testing.T) {
	r := recipe("ARG BASE=Ubuntu:24.04\nFROM ${BASE}\nRUN x\n")
	r.Parents = map[string]llb.Parent{"Ubuntu:24.04": {Source: "oci-layout://out@" + digestA, Config: []byte(baseConfig)}}
	ops := dumped(t, lower(t, r))
	if kinds(ops) != "source exec" || ops[0].Name != "[l1 parent] Ubuntu:24.04" || ops[0].Line != 2 {
		t.Errorf("operations %+v", ops)
	}
}

func TestNetworkMode(t *testing.T) {
	for mode, want := range map[string]string{"": "", "host": "host", "none": "none", "private": ""} {
		r := recipe("FROM terok-l0:ubuntu-24.04\nRUN x\n")
		r.NetworkMode = mode
		if got := dumped(t, lower(t, r))[1].Exec.Network; got != want {
			t.Errorf("mode %q gives %q", mode, got)
		}
	}
}

func TestBuildPlatform(t *testing.T) {
	r := recipe("FROM terok-l0:ubuntu-24.04\nARG BUILDPLATFORM\nARG TARGETPLATFORM\nRUN x\n")
	r.Platform = "linux/arm64"
	for build, want := range map[string]string{"": "BUILDPLATFORM=linux/arm64", "linux/amd64": "BUILDPLATFORM=linux/amd64"} {
		img, err := llb.Lower(context.Background(), llb.Env{BuildPlatform: build}, r)
		if err != nil {
			t.Fatal(err)
		}
		env := strings.Join(dumped(t, img)[1].Exec.Env, " ")
		if !strings.Contains(env, want) || !strings.Contains(env, "TARGETPLATFORM=linux/arm64") {
			t.Errorf("built on %q: %s", build, env)
		}
	}
}

func TestWarnings(t *testing.T) {
	r := recipe("FROM terok-l0:ubuntu-24.04\nRUN x\nENV a b\n")
	r.Salt = "s"
	var got []llb.Warning
	_, err := llb.Lower(context.Background(), llb.Env{Warn: func(w llb.Warning) { got = append(got, w) }}, r)
	if err != nil || len(got) != 1 || got[0].Rule != "LegacyKeyValueFormat" || got[0].Line != 3 {
		t.Errorf("got %v, %v", got, err)
	}
}
