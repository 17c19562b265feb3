package build_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/build"
)

// Entries whose vendors no test can count on are built as they are, from a
// server on loopback with the vendors' paths, layouts and kinds of digest. One
// of each format always, all of them in make test-long.
func TestVendorsOnLoopback(t *testing.T) {
	names := []string{"caddy", "python314", "sonar", "yq"}
	commands := "caddy version; python3.14 --version; sonar-scanner --version; yq --version"
	if os.Getenv("TEROK_LONG") != "" {
		names = []string{"caddy", "gh", "glab", "node", "python314", "sonar", "uv", "yq"}
		commands += "; gh --version; glab --version; node --version; npm --version; uv --version; uvx --version"
	}
	p := newProject(t)
	mirrors := p.Vendor(t, append(names, "coderabbit")...)
	// A script that nothing pins belongs to the base, and the plan says so.
	p.Write(t, "agents/loose.yaml", `default: false
install:
  - script: {run: "printf '#!/bin/sh\n: \"${1:+$(touch /opt/terok/agents/loose/$1)}\"; echo loose script\n' > /opt/terok/agents/loose/loose; chmod +x /opt/terok/agents/loose/loose"}
commands: {loose: loose}
prepare: {run: [loose, warmed]}
`)
	names = append(names, "loose")
	slices.Sort(names)
	commands += "; loose; ls /opt/terok/agents/loose/warmed"
	p.agents = strings.Join(names, ",")
	vendors := func(s *build.Spec, o *build.Options) {
		s.Sidecars = []string{"coderabbit"}
		o.Mirrors = append(o.Mirrors, mirrors...)
	}
	if step, _ := p.plan(t, vendors).Step("agent/loose"); strings.Join(step.Unpinned, "") != "script" || step.Tags[0] != "terok-agent-loose:debian-12" {
		t.Errorf("the script is planned as %v, %v", step.Unpinned, step.Tags)
	}
	if got := p.apply(t, vendors); !strings.Contains(got, "l1 sidecar/coderabbit tool/caddy tool/coderabbit") {
		t.Errorf("built %q", got)
	}
	p.upToDate(t, vendors)
	l1 := "terok-l1-cli:debian-12-" + strings.Join(names, "-")
	got := p.run(t, l1, "sh", "-euc", commands+`
		find / -xdev -name UNWANTED | grep -v -e sonar -e python314 -e uv || cat /usr/local/share/terok/parts/yq.json`)
	for _, want := range []string{"loose script\n/opt/terok/agents/loose/warmed", "yq version 4.", "sonar version 8.", "python314 version 3.14.", `"name": "yq", "kind": "tool", "version": "4.`} {
		if !strings.Contains(got, want) {
			t.Errorf("in l1: no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "UNWANTED") {
		t.Errorf("in l1:\n%s", got)
	}
	if got := p.run(t, "terok-l1-sidecar:debian-12-coderabbit", "sh", "-c", "cr --version; ls /opt/terok/agents"); got != "coderabbit version 0.9.0\ncoderabbit" {
		t.Errorf("in the sidecar: %q", got)
	}
}
