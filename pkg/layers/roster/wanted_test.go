package roster_test

import (
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/roster"
)

// What an update would look for is, in the locked version, what is locked; and
// the version is found again in the names of tags and files.
func TestWantedOfEmbedded(t *testing.T) {
	r := embedded(t)
	for _, name := range r.Names() {
		e, _ := r.Lookup(name)
		if e.Lock == nil {
			continue
		}
		wanted, err := e.Wanted(e.Lock.Version)
		if err != nil {
			t.Fatal(err)
		}
		if len(wanted) != len(e.Lock.Artefacts) {
			t.Errorf("%s: %d files wanted, %d locked", name, len(wanted), len(e.Lock.Artefacts))
			continue
		}
		for i, w := range wanted {
			if w.Source != e.Lock.Artefacts[i].Source || w.Platform != e.Lock.Artefacts[i].Platform {
				t.Errorf("%s: wants %s for %s, locked is %+v", name, w.Source, w.Platform, e.Lock.Artefacts[i])
			}
			checkFound(t, e, w)
		}
	}
}

func checkFound(t *testing.T, e roster.Entry, w roster.Wanted) {
	t.Helper()
	if w.Step.Source == roster.FromNpm {
		return
	}
	if w.Checksums == "" || strings.Contains(w.Checksums, "{{") {
		t.Errorf("%s: checksums %q", e.Name, w.Checksums)
	}
	u, err := url.Parse(w.Source)
	if err != nil {
		t.Fatal(err)
	}
	found := roster.VersionIn(w.Step.FileName(w.Platform), path.Base(u.Path))
	if tag := w.Step.Tag(); tag != nil {
		name := strings.Split(strings.NewReplacer("/-/releases/", "\n", "/releases/download/", "\n").Replace(u.Path), "\n")[1]
		name, _, _ = strings.Cut(name, "/")
		if v := roster.VersionIn(tag, name); v != "" {
			found = v
		}
	}
	if w.Step.Source != roster.FromURL && found != e.Lock.Version {
		t.Errorf("%s: in %s the version %q is found, want %q", e.Name, w.Source, found, e.Lock.Version)
	}
}
