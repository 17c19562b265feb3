package resources_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/terok-ai/terok-agent/resources"
)

// eventually waits until a condition holds; the deadline only keeps a broken
// test from hanging.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for range 3000 {
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it did not happen")
}

// What images run, or need on PATH, is staged with the bit because of its
// shebang.
func TestExecutablesHaveShebang(t *testing.T) {
	for _, dir := range []string{"l0", "l1", "agents"} {
		each(t, "scripts/"+dir, func(path, content string) {
			switch filepath.Ext(path) {
			case ".toml", ".json", ".mjs":
				return
			}
			if name := filepath.Base(path); name != "Caddyfile" && name != "terok-bash-banner.sh" && !strings.HasPrefix(content, "#!/") {
				t.Errorf("%s has no shebang", path)
			}
		})
	}
	for path, want := range map[string]bool{
		"scripts/fetch/terok-fetch": true, "scripts/l1/usr/local/share/terok/terok-bash-banner.sh": false, "tmux/container-tmux.conf": false,
	} {
		b, err := fs.ReadFile(resources.FS, path)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.HasPrefix(string(b), "#!"); got != want {
			t.Errorf("%s: shebang %v, want %v", path, got, want)
		}
	}
}

func each(t *testing.T, dir string, visit func(path, content string)) {
	t.Helper()
	err := fs.WalkDir(resources.FS, dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(resources.FS, path)
		if err == nil {
			visit(path, string(b))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestShellcheck(t *testing.T) {
	needs(t, "shellcheck")
	each(t, "scripts", func(path, content string) {
		first, _, _ := strings.Cut(content, "\n")
		if !strings.HasSuffix(first, "sh") && filepath.Ext(path) != ".sh" {
			return
		}
		o := run(t, os.Environ(), filepath.Dir(path), "shellcheck", "-x", "-S", "style", filepath.Base(path))
		if o.code != 0 {
			t.Errorf("%s:\n%s", path, o.stdout)
		}
	})
}

// render executes a template as the layers do.
func render(t *testing.T, path, base, family string) string {
	t.Helper()
	tmpl, err := template.ParseFS(resources.FS, path)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := tmpl.Option("missingkey=error").Execute(&b, map[string]any{"Base": base, "Family": family, "Packages": []string{}}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTemplatesRender(t *testing.T) {
	for _, name := range []string{"l0", "fetch"} {
		for family, manager := range map[string]string{"deb": "apt-get", "rpm": "dnf"} {
			got := render(t, "templates/"+name+".Dockerfile.tmpl", "example:1", family)
			if !strings.Contains(got, "ARG BASE_IMAGE=example:1\nFROM ${BASE_IMAGE}\n") || !strings.Contains(got, "\nUSER ") {
				t.Errorf("%s, %s: does not begin with the base:\n%s", name, family, got)
			}
			if !strings.Contains(got, manager) || strings.Contains(got, "<<") || strings.Contains(got, "ENV DEBIAN") {
				t.Errorf("%s, %s: not what it should be:\n%s", name, family, got)
			}
			if family == "rpm" && strings.Contains(got, "apt-get") {
				t.Errorf("%s: apt on rpm", name)
			}
		}
	}
	l0 := render(t, "templates/l0.Dockerfile.tmpl", "example:1", "deb")
	if !strings.HasSuffix(l0, "USER dev\nWORKDIR /workspace\nCMD [\"init-ssh-and-repo.sh\"]\n") {
		t.Error("l0 does not end as it must")
	}
}
