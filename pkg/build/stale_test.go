package build_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a builder's own cache does not see is built all the same: what lies behind
// a bind mount, and bits of a file. podman drops setuid from what it copies, so
// the mode that is looked at there is the mounted one.
func TestUnseenByTheBuilderOnPodman(t *testing.T) { unseenByTheBuilder(t, newProject(t), "755") }

func TestUnseenByTheBuilderOnBuildkit(t *testing.T) {
	unseenByTheBuilder(t, newLayoutProject(t), "4755")
}

func unseenByTheBuilder(t *testing.T, p *project, setuid string) {
	u := newUsers(t, p)
	u.write(t, "it.Dockerfile", "FROM debian:12\nCOPY d /d\nRUN --mount=type=bind,source=m,target=/m stat -c %a /m/f > /mounted\n")
	u.write(t, "d/f", "a file\n")
	u.write(t, "m/f", "a mounted file\n")
	u.declare("it", "it:1")
	p.apply(t)
	for _, edit := range []struct {
		path, says, want string
		mode             os.FileMode
	}{
		{"d/f", "it mode-changed(d/f 0644→4755)", setuid + " 644", 0o755 | os.ModeSetuid},
		{"m/f", "it mode-changed(m/f 0644→0600)", setuid + " 600", 0o600},
		{"d/f", "it mode-changed(d/f 4755→0755)", "755 600", 0o755},
		{"m/f", "it mode-changed(m/f 0600→4755)", "755 4755", 0o755 | os.ModeSetuid},
		{"d", "it mode-changed(d 0755→0700)", "755 4755", 0o700},
	} {
		if err := os.Chmod(filepath.Join(u.dir, edit.path), edit.mode); err != nil {
			t.Fatal(err)
		}
		p.expect(t, edit.says)
		if got := p.apply(t); got != "it" {
			t.Errorf("%s: built %q", edit.says, got)
		}
		p.upToDate(t)
		if got := strings.Join(strings.Fields(p.run(t, "it:1", "sh", "-c", "stat -c %a /d/f; cat /mounted")), " "); got != edit.want {
			t.Errorf("%s %o: in the image %s, want %s", edit.path, edit.mode, got, edit.want)
		}
	}
}
