package dockerfile_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

func mustFacts(t testing.TB, src string, o dockerfile.Options) *dockerfile.Facts {
	t.Helper()
	if o.Platform == "" {
		o.Platform = "linux/amd64"
	}
	facts, err := mustParse(t, src).Facts(o)
	if err != nil {
		t.Fatal(err)
	}
	return facts
}

// brief returns the facts as "KEYWORD TEXT", inputs as "role REF".
func brief(list []dockerfile.Fact) []string {
	var out []string
	for _, f := range list {
		switch f.Kind {
		case dockerfile.Input:
			ref := f.Ref.External
			if f.Ref.Stage >= 0 {
				ref = string(rune('0' + f.Ref.Stage))
			}
			out = append(out, f.Role+" "+ref)
		case dockerfile.Sources:
			out = append(out, "sources "+strings.Join(f.Sources.Patterns, " "))
		default:
			out = append(out, f.Keyword+" "+f.Text)
		}
	}
	return out
}

func equalLists(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n  %s\nwant:\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestOrderOfFacts(t *testing.T) {
	facts := mustFacts(t, `ARG L0=terok-l0:x
FROM ${L0} AS p
ENV A=1 B="x y"
USER dev
WORKDIR /w
ARG V=3
COPY --from=part:1 --chown=$V / ./
RUN --mount=type=bind,source=./src,target=/src make
ENV LATE=1
CMD run
FROM p
COPY ./a b c/
RUN foo \
  # comment
  bar
`, dockerfile.Options{})
	if len(facts.Stages) != 2 || facts.Target != 1 {
		t.Fatalf("%d stages, target %d", len(facts.Stages), facts.Target)
	}
	equalLists(t, "parent's files", brief(facts.Stages[0].Files), []string{
		"from terok-l0:x", "USER dev", "WORKDIR /w", "COPY --from=* --chown=3 . /w/", "copy part:1",
		"ENV A=1", `ENV B="x y"`, "ARG V=3", "RUN --mount=type=bind,source=/src,target=/src,ro make", "sources src",
	})
	equalLists(t, "parent's config", brief(facts.Stages[0].Config), []string{
		"from terok-l0:x", "ENV A=1", `ENV B="x y"`, "USER dev", "WORKDIR /w", "ENV LATE=1", "CMD run",
	})
	equalLists(t, "child's files", brief(facts.Stages[1].Files), []string{
		"from 0", "COPY a b /w/c/", "sources a b", "ENV A=1", `ENV B="x y"`, "USER dev", "WORKDIR /w", "ARG V=3", "ENV LATE=1", "RUN foo   bar",
	})
	equalLists(t, "child's config", brief(facts.Stages[1].Config), []string{"from 0"})
	step := facts.Stages[1].Files[1]
	if step.Line != 12 || step.Step != 1 || step.Display != "COPY ./a b c/" {
		t.Errorf("COPY: line %d step %d %q", step.Line, step.Step, step.Display)
	}
}

func TestFromResolves(t *testing.T) {
	src := "ARG L0=l0:1\nARG T\nFROM ${L0} AS a\nFROM A AS b\nENV X=1\nFROM $L0:x AS c\nFROM scratch AS d\nFROM --platform=linux/arm64 a AS e\n" +
		"FROM b\nCOPY --from=a / /\nCOPY --from=2 / /\nCOPY --from=D / /\nCOPY --from=e / /\n"
	facts := mustFacts(t, src, dockerfile.Options{Args: map[string]string{"L0": "sha256:1"}})
	want := []dockerfile.Ref{
		{Stage: -1, External: "sha256:1", Arg: "L0", Line: 3},
		{Stage: 0, Line: 4},
		{Stage: -1, External: "sha256:1:x", Line: 6},
		{Stage: -1, External: "scratch", Line: 7},
		{Stage: 0, Line: 8},
		{Stage: 1, Line: 9},
	}
	alias := []bool{true, false, true, true, false, false}
	for i, s := range facts.Stages {
		if s.From != want[i] || s.Alias != alias[i] || s.Index != i {
			t.Errorf("stage %d is %d: from %+v alias %v, want %+v %v", i, s.Index, s.From, s.Alias, want[i], alias[i])
		}
	}
	if len(facts.Stages[3].Files) != 0 {
		t.Errorf("scratch has facts: %v", brief(facts.Stages[3].Files))
	}
}

func TestOnlyReachedStages(t *testing.T) {
	src := "FROM x AS a\nARG ONE\nRUN a\nFROM y AS b\nARG TWO\nRUN b\nFROM z AS c\nRUN --mount=from=a,target=/m c\n"
	o := dockerfile.Options{Args: map[string]string{"ONE": "1", "TWO": "2", "OTHER": "3", "https_proxy": "p", "TARGETARCH": "q"}}
	facts := mustFacts(t, src, o)
	if len(facts.Stages) != 2 || facts.Stages[0].Name != "a" || facts.Stages[1].Name != "c" {
		t.Fatalf("stages %+v", facts.Stages)
	}
	equalLists(t, "unused", facts.Unused, []string{"OTHER", "TWO"})
	for _, target := range []string{"b", "B", "1"} {
		o.Target = target
		facts = mustFacts(t, src, o)
		if len(facts.Stages) != 1 || facts.Stages[0].Index != 1 {
			t.Errorf("target %s: %+v", target, facts.Stages)
		}
	}
}

func TestTriggersAreLikeWritten(t *testing.T) {
	o := base([]string{"D=/data"}, "COPY f $D/", "RUN <<E\nmake\nE", "COPY --from=other / /")
	facts := mustFacts(t, "FROM scratch AS other\nFROM x\nRUN own\n", o)
	equalLists(t, "files", brief(facts.Stages[1].Files), []string{
		"from x", "COPY f /data/", "sources f", "RUN <<\nmake\n", "COPY --from=* . /", "copy 0", "RUN own",
	})
	if f := facts.Stages[1].Files[1]; f.Line != 2 || f.Step != 0 {
		t.Errorf("trigger has line %d, step %d; want 2, 0", f.Line, f.Step)
	}
	if facts := mustFacts(t, "FROM x\n", base(nil, "RUN a")); facts.Stages[0].Alias {
		t.Error("a stage with triggers is no alias")
	}
}

func TestSources(t *testing.T) {
	for src, want := range map[string]dockerfile.SourceSet{
		"COPY --exclude=*.md --exclude=$X a/ *.go /d/":  {Patterns: []string{"a", "*.go"}, Exclude: []string{"*.md"}, Follow: true, Wildcards: true},
		"COPY --parents a/./b/c /d/":                    {Patterns: []string{"a/b/c"}, Parents: true, Follow: true, Wildcards: true},
		"COPY . /d/":                                    {Patterns: []string{"."}, Follow: true, Wildcards: true},
		"COPY ../a /d/":                                 {Patterns: []string{"a"}, Follow: true, Wildcards: true},
		"COPY $UNKNOWN/a /d/":                           {Patterns: []string{"."}, Follow: true, Wildcards: true},
		"ADD a.tar https://h/b /d/":                     {Patterns: []string{"a.tar"}, Follow: true, Wildcards: true},
		"RUN --mount=target=/m,source=a*/ b":            {Patterns: []string{"a*"}, Bind: true},
		"RUN --mount=target=/m b":                       {Patterns: []string{"."}, Bind: true},
		"RUN --mount=target=/m,source=$UNKNOWN b":       {Patterns: []string{"."}, Bind: true},
		"RUN --mount=type=cache,target=/m,source=a b":   {},
		"RUN --mount=type=tmpfs,target=/m b":            {},
		"RUN --mount=type=secret,id=a b":                {},
		"COPY <<E /d\nE":                                {},
		"COPY --from=i a /d":                            {},
		"ADD https://h/b /d/":                           {},
		"RUN --mount=from=scratch,target=/m,source=a b": {},
	} {
		facts := mustFacts(t, "FROM x\n"+src+"\n", dockerfile.Options{})
		var got dockerfile.SourceSet
		for _, f := range facts.Stages[0].Files {
			if f.Kind == dockerfile.Sources {
				got = f.Sources
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s reads %+v, want %+v", src, got, want)
		}
	}
}

func TestUntracked(t *testing.T) {
	sum := "sha256:" + strings.Repeat("0", 64)
	for src, want := range map[string]bool{
		"ADD https://h/f /f":                                              true,
		"ADD --checksum=" + sum + " https://h/f /f":                       false,
		"ADD https://h/r.git /f":                                          true,
		"ADD https://h/r.git#main /f":                                     true,
		"ADD https://h/r.git#" + strings.Repeat("a", 40) + " /f":          false,
		"ADD https://h/r.git#" + strings.Repeat("a", 40) + ":sub/dir /f":  false,
		"ADD git@h:r.git /f":                                              true,
		"ADD ./f /f":                                                      false,
		"ADD f https://h/g /f/":                                           true,
		"ADD https://h/f#" + strings.Repeat("a", 40) + " https://h/g /f/": true,
		"COPY f /f": false,
	} {
		facts := mustFacts(t, "FROM x\n"+src+"\n", dockerfile.Options{})
		if got := facts.Stages[0].Files[1].Untracked; got != want {
			t.Errorf("%s: untracked %v, want %v", src, got, want)
		}
	}
}

func TestPredefinedArguments(t *testing.T) {
	src := "ARG TARGETARCH\nFROM x-$TARGETARCH\nARG TARGETPLATFORM\nARG TARGETOS\nARG TARGETARCH\nARG TARGETVARIANT\nARG BUILDPLATFORM\nARG TARGETSTAGE\nRUN a\n"
	facts := mustFacts(t, src, dockerfile.Options{Platform: "linux/arm64/v8", BuildPlatform: "linux/amd64"})
	equalLists(t, "files", brief(facts.Stages[0].Files), []string{
		"from x-arm64", "ARG TARGETPLATFORM=linux/arm64/v8", "ARG TARGETOS=linux", "ARG TARGETARCH=arm64", "ARG TARGETVARIANT=v8",
		"ARG BUILDPLATFORM=linux/amd64", "ARG TARGETSTAGE=default", "RUN a",
	})
}

func TestFactsArePure(t *testing.T) {
	f := mustParse(t, sixtyLines())
	o := dockerfile.Options{Platform: "linux/amd64"}
	first, err := f.Facts(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Facts(dockerfile.Options{Platform: "linux/arm64", Args: map[string]string{"VERSION": "9"}}); err != nil {
		t.Fatal(err)
	}
	if again, err := f.Facts(o); err != nil || !reflect.DeepEqual(first, again) {
		t.Errorf("facts differ after another call: %v", err)
	}
	if string(f.Source()) != sixtyLines() {
		t.Error("the source has changed")
	}
}

func TestStagesAsWritten(t *testing.T) {
	f := mustParse(t, "ARG A\nfrom x AS Y\n# c\nrun <<E\nbody\nE\ncopy a \\\n  b\n")
	want := []dockerfile.StageText{{Name: "y", Instructions: []dockerfile.InstructionText{
		{Keyword: "FROM", Text: "FROM x AS Y", Line: 2, EndLine: 2},
		{Keyword: "RUN", Text: "RUN <<E", Line: 4, EndLine: 6},
		{Keyword: "COPY", Text: "COPY a b", Line: 7, EndLine: 8},
	}}}
	if !reflect.DeepEqual(f.Stages, want) {
		t.Errorf("got %+v, want %+v", f.Stages, want)
	}
}

func TestErrors(t *testing.T) {
	for name, c := range map[string]struct{ src, target, want string }{
		"unknown instruction":    {"FROM x\n\nRUNN a\n", "", "L0.Dockerfile:3: unknown instruction RUNN (did you mean RUN?)"},
		"empty":                  {"# c\n", "", "L0.Dockerfile:1: file with no instructions"},
		"no FROM":                {"ARG A\n", "", "L0.Dockerfile: no FROM: there is nothing to build"},
		"before FROM":            {"RUN a\nFROM x\n", "", "L0.Dockerfile:1: RUN before the first FROM: only ARG may stand there"},
		"unknown target":         {"FROM x AS build\n", "biuld", `L0.Dockerfile: no stage "biuld" to build (did you mean build?)`},
		"target far off":         {"FROM x AS build\nFROM y AS test\n", "zzzzzz", `L0.Dockerfile: no stage "zzzzzz" to build (there are build, test)`},
		"target without names":   {"FROM x\n", "7", `L0.Dockerfile: no stage "7" to build (no stage has a name)`},
		"later stage":            {"FROM x\nCOPY --from=b / /\nFROM y AS b\nFROM x\nCOPY --from=0 / /\n", "", "L0.Dockerfile:2: from=b: that stage is not defined before this one"},
		"itself":                 {"FROM x AS a\nCOPY --from=a / /\n", "", "L0.Dockerfile:2: from=a: that stage is not defined before this one"},
		"number out of range":    {"FROM x\nFROM y\nCOPY --from=1 / /\n", "", "L0.Dockerfile:3: from=1: there are 1 stages before this one"},
		"variable in --from":     {"ARG A=b\nFROM x\nCOPY --from=$A / /\n", "", "L0.Dockerfile:3: from=$A: a variable cannot stand here"},
		"blank FROM":             {"ARG A\nFROM $A\n", "", "L0.Dockerfile:2: FROM $A names nothing"},
		"name used twice":        {"FROM x AS a\nFROM y AS a\nFROM a\n", "", `L0.Dockerfile:3: stage "a" is defined twice, in lines 1 and 2`},
		"bad substitution":       {"FROM x\nENV A=${\n", "", "L0.Dockerfile:2: "},
		"not UTF-8":              {"FROM x\nCOPY \"\xff\" /\n", "", `L0.Dockerfile:2: "\"\xff\"" is not text in UTF-8`},
		"bad mount":              {"FROM x\nRUN --mount=type=bnd,target=/a b\n", "", `L0.Dockerfile:2: unsupported mount type "bnd" (did you mean bind?)`},
		"unknown flag":           {"FROM x\nCOPY --chwon=1 a b\n", "", "L0.Dockerfile:2: unknown flag: --chwon (did you mean ch"},
		"unterminated heredoc":   {"FROM x\nRUN <<E\na\n", "", "L0.Dockerfile:2: unterminated heredoc"},
		"only one word for COPY": {"FROM x\nCOPY a\n", "", "L0.Dockerfile:2: COPY requires at least two arguments"},
		"chained ONBUILD":        {"FROM x\nONBUILD ONBUILD RUN a\n", "", "L0.Dockerfile:2: Chaining ONBUILD"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := dockerfile.Parse("L0.Dockerfile", []byte(c.src))
			if err == nil {
				_, err = f.Facts(dockerfile.Options{Target: c.target, Platform: "linux/amd64"})
			}
			var pe *dockerfile.ParseError
			if !errors.As(err, &pe) || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v, want a ParseError %q", err, c.want)
			}
		})
	}
}

func TestTriggerErrors(t *testing.T) {
	for _, trigger := range []string{"RUNN a", "", "FROM x", "RUN a\nRUN b"} {
		_, err := mustParse(t, "ARG A\nFROM x\n").Facts(base(nil, trigger))
		var pe *dockerfile.ParseError
		if !errors.As(err, &pe) || pe.Line != 2 || !strings.Contains(err.Error(), "ONBUILD trigger") {
			t.Errorf("trigger %q: %v", trigger, err)
		}
	}
}
