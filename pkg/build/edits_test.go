package build_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/build"
	"github.com/terok-ai/terok-agent/pkg/build/buildtest"
)

const l1Image = "terok-l1-cli:debian-12-claude-codex"

// claudesFiles lists the files of an agent that no edit touches.
const claudesFiles = "find /opt/terok/agents/claude /usr/local/bin/claude | sort | xargs ls -ld; sha256sum /opt/terok/agents/claude/*"

func TestEditsOnPodman(t *testing.T) { edits(t, newProject(t)) }

func TestEditsOnBuildkit(t *testing.T) { edits(t, newLayoutProject(t)) }

// Every edit gives exactly its plan, apply does exactly that, and afterwards
// all is up to date, whatever the engine. One store serves all of them: going
// back to the start is itself a plan, in which only names move.
func edits(t *testing.T, p *project) {
	p.expect(t, "agent/claude no-image(terok-agent-claude:2.1.0); agent/codex no-image(terok-agent-codex:0.168.0); "+
		"fetch no-image(terok-fetch:debian-12); l0 no-image(terok-l0:debian-12); l1 no-image(terok-l1-cli:debian-12-claude-codex)")
	if got := p.apply(t); got != "agent/claude agent/codex fetch l0 l1" {
		t.Fatalf("the first apply built %q", got)
	}
	p.upToDate(t)
	if got := p.run(t, l1Image, "sh", "-c", "claude; codex; cat /etc/terok/installed.env"); !strings.Contains(got, "codex 0.168.0") {
		t.Errorf("in the image: %s", got)
	}
	if got := p.apply(t); got != "" {
		t.Errorf("a second apply built %q", got)
	}
	claude := p.run(t, l1Image, "sh", "-c", claudesFiles)

	for _, tc := range []struct {
		name    string
		edit    func(t *testing.T)
		back    func(t *testing.T)
		want    string
		builds  string
		fetches int
		runs    string // nodes in which a RUN ran
	}{
		{
			name: "a script that l0 copies",
			edit: func(t *testing.T) {
				p.Write(t, "scripts/l0/ensure-bridges.sh", p.Read(t, "scripts/l0/ensure-bridges.sh")+"# edited\n")
			},
			back:   func(t *testing.T) { p.Remove(t, "scripts/l0/ensure-bridges.sh") },
			want:   "l0 file-changed(scripts/l0/ensure-bridges.sh); l1 input-changed(l0)",
			builds: "l0 l1", runs: "",
		},
		{
			name:   "the pinned version of codex",
			edit:   func(t *testing.T) { p.Agent(t, "codex", "0.169.0") },
			back:   func(t *testing.T) { p.Agent(t, "codex", "0.168.0") },
			want:   "agent/codex version-changed(VERSION 0.168.0→0.169.0); l1 input-changed(agent/codex)",
			builds: "agent/codex l1", fetches: 1, runs: "agent/codex",
		},
		{
			name: "a permission bit of a script",
			edit: func(t *testing.T) {
				p.Write(t, "scripts/l0/ensure-bridges.sh", strings.TrimPrefix(p.Read(t, "scripts/l0/ensure-bridges.sh"), "#!"))
			},
			back:   func(t *testing.T) { p.Remove(t, "scripts/l0/ensure-bridges.sh") },
			want:   "l0 file-changed(scripts/l0/ensure-bridges.sh); l1 input-changed(l0)",
			builds: "l0 l1", runs: "",
		},
		{
			name:   "a script added",
			edit:   func(t *testing.T) { p.Write(t, "scripts/l0/another", "#!/bin/sh\n") },
			back:   func(t *testing.T) { p.Remove(t, "scripts/l0/another") },
			want:   "l0 file-added(scripts/l0/another); l1 input-changed(l0)",
			builds: "l0 l1", runs: "",
		},
		{
			name:   "a script removed",
			edit:   func(t *testing.T) { p.Write(t, "scripts/l0/.wh.ssh-agent-bridge.sh", "") },
			back:   func(t *testing.T) { p.Remove(t, "scripts/l0/.wh.ssh-agent-bridge.sh") },
			want:   "l0 file-removed(scripts/l0/ssh-agent-bridge.sh); l1 input-changed(l0)",
			builds: "l0 l1", runs: "",
		},
		{
			name: "a comment in a template",
			edit: func(t *testing.T) { p.Edit(t, "templates/l0.Dockerfile.tmpl", "USER dev\n", "# no news\nUSER dev\n") },
			back: func(t *testing.T) { p.Edit(t, "templates/l0.Dockerfile.tmpl", "# no news\n", "") },
		},
		{
			name:   "a changed instruction",
			edit:   func(t *testing.T) { p.Edit(t, "templates/fetch.Dockerfile.tmpl", "USER 0", "USER 0:0") },
			back:   func(t *testing.T) { p.Edit(t, "templates/fetch.Dockerfile.tmpl", "USER 0:0", "USER 0") },
			want:   "fetch not-needed instruction-changed(USER USER 0→USER 0:0)",
			builds: "",
		},
		{
			name: "a changed instruction of l0",
			edit: func(t *testing.T) { p.Edit(t, "templates/l0.Dockerfile.tmpl", "WORKDIR /workspace", "WORKDIR /work") },
			back: func(t *testing.T) {
				p.Edit(t, "templates/l0.Dockerfile.tmpl", "WORKDIR /work\n", "WORKDIR /workspace\n")
			},
			want:   "l0 instruction-changed(WORKDIR WORKDIR /workspace→WORKDIR /work); l1 input-changed(l0)",
			builds: "l0 l1", runs: "",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p.Registry.Downloads()
			p.ran("")
			tc.edit(t)
			p.expect(t, tc.want)
			if got := p.apply(t); got != tc.builds {
				t.Errorf("built %q, want %q", got, tc.builds)
			}
			if got := p.Registry.Downloads(); got != tc.fetches {
				t.Errorf("%d downloads, want %d", got, tc.fetches)
			}
			if got := nodesOf(p.ran("RUN")); got != tc.runs {
				t.Errorf("RUN ran in %q, want %q", got, tc.runs)
			}
			p.upToDate(t)
			if tc.builds != "" {
				now := p.run(t, l1Image, "sh", "-c", claudesFiles)
				if now != claude {
					t.Errorf("the files of claude differ:\n%s\n%s", now, claude)
				}
			}
			tc.back(t)
			if got := p.apply(t); got != "" {
				t.Errorf("going back built %q", got)
			}
			p.upToDate(t)
		})
	}
	t.Run("refresh", func(t *testing.T) { refreshed(t, p) })
	t.Run("missing and foreign images", func(t *testing.T) { missingAndForeign(t, p) })
	t.Run("a failure moves no name", func(t *testing.T) { failed(t, p) })
	t.Run("the base moved", func(t *testing.T) { baseMoved(t, p) })
}

func nodesOf(steps []string) string {
	seen := map[string]bool{}
	var out []string
	for _, s := range steps {
		node, _, _ := strings.Cut(s, ": ")
		if !seen[node] {
			seen[node] = true
			out = append(out, node)
		}
	}
	return strings.Join(out, " ")
}

// A moved base rebuilds what stands on it; no part is built or downloaded, and
// what fetches them is not needed.
func baseMoved(t *testing.T, p *project) {
	old := p.plan(t)
	p.engine.addBase(t, buildtest.Base, "MOVED=1")
	p.Registry.Downloads()
	made := p.plan(t)
	if got := says(made); got != "fetch not-needed base-moved(debian:12); l0 base-moved(debian:12); l1 input-changed(l0)" {
		t.Errorf("plan: %s", got)
	}
	was, _ := old.Step("base")
	now, _ := made.Step("base")
	l0, _ := made.Step("l0")
	if r := l0.Reasons[0]; r.From != was.Digest || r.To != now.Digest || r.From == r.To {
		t.Errorf("base-moved names %s → %s, want %s → %s", r.From, r.To, was.Digest, now.Digest)
	}
	if got := p.apply(t); got != "l0 l1" {
		t.Errorf("built %q", got)
	}
	if n := p.Registry.Downloads(); n > 0 {
		t.Errorf("%d downloads", n)
	}
	p.upToDate(t)
}

// A refreshed node is made again, with what stands on it, and stays fresh.
func refreshed(t *testing.T, p *project) {
	p.Registry.Downloads()
	ask := refresh("agent/codex")
	p.expect(t, "agent/codex refresh-requested(agent/codex); l1 input-rebuilt(agent/codex)", ask)
	if got := p.apply(t, ask); got != "agent/codex l1" {
		t.Errorf("built %q", got)
	}
	if n := p.Registry.Downloads(); n != 1 {
		t.Errorf("%d downloads, want 1", n)
	}
	p.upToDate(t)
	made := p.plan(t)
	fresh, _ := made.Step("agent/codex")

	// An edit elsewhere does not bring the old part back.
	p.Write(t, "scripts/l0/another", "#!/bin/sh\n# elsewhere\n")
	if got := p.apply(t); got != "l0 l1" {
		t.Errorf("an edit elsewhere built %q", got)
	}
	p.Remove(t, "scripts/l0/another")
	p.apply(t)
	after, _ := p.plan(t).Step("agent/codex")
	if after.Found != fresh.Found {
		t.Errorf("the part is %s again, want %s", after.Found, fresh.Found)
	}

	// --rebuild makes all parts again, and nothing else but what stands on them.
	rebuild := func(_ *build.Spec, o *build.Options) { o.Rebuild = true }
	p.Registry.Downloads()
	if got := p.apply(t, rebuild); got != "agent/claude agent/codex l1" {
		t.Errorf("--rebuild built %q", got)
	}
	if n := p.Registry.Downloads(); n != 2 {
		t.Errorf("--rebuild: %d downloads, want 2", n)
	}
	full := func(_ *build.Spec, o *build.Options) { o.FullRebuild, o.Pull = true, build.PullNever }
	if got := p.apply(t, full); got != "agent/claude agent/codex fetch l0 l1" {
		t.Errorf("--full-rebuild built %q", got)
	}
	p.upToDate(t)
}

func missingAndForeign(t *testing.T, p *project) {
	p.engine.remove(t, l1Image)
	p.expect(t, "l1 no-image("+l1Image+")")
	if got := p.apply(t); got != "l1" {
		t.Errorf("after the removal of l1 built %q", got)
	}
	p.engine.unname(t, "terok-l0:debian-12")
	if p.engine.hidesUnnamed() {
		p.expect(t, "l0 not-needed no-image(terok-l0:debian-12)")
		if got := p.apply(t); got != "" {
			t.Errorf("after l0, which nobody needs, lost its name built %q", got)
		}
	}
	// It is found again without a name: l1 stands on it.
	p.expect(t, "l0 retag tag-missing(terok-l0:debian-12)", targets("l0"))
	if got := p.apply(t, targets("l0")); got != "" {
		t.Errorf("l0 as a target built %q", got)
	}
	p.apply(t)
	p.upToDate(t)

	// An image that is not ours under our name.
	p.engine.rename(t, buildtest.Base, l1Image)
	made := p.plan(t)
	s, _ := made.Step("l1")
	if len(s.Reasons) != 1 || s.Reasons[0].Code != "foreign-image" {
		t.Errorf("a foreign image under the name of l1: %s", says(made))
	}
	p.apply(t)
	p.upToDate(t)
	if got := p.run(t, l1Image, "codex"); got != "codex 0.168.0" {
		t.Errorf("the name leads to %q", got)
	}
}

// A step that fails is told with its line, and every name stays where it was.
func failed(t *testing.T, p *project) {
	before, _ := p.plan(t).Step("l1")
	whole := p.Read(t, "templates/l0.Dockerfile.tmpl")
	p.Edit(t, "templates/l0.Dockerfile.tmpl", "echo installing packages", "exit 9")
	_, err := p.tryApply()
	var e *build.Error
	if !errors.As(err, &e) || e.Class != "step-failed" || e.ExitCode != 1 || e.Hint == "" || !strings.Contains(e.Message, "Dockerfile:") {
		t.Errorf("error = %+v, want a failed step with its line and a hint", err)
	}
	p.Write(t, "templates/l0.Dockerfile.tmpl", whole)
	p.upToDate(t)
	if after, _ := p.plan(t).Step("l1"); after.Found != before.Found {
		t.Errorf("l1 is %s, want %s", after.Found, before.Found)
	}
}

func TestBasesWithTheSameTagOnPodman(t *testing.T) { basesWithTheSameTag(t, newProject(t)) }

func TestBasesWithTheSameTagOnBuildkit(t *testing.T) { basesWithTheSameTag(t, newLayoutProject(t)) }

// Two bases whose names give the same tag are told apart by the record.
func basesWithTheSameTag(t *testing.T, p *project) {
	p.engine.addBase(t, "docker.io/library/ubuntu:24.04")
	p.engine.addBase(t, "localhost/ubuntu-24.04:latest", "OTHER=1")
	p.agents = "claude"
	base := func(ref string) change {
		return func(s *build.Spec, _ *build.Options) { s.Base, s.Family = ref, "deb" }
	}
	p.apply(t, base("ubuntu:24.04"))
	p.upToDate(t, base("ubuntu:24.04"))
	s, _ := p.plan(t, base("ubuntu-24.04")).Step("l0")
	if s.Tags[0] != "terok-l0:ubuntu-24.04" || len(s.Reasons) != 1 || s.Reasons[0].Code != "base-moved" ||
		!strings.HasPrefix(s.Reasons[0].From, "ubuntu:24.04@") || !strings.HasPrefix(s.Reasons[0].To, "ubuntu-24.04@") {
		t.Errorf("l0 on the other base: %v %v", s.Tags, s.Reasons)
	}
	_, err := p.tryApply(base("Ubuntu:24.04"))
	if err == nil || !strings.Contains(err.Error(), "lower") {
		t.Errorf("a name in capitals: %v", err)
	}
}
