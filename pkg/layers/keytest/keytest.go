// Package keytest holds what counts in a key and what does not, as edits of small
// projects, for tests of keys and for tests of what builders make of the same
// edits. docs/cache-key.md says it in words.
package keytest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/testfile"
)

// Project is a build context with its Dockerfile, and what is passed.
type Project struct {
	Dir      string
	Args     map[string]string
	Target   string
	Platform string // "" for the machine's own
	Tags     []string
	// Base says which image stands behind the names base and debian:12: "" for one
	// with the programs a, b, x and y, which write something new each time; "other"
	// for one with equal files and another digest; "trigger" for one that also has
	// an ONBUILD RUN x. Copied is the same for quay.io/a/b:1, without triggers.
	Base, Copied string
}

// New makes the project of a row, in a directory.
func New(t testing.TB, dir string, r Row) *Project {
	t.Helper()
	p := &Project{Dir: dir}
	p.Write(t, "Dockerfile", r.Before)
	for name, text := range contextFiles {
		p.Write(t, name, text)
	}
	if err := os.Symlink("b.txt", filepath.Join(dir, "d/link")); err != nil {
		t.Fatal(err)
	}
	return p
}

// contextFiles are in every context.
var contextFiles = map[string]string{"d/f.txt": "x", "d/g/h.txt": "y", "a.md": "m", "b.txt": "b"}

// Write writes a file of the context.
func (p *Project) Write(t testing.TB, name, text string) {
	t.Helper()
	testfile.Write(t, filepath.Join(p.Dir, name), text)
}

// Row is one edit.
type Row struct {
	Name string
	// Before and After are the Dockerfile; an empty After is the same again; Edit is
	// what else is done.
	Before, After string
	Edit          func(testing.TB, *Project)
	// Want is what of the layer's keys moves: "files", "config", "both" or "" for
	// none.
	Want string
	// NotBuilt says why no test builds it. BuildKit and Podman say why that one
	// does not agree with the key; then the key goes with the other.
	NotBuilt, BuildKit, Podman string
}

// Apply makes the edit.
func (r Row) Apply(t testing.TB, p *Project) {
	t.Helper()
	if r.After != "" {
		p.Write(t, "Dockerfile", r.After)
	}
	if r.Edit != nil {
		r.Edit(t, p)
	}
}

type edit = func(testing.TB, *Project)

func chmod(name string, mode os.FileMode) edit {
	return func(t testing.TB, p *Project) {
		if err := os.Chmod(filepath.Join(p.Dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
}

func write(name, text string) edit { return func(t testing.TB, p *Project) { p.Write(t, name, text) } }

func remove(name string) edit {
	return func(t testing.TB, p *Project) {
		if err := os.RemoveAll(filepath.Join(p.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func relink(name, target string) edit {
	return func(t testing.TB, p *Project) {
		remove(name)(t, p)
		if err := os.Symlink(target, filepath.Join(p.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func setArg(name, value string) edit {
	return func(_ testing.TB, p *Project) { p.Args = map[string]string{name: value} }
}

func useBase(which string) edit { return func(_ testing.TB, p *Project) { p.Base = which } }

const (
	copyD = "FROM base\nCOPY d /d\n"
	addD  = "FROM base\nADD d /d\n"
	bindD = "FROM base\nRUN --mount=type=bind,source=d,target=/d true\n"
)

// Why podman 4.3 does not make again what a key says, or makes it again although
// no key moved. The executor makes up for the first kind.
const (
	behindMounts = "it does not look behind a bind mount"
	modeOfSource = "it does not look at the mode of the directory that is copied"
	setBits      = "it leaves out setuid and setgid bits"
	notKnown     = "4.3 does not know it"
	noSuchArgs   = "it gives the argument no meaning"
	equalFiles   = "it takes images with equal files for the same"
	owners       = "it takes another owner for a change, and drops it"
	byText       = "it compares the text of the line"
	argIsStep    = "an ARG is a step like any other"
)
