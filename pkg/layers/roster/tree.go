package roster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/layers/words"
	"github.com/terok-ai/terok-agent/pkg/layers/yamlfile"
)

// Tree is the lock of a step that installs a package with all it needs, in the
// format of the client that installs it.
type Tree struct {
	// File is its path in the file system given to Load, Text its content.
	File string
	Text []byte
	// Build is the lock of what builds the package, for one that is installed
	// from its source archive; the zero value otherwise.
	Build TreeFile
	// Packages is how many packages it pins.
	Packages int
}

// TreeFile is a second file of a lock.
type TreeFile struct {
	File string
	Text []byte
}

// The endings of the native locks.
const (
	npmLockSuffix   = ".package-lock.json"
	pypiLockSuffix  = ".requirements.txt"
	buildLockSuffix = ".build.requirements.txt"
)

// TreeFiles are the names of the native locks that an entry's steps need,
// beside its own file.
func (e Entry) TreeFiles() []string {
	var out []string
	base := strings.TrimSuffix(e.File, entrySuffix)
	for _, s := range e.Install {
		switch {
		case s.Npm != nil:
			out = append(out, base+npmLockSuffix)
		case s.Pypi != nil:
			out = append(out, base+pypiLockSuffix)
			if s.Pypi.Sdist {
				out = append(out, base+buildLockSuffix)
			}
		}
	}
	return out
}

// readTrees reads the native locks of an entry that has a lock.
func (e *Entry) readTrees(fsys fs.FS) []error {
	e.Trees = map[string]TreeFile{}
	var errs []error
	for _, file := range e.TreeFiles() {
		text, err := fs.ReadFile(fsys, file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			errs = append(errs, fmt.Errorf("reading a lock: %w", err))
		default:
			e.Trees[file] = TreeFile{File: file, Text: text}
		}
	}
	if e.Lock == nil {
		return errs
	}
	// Reading a tree takes longer than all else, so that happens once.
	checked := map[string]*Tree{}
	for _, s := range e.Install {
		if s.Npm == nil && s.Pypi == nil {
			continue
		}
		if t, err := e.tree(s, e.Lock.Version); err == nil {
			checked[s.Path] = t
		}
	}
	e.checked = checked
	return errs
}

// tree finds and checks the native lock of a step.
func (e Entry) tree(s Step, version string) (*Tree, error) {
	if t, ok := e.checked[s.Path]; ok {
		return t, nil
	}
	base := strings.TrimSuffix(e.File, entrySuffix)
	if s.Npm != nil {
		f, err := e.treeFile(base + npmLockSuffix)
		if err != nil {
			return nil, err
		}
		n, err := checkNpmLock(f.Text, s.Npm.Package, version)
		if err != nil {
			return nil, &Error{File: f.File, Message: err.Error()}
		}
		return &Tree{File: f.File, Text: f.Text, Packages: n}, nil
	}
	f, err := e.treeFile(base + pypiLockSuffix)
	if err != nil {
		return nil, err
	}
	pins, err := readRequirements(f)
	if err != nil {
		return nil, err
	}
	if have := pins[pypiName(s.Pypi.Package)]; have != version {
		return nil, &Error{File: f.File, Message: fmt.Sprintf("it pins %s to %q, the lock is of %q", s.Pypi.Package, have, version)}
	}
	t := &Tree{File: f.File, Text: f.Text, Packages: len(pins)}
	if s.Pypi.Sdist {
		if t.Build, err = e.treeFile(base + buildLockSuffix); err != nil {
			return nil, err
		}
		if _, err := readRequirements(t.Build); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (e Entry) treeFile(name string) (TreeFile, error) {
	f, ok := e.Trees[name]
	if !ok {
		return f, &LockError{Entry: e.Name, File: name, Message: e.Name + " is not locked"}
	}
	return f, nil
}

// npmLock is what is checked of a lock in npm's format, version 2 or 3.
type npmLock struct {
	Version  int                   `json:"lockfileVersion"`
	Packages map[string]npmPackage `json:"packages"`
}

type npmPackage struct {
	Name         string            `json:"name"`
	Version      string            `json:"version"`
	Resolved     string            `json:"resolved"`
	Integrity    string            `json:"integrity"`
	InBundle     bool              `json:"inBundle"`
	Link         bool              `json:"link"`
	Dependencies map[string]string `json:"dependencies"`
}

// checkNpmLock makes sure that a lock installs this version of the package and
// that everything it installs has a sha512; it returns how many packages that
// are.
func checkNpmLock(text []byte, pkg, version string) (int, error) {
	var l npmLock
	if err := json.Unmarshal(text, &l); err != nil {
		return 0, fmt.Errorf("this is not npm's lock: %w", err)
	}
	if l.Version != 2 && l.Version != 3 {
		return 0, fmt.Errorf("lockfileVersion %d is not known, 2 and 3 are", l.Version)
	}
	root := l.Packages[""]
	if len(root.Dependencies) != 1 || root.Dependencies[pkg] != version {
		return 0, fmt.Errorf("the root must depend on %s %s and nothing else, it depends on %v", pkg, version, root.Dependencies)
	}
	if have := l.Packages["node_modules/"+pkg].Version; have != version {
		return 0, fmt.Errorf("it installs %s %q, the lock is of %q", pkg, have, version)
	}
	for _, where := range slices.Sorted(maps.Keys(l.Packages)) {
		p := l.Packages[where]
		if where == "" || p.InBundle {
			continue
		}
		if err := checkNpmPackage(where, p); err != nil {
			return 0, err
		}
	}
	return len(l.Packages) - 1, nil
}

func checkNpmPackage(where string, p npmPackage) error {
	switch {
	case p.Link || !strings.Contains(where, "node_modules/") || !fs.ValidPath(where):
		return fmt.Errorf("%q is no package of a registry", where)
	case !validVersion.MatchString(p.Version):
		return fmt.Errorf("%q has no version", where)
	case p.Resolved != "":
		return fmt.Errorf("%q names where it comes from (%s); the client's configuration decides that: make the lock with omit-lockfile-registry-resolved", where, p.Resolved)
	case !strings.HasPrefix(p.Integrity, "sha512-"):
		return fmt.Errorf("%q has no sha512", where)
	}
	if _, err := readDigest("sha512", strings.TrimPrefix(p.Integrity, "sha512-")); err != nil {
		return fmt.Errorf("%q: %w", where, err)
	}
	return nil
}

var (
	requirement = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[A-Za-z0-9._,-]+\])?==([0-9A-Za-z][0-9A-Za-z.+!_-]*)\s*(?:;[^\\]*)?((?:\s+--hash=sha256:[0-9a-f]{64})+)$`)
	separators  = regexp.MustCompile(`[-_.]+`)
)

// pypiName is the form in which names of Python packages are compared.
func pypiName(name string) string { return strings.ToLower(separators.ReplaceAllString(name, "-")) }

// readRequirements returns the versions that a file of requirements pins. Every
// line must have a version and a sha256, and options are refused: one of them
// could lead elsewhere or let something unchecked in.
func readRequirements(f TreeFile) (map[string]string, error) {
	pins := map[string]string{}
	const broken = "\x00" // a line that goes on in the next
	text := strings.ReplaceAll(strings.ReplaceAll(string(f.Text), "\r\n", "\n"), "\\\n", broken)
	line := 1
	for _, raw := range strings.Split(text, "\n") {
		at := line
		line += 1 + strings.Count(raw, broken)
		raw, _, _ = strings.Cut(strings.ReplaceAll(raw, broken, " "), " #")
		raw = strings.TrimSpace(raw)
		if raw == "" || raw[0] == '#' {
			continue
		}
		m := requirement.FindStringSubmatch(raw)
		if m == nil {
			return nil, &Error{File: f.File, Line: at, Column: 1, Message: "a line must be NAME==VERSION with --hash=sha256:… behind it", Hint: yamlfile.OneLine(raw[:min(len(raw), 60)])}
		}
		name := pypiName(m[1])
		if have, twice := pins[name]; twice && have != m[2] {
			return nil, &Error{File: f.File, Line: at, Column: 1, Message: fmt.Sprintf("%s is pinned to %s and to %s", name, have, m[2])}
		}
		pins[name] = m[2]
	}
	if len(pins) == 0 {
		return nil, &Error{File: f.File, Message: "it pins nothing"}
	}
	return pins, nil
}

// strayTree reports a native lock that no step uses.
func (r *Roster) strayTree(file string) error {
	base := path.Base(file)
	for _, suffix := range []string{npmLockSuffix, buildLockSuffix, pypiLockSuffix} {
		name, ok := strings.CutSuffix(base, suffix)
		if !ok {
			continue
		}
		e, known := r.entries[name]
		if known && slices.Contains(e.TreeFiles(), file) {
			return nil
		}
		err := &Error{File: file, Message: fmt.Sprintf("there is no entry %q with a step that needs it", name)}
		if !known {
			err.Hint = words.DidYouMean(name, r.names)
		}
		return err
	}
	return nil
}
