package dockerfile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

// keys are the texts that a reader of facts would hash for the target: what
// must be equal exactly when a builder makes the same files, or config.
type keys struct{ files, config string }

// keysOf parses and folds the facts as their consumers do: in order, inputs by
// the keys of their stages, and nothing that is only for people.
func keysOf(t testing.TB, src string, o dockerfile.Options) keys {
	t.Helper()
	f, err := dockerfile.Parse("Dockerfile", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	if o.Platform == "" {
		o.Platform = "linux/amd64"
	}
	facts, err := f.Facts(o)
	if err != nil {
		t.Fatal(err)
	}
	return fold(facts)
}

func fold(facts *dockerfile.Facts) keys {
	byIndex := map[int]keys{}
	var last keys
	for _, s := range facts.Stages {
		last = keys{foldList(s.Files, byIndex, false), foldList(s.Config, byIndex, true)}
		byIndex[s.Index] = last
	}
	return last
}

func foldList(list []dockerfile.Fact, stages map[int]keys, config bool) string {
	var b strings.Builder
	for _, f := range list {
		fmt.Fprintf(&b, "%d|%s|%s|%s|%s|%+v|%v", f.Kind, f.Keyword, f.Text, f.Name, f.Value, f.Sources, f.Untracked)
		if f.Kind == dockerfile.Input {
			in := stages[f.Ref.Stage].files
			if config {
				in = stages[f.Ref.Stage].config
			}
			fmt.Fprintf(&b, "|%s|%s|{%s}", f.Role, f.Ref.External, strings.ReplaceAll(in, "\n", "\n\t"))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// What an edit changes.
const (
	nothing = "nothing"
	files   = "the files"
	config  = "only the config"
	both    = "files and config"
)

func changed(a, b keys) string {
	switch {
	case a.files != b.files && a.config != b.config:
		return both
	case a.files != b.files:
		return files
	case a.config != b.config:
		return config
	}
	return nothing
}

// edit is one change to a Dockerfile, or to how it is built.
type edit struct {
	name          string
	before, after string
	o, p          dockerfile.Options // before and after; p is o when it is empty
	want          string
}

func checkEdits(t *testing.T, edits []edit) {
	t.Helper()
	for _, e := range edits {
		t.Run(e.name, func(t *testing.T) {
			if e.p.Args == nil && e.p.OnBuild == nil && e.p.Platform == "" && e.p.BuildPlatform == "" {
				e.p = e.o
			}
			if e.after == "" {
				e.after = e.before
			}
			a, b := keysOf(t, e.before, e.o), keysOf(t, e.after, e.p)
			if got := changed(a, b); got != e.want {
				t.Errorf("changes %s, want %s\nbefore:\n%s\n%s\nafter:\n%s\n%s", got, e.want, a.files, a.config, b.files, b.config)
			}
		})
	}
}

func args(kv ...string) dockerfile.Options {
	m := map[string]string{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = kv[i+1]
	}
	return dockerfile.Options{Args: m}
}

// base returns options that know the ONBUILD triggers of every base.
func base(env []string, triggers ...string) dockerfile.Options {
	return dockerfile.Options{OnBuild: func(string) ([]string, []string) { return triggers, env }}
}
