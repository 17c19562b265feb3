package resources_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// The first thing that the recipes of L0 and fetch do is to see what the base is.
func TestRecipesSeeTheFamily(t *testing.T) {
	cases := []struct {
		name, release, manager string
		want                   map[string]string // by the recipe's family; "" goes on
	}{
		{"Debian", "ID=debian", "apt-get", map[string]string{"deb": "", "rpm": "this base is deb (ID=debian): use --family deb"}},
		{"Fedora", "ID=fedora", "dnf", map[string]string{"rpm": "", "deb": "this base is rpm (ID=fedora): use --family rpm"}},
		{"Fedora with an apt-get", "ID=fedora", "apt-get dnf", map[string]string{"rpm": "", "deb": "this base is rpm (ID=fedora): use --family rpm"}},
		{"Rocky", "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"", "dnf", map[string]string{"rpm": "", "deb": "this base is rpm (ID=rocky): use --family rpm"}},
		{"Red Hat without dnf", "ID=rhel\nID_LIKE=fedora", "microdnf", map[string]string{"rpm": "this base (ID=rhel) has no dnf, which the rpm family needs"}},
		{"Alpine", "ID=alpine", "apk", map[string]string{
			"deb": "this base (ID=alpine) has no apt-get, which the deb family needs", "rpm": "this base (ID=alpine) has no dnf, which the rpm family needs",
		}},
		{"unheard of", "ID=own", "dnf", map[string]string{"rpm": "", "deb": "this base (ID=own) has no apt-get, which the deb family needs"}},
		{"no word", "", "apt-get", map[string]string{"deb": "", "rpm": "this base (ID=) has no dnf, which the rpm family needs"}},
	}
	for _, recipe := range []string{"l0", "fetch"} {
		for _, c := range cases {
			dir := t.TempDir()
			if c.release != "" {
				write(t, filepath.Join(dir, "os-release"), c.release+"\n", 0o644)
			}
			for _, m := range strings.Fields(c.manager) {
				write(t, filepath.Join(dir, "bin", m), "#!/bin/sh\n", 0o755)
			}
			for family, want := range c.want {
				script := strings.ReplaceAll(look(t, recipe, family), "/etc/os-release", filepath.Join(dir, "os-release"))
				for _, shell := range []string{"/bin/dash", "/bin/bash"} {
					o := run(t, []string{"PATH=" + filepath.Join(dir, "bin")}, dir, shell, "-c", script+" echo on")
					if got := strings.TrimSpace(o.stderr); got != want || (o.code == 0) != (want == "") || (o.stdout == "on\n") != (want == "") {
						t.Errorf("%s, %s of %s in %s: exit %d, %q, %q, want %q", c.name, recipe, family, shell, o.code, o.stdout, got, want)
					}
				}
			}
		}
	}
}

// look is the first step of a recipe up to where it begins to install.
func look(t *testing.T, recipe, family string) string {
	t.Helper()
	text := render(t, "templates/"+recipe+".Dockerfile.tmpl", "example:1", family)
	_, text, _ = strings.Cut(text, "\nRUN ")
	_, text, _ = strings.Cut(text, " \\\n")
	for _, end := range []string{"    export DEBIAN_FRONTEND", "    set -- -y"} {
		if before, _, ok := strings.Cut(text, end); ok && !strings.Contains(before, "\nRUN ") {
			return before
		}
	}
	t.Fatalf("%s of %s: no first step that installs:\n%s", recipe, family, text)
	return ""
}
