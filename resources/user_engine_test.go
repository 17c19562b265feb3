package resources_test

import (
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
)

const debian = podmantest.Debian

// userBases are bases that already have somebody or something with the name or
// the numbers of the dev user, and what must be true afterwards beside the rest.
var userBases = []struct{ name, before, after string }{
	{"nobody", "true", "true"},
	{
		"renamed",
		"groupadd -g 1000 ubuntu && useradd -m -u 1000 -g ubuntu -s /bin/sh -G adm ubuntu && " +
			"echo x > /home/ubuntu/keep && echo ubuntu:7:9 > /etc/subuid && cp /etc/subuid /etc/subgid",
		"test -e /home/dev/keep && ! test -e /home/ubuntu && ! id ubuntu && grep -q ^dev:7:9 /etc/subuid /etc/subgid",
	},
	{
		"renamed, no shadow row, home taken",
		"groupadd -g 1000 pod && useradd -m -u 1000 -g pod pod && sed -i /^pod:/d /etc/shadow && " +
			"mkdir /home/dev && touch /home/dev/old /home/pod/mine",
		"test -e /home/dev/old && test -e /home/dev/mine",
	},
	{
		"already there",
		"groupadd -g 1234 dev && useradd -m -u 1000 -g dev -s /bin/sh dev && rm -f /etc/subuid /etc/subgid",
		"true",
	},
	{"other number", "groupadd -g 1500 dev && useradd -m -u 1500 -g dev dev && groupadd -g 1000 staffy", "getent group staffy"},
	{
		"other number and 1000 taken",
		"groupadd -g 1000 node && useradd -m -u 1000 -g node node && useradd -m -u 1001 dev",
		`test "$(stat -c %U /home/node)" = node`,
	},
	{
		"group of that name with another number",
		"groupadd -g 1300 dev && groupadd -g 1000 node && useradd -m -u 1000 -g node node",
		"! id node",
	},
	{"unreadable shadow", "chmod 0 /etc/shadow", "true"},
}

// userCheck runs as dev and holds for every base.
const userCheck = `set -eu; test "$(id -u):$(id -g):$(id -un):$(id -Gn)" = 1000:1000:dev:dev; ` +
	`sudo -n true; getent passwd dev | grep ':/home/dev:/bin/bash$'; ` +
	`grep -q ^dev: /etc/subuid; grep -q ^dev: /etc/subgid; sudo grep -q '^dev:!' /etc/shadow; ` +
	`test "$(stat -c %a:%U:%G /home/dev/.ssh /workspace /etc/sudoers.d/dev | paste -sd ' ')" = ` +
	`"700:dev:dev 777:dev:dev 440:root:root"; test -e /home/dev/.bashrc; touch /home/dev/.bashrc`

// TestDevUser runs the step that makes the user on real bases.
func TestDevUser(t *testing.T) {
	e := podmantest.Storage(t)
	podmantest.LoadDebian(t, e)
	ground := "FROM " + debian + "\nRUN apt-get -o Acquire::Retries=3 update && apt-get install -y --no-install-recommends sudo\n"
	step := userStep(t)
	for _, base := range userBases {
		t.Run(base.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir+"/Dockerfile", ground+"RUN "+base.before+"\n"+step+
				"USER dev\nRUN "+userCheck+"\nRUN "+base.after+"\n", 0o644)
			if out, err := e.Command("build", "--network=host", "--pull=never", dir).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out[max(0, len(out)-3000):])
			}
		})
	}
}

// userStep is the part of l0's Dockerfile from the user to the environment.
func userStep(t *testing.T) string {
	t.Helper()
	l0 := render(t, "templates/l0.Dockerfile.tmpl", debian, "deb")
	begin, end := strings.Index(l0, "# The user dev"), strings.Index(l0, "ENV REPO_ROOT")
	if begin < 0 || end < begin {
		t.Fatal("the template has no step for the user")
	}
	return l0[begin:end]
}
