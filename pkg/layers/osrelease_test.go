package layers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers"
)

func TestOSRelease(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		want   layers.OSRelease
		family layers.Family
	}{
		"Debian":              {"PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n", layers.OSRelease{ID: "debian"}, layers.Deb},
		"Ubuntu":              {"ID=ubuntu\nID_LIKE=debian\n", layers.OSRelease{ID: "ubuntu", Like: []string{"debian"}}, layers.Deb},
		"like Ubuntu":         {"ID=linuxmint\nID_LIKE=\"ubuntu debian\"", layers.OSRelease{ID: "linuxmint", Like: []string{"ubuntu", "debian"}}, layers.Deb},
		"Fedora":              {"ID=fedora\nVERSION_ID=43\n", layers.OSRelease{ID: "fedora"}, layers.RPM},
		"Rocky":               {"ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", layers.OSRelease{ID: "rocky", Like: []string{"rhel", "centos", "fedora"}}, layers.RPM},
		"Alma":                {"ID=\"almalinux\"\r\nID_LIKE=\"rhel centos fedora\"\r\n", layers.OSRelease{ID: "almalinux", Like: []string{"rhel", "centos", "fedora"}}, layers.RPM},
		"Red Hat":             {"ID='rhel'\nID_LIKE='fedora'\n", layers.OSRelease{ID: "rhel", Like: []string{"fedora"}}, layers.RPM},
		"openSUSE":            {"ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n", layers.OSRelease{ID: "opensuse-leap", Like: []string{"suse", "opensuse"}}, ""},
		"Alpine":              {"NAME=\"Alpine Linux\"\nID=alpine\n", layers.OSRelease{ID: "alpine"}, ""},
		"nothing":             {"", layers.OSRelease{}, ""},
		"no word of itself":   {"# ID=debian\nVERSION_ID=1\nVARIANT_ID=fedora\nID\n", layers.OSRelease{}, ""},
		"its own word counts": {"ID=fedora\nID_LIKE=debian\n", layers.OSRelease{ID: "fedora", Like: []string{"debian"}}, layers.RPM},
	} {
		got := layers.ParseOSRelease([]byte(c.text))
		if fmt.Sprint(got) != fmt.Sprint(c.want) || got.Family() != c.family {
			t.Errorf("%s: %+v of family %q, want %+v of family %q", name, got, got.Family(), c.want, c.family)
		}
	}
}

func TestFamilyError(t *testing.T) {
	for name, c := range map[string]struct {
		err        layers.FamilyError
		want, hint string
	}{
		"another":  {layers.FamilyError{Base: "x:1", OS: layers.OSRelease{ID: "fedora"}, Asked: layers.Deb}, `base "x:1" is rpm (ID=fedora), and the family asked for is deb`, "--family rpm"},
		"openSUSE": {layers.FamilyError{Base: "x:1", OS: layers.OSRelease{ID: "opensuse-leap", Like: []string{"suse"}}}, "where zypper installs packages", "a base with apt or dnf"},
		"Alpine":   {layers.FamilyError{Base: "x:1", OS: layers.OSRelease{ID: "alpine"}}, "where apk installs packages", "a base with apt or dnf"},
		"unheard":  {layers.FamilyError{Base: "x:1", OS: layers.OSRelease{ID: "own"}}, "it is not known", "--family deb or --family rpm"},
	} {
		if got := c.err.Error(); !strings.Contains(got, c.want) || !strings.Contains(c.err.Hint(), c.hint) {
			t.Errorf("%s: %q, hint %q", name, got, c.err.Hint())
		}
	}
}
