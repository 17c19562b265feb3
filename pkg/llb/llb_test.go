package llb_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/apicaps"
	"github.com/opencontainers/go-digest"

	"github.com/terok-ai/terok-agent/pkg/llb"
)

const (
	digestA = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	digestB = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

const baseConfig = `{"os":"linux","architecture":"amd64","config":{"Env":["PATH=/bin","FROM_BASE=yes"],
"User":"dev","WorkingDir":"/workspace","Cmd":["start"],"Labels":{"inherited":"1","ai.terok.key":"parent"}},
"rootfs":{"type":"layers","diff_ids":["` + digestB + `"]}}`

func recipe(text string) llb.Recipe {
	return llb.Recipe{
		Name: "l1", File: "L1.Dockerfile", Dockerfile: []byte(text), Platform: "linux/amd64",
		Parents: map[string]llb.Parent{
			"terok-l0:ubuntu-24.04": {Source: "oci-layout://out@" + digestA, Config: []byte(baseConfig)},
			"terok-agent-codex:1":   {Source: "docker-image://localhost:5000/parts@" + digestB, Config: []byte(`{"os":"linux","architecture":"amd64","config":{}}`)},
		},
	}
}

const l1Text = `# syntax=example.invalid/never:1
ARG L0=terok-l0:ubuntu-24.04
ARG AGENT_CODEX=terok-agent-codex:1
FROM ${AGENT_CODEX} AS agent-codex
FROM ${L0}
USER root
RUN echo one; \
    echo two
COPY --from=agent-codex / /
ENV MORE=1
USER dev
CMD ["run"]
`

func lower(t *testing.T, r llb.Recipe) *llb.Image {
	t.Helper()
	img, err := llb.Lower(context.Background(), llb.Env{}, r)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// op is an operation as the dump shows it.
type op struct {
	Digest, Kind, Name, Source string
	Line                       int
	Inputs, File               []string
	Exec                       *struct {
		Args, Env, Mounts  []string
		Cwd, User, Network string
	}
}

func dumped(t *testing.T, img *llb.Image) []op {
	t.Helper()
	var b bytes.Buffer
	if err := img.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var d struct{ Ops []op }
	if err := json.Unmarshal(b.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	return d.Ops
}

func names(ops []op) string {
	var b strings.Builder
	for _, o := range ops {
		b.WriteString(o.Kind + " " + o.Name + "\n")
	}
	return b.String()
}

func TestLower(t *testing.T) {
	img := lower(t, recipe(l1Text))
	ops := dumped(t, img)
	const want = `source [l1 parent] terok-l0:ubuntu-24.04
exec [l1 stage-1 1/3] RUN echo one;     echo two
source [l1 parent] terok-agent-codex:1
file [l1 stage-1 2/3] COPY --from=agent-codex / /
`
	if got := names(ops); got != want {
		t.Fatalf("operations\n%swant\n%s", got, want)
	}
	if got, want := ops[0].Source, "oci-layout://docker.io/library/terok-l0:ubuntu-24.04@"+digestA; got != want {
		t.Errorf("source %q, want %q", got, want)
	}
	if got, want := ops[2].Source, "docker-image://localhost:5000/parts@"+digestB; got != want {
		t.Errorf("source %q, want %q", got, want)
	}
	for i, line := range []int{5, 7, 4, 9} {
		if ops[i].Line != line {
			t.Errorf("%s is of line %d, want %d", ops[i].Name, ops[i].Line, line)
		}
	}
	run := ops[1].Exec
	if run.User != "root" || run.Cwd != "/workspace" || !strings.Contains(strings.Join(run.Env, " "), "FROM_BASE=yes") {
		t.Errorf("the step sees %+v", run)
	}
	at := img.Lines[digest.Digest(ops[1].Digest)]
	if at.File != "L1.Dockerfile" || at.Step.Stage != 1 || at.Step.Step != 2 || at.Text != `RUN echo one; echo two` {
		t.Errorf("place %+v", at)
	}
}

type config struct {
	Architecture string
	Config       struct {
		Env, Cmd         []string
		User, WorkingDir string
		Labels           map[string]string
	}
	History []struct {
		Created string
	}
}

func TestConfig(t *testing.T) {
	r := recipe(l1Text)
	long := strings.Repeat("x", 40000)
	r.Labels = map[string]string{"ai.terok.key": "mine", "ai.terok.record": long}
	img := lower(t, r)
	var c config
	if err := json.Unmarshal(img.Config, &c); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(c.Config.Env, " "); got != "PATH=/bin FROM_BASE=yes MORE=1" {
		t.Errorf("env %q", got)
	}
	if c.Config.User != "dev" || c.Config.WorkingDir != "/workspace" || strings.Join(c.Config.Cmd, " ") != "run" {
		t.Errorf("config %+v", c.Config)
	}
	l := c.Config.Labels
	if l["ai.terok.key"] != "mine" || l["ai.terok.record"] != long || l["inherited"] != "1" {
		t.Error("labels are not the recipe's over the parent's")
	}
	for _, h := range c.History {
		if h.Created != "" {
			t.Errorf("the history knows a time: %q", h.Created)
		}
	}
	if !bytes.Contains(img.Base, []byte(`"parent"`)) {
		t.Errorf("base %s", img.Base)
	}
	// Labels are in no step.
	if names(dumped(t, img)) != names(dumped(t, lower(t, recipe(l1Text)))) {
		t.Error("labels change the steps")
	}
}

// Two runs give the same bytes, but for the random name of a progress group.
func TestSameTwice(t *testing.T) {
	for _, part := range []bool{false, true} {
		r := recipe(l1Text)
		setPart(r, part)
		r.Salt = "s1"
		a, b := lower(t, r), lower(t, r)
		if !bytes.Equal(bytes.Join(a.Definition.Def, nil), bytes.Join(b.Definition.Def, nil)) {
			t.Error("two runs, two definitions")
		}
		if !bytes.Equal(a.Config, b.Config) {
			t.Error("two runs, two configurations")
		}
		if len(r.Args) != 0 || len(r.Labels) != 0 {
			t.Error("the recipe was changed")
		}
	}
}

func TestSalt(t *testing.T) {
	plain := lower(t, recipe(l1Text))
	r := recipe(l1Text)
	r.Salt = "s1"
	img := lower(t, r)
	ops, was := dumped(t, img), dumped(t, plain)
	if !strings.Contains(strings.Join(ops[1].Exec.Env, " "), "TEROK_SALT=s1") || ops[1].Digest == was[1].Digest {
		t.Errorf("the salt is not in the step: %v", ops[1].Exec.Env)
	}
	// Lines stay those of the text as written, in the source map too.
	for i := range ops {
		if ops[i].Line != was[i].Line || ops[i].Name != was[i].Name {
			t.Errorf("%q of line %d became %q of line %d", was[i].Name, was[i].Line, ops[i].Name, ops[i].Line)
		}
	}
	src := img.Definition.Source
	if len(src.Infos) != 1 || string(src.Infos[0].Data) != l1Text || src.Infos[0].Filename != "L1.Dockerfile" {
		t.Fatalf("source map %v", src.Infos)
	}
	ranges := src.Locations[ops[1].Digest].Locations[0].Ranges
	if ranges[0].Start.Line != 7 || ranges[len(ranges)-1].End.Line != 8 {
		t.Errorf("the step is in lines %v", ranges)
	}
}

// setPart says whether the agent's parent is a part.
func setPart(r llb.Recipe, part bool) {
	p := r.Parents["terok-agent-codex:1"]
	p.Part = part
	r.Parents["terok-agent-codex:1"] = p
}

func TestParts(t *testing.T) {
	r := recipe(l1Text)
	setPart(r, true)
	img := lower(t, r)
	ops := dumped(t, img)
	if got := kinds(ops); got != "source exec source file merge" {
		t.Errorf("operations: %s", got)
	}
	if ops[4].Line != 9 {
		t.Errorf("the merge is of line %d", ops[4].Line)
	}
	// Without an alias it is one too; a copy of some of it, of a stage that
	// does something, or of another parent is not.
	other := r
	other.Dockerfile = []byte("FROM terok-l0:ubuntu-24.04\nCOPY --from=terok-agent-codex:1 / /\n")
	if got := kinds(dumped(t, lower(t, other))); got != "source source file merge" {
		t.Errorf("operations: %s", got)
	}
	r.Dockerfile = []byte(`FROM terok-agent-codex:1 AS made
COPY a /a
FROM terok-l0:ubuntu-24.04
COPY --from=made / /
COPY --from=terok-agent-codex:1 /a /
COPY --from=terok-l0:ubuntu-24.04 / /
`)
	if got := kinds(dumped(t, lower(t, r))); strings.Contains(got, "merge") {
		t.Errorf("operations: %s", got)
	}
	// The history does not show the difference.
	if !bytes.Equal(img.Config, lower(t, recipe(l1Text)).Config) {
		t.Error("the configuration differs")
	}
}

func kinds(ops []op) string {
	var k []string
	for _, o := range ops {
		k = append(k, o.Kind)
	}
	return strings.Join(k, " ")
}

// without returns all capabilities but one.
func without(id apicaps.CapID) *apicaps.CapSet {
	var list []*apicaps.PBCap
	for _, c := range pb.Caps.All() {
		if c.ID != string(id) {
			list = append(list, c)
		}
	}
	set := pb.Caps.CapSet(list)
	return &set
}

func TestOldDaemon(t *testing.T) {
	r := recipe(l1Text)
	setPart(r, true)
	img, err := llb.Lower(context.Background(), llb.Env{Caps: without(pb.CapMergeOp)}, r)
	if err != nil {
		t.Fatal(err)
	}
	if got := kinds(dumped(t, img)); got != "source exec source file" {
		t.Errorf("operations: %s", got)
	}
	_, err = llb.Lower(context.Background(), llb.Env{Caps: without(pb.CapFileBase)}, r)
	var e *llb.Error
	if !errors.Is(err, llb.ErrOldDaemon) || !errors.As(err, &e) || !strings.Contains(e.Hint, "update") {
		t.Errorf("got %v", err)
	}
}

type resolver struct{ asked []string }

func (r *resolver) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	r.asked = append(r.asked, ref)
	return ref, "", []byte(baseConfig), nil
}

func TestResolverIsAskedForParentsOnly(t *testing.T) {
	r := recipe(l1Text)
	r.Parents["terok-l0:ubuntu-24.04"] = llb.Parent{Source: "oci-layout://out@" + digestA}
	if _, err := llb.Lower(context.Background(), llb.Env{}, r); err == nil || !strings.Contains(err.Error(), "terok-l0:ubuntu-24.04") {
		t.Errorf("got %v", err)
	}
	var x resolver
	img, err := llb.Lower(context.Background(), llb.Env{Resolver: &x}, r)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(x.asked, " "); got != "out@"+digestA {
		t.Errorf("asked for %q", got)
	}
	if !bytes.Equal(img.Config, lower(t, recipe(l1Text)).Config) {
		t.Error("another configuration than with the one given")
	}
}
