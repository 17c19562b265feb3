// Package roster reads the entries that images are assembled from: one YAML
// file per agent or tool, with a lock file beside it that pins what it
// downloads. It reads an fs.FS and builds nothing.
package roster

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"sort"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/layers/words"
)

// Kind says what an entry is.
type Kind string

// The kinds of entry.
const (
	Native   Kind = "native"   // an agent with a program of its own
	Adapter  Kind = "adapter"  // makes an agent speak another protocol
	OpenCode Kind = "opencode" // a preset of OpenCode
	Bridge   Kind = "bridge"   // an agent that presets build on
	Tool     Kind = "tool"     // a helper program
	Runtime  Kind = "runtime"  // infrastructure, hidden from listings
)

// Entry is one agent or tool, checked. Strings named as templates may hold
// {{.Version}}, {{.Core}}, {{.Build}}, {{.Arch}}, {{.NodeArch}}, {{.GnuArch}},
// {{.Track}} and {{.Prefix}}; Resolve expands them.
type Entry struct {
	// Name is the stem of File; File is the path in the file system given to
	// Load.
	Name, File string
	Kind       Kind
	// Label is the name for people; Name unless given.
	Label string
	// Default is false for an entry that "all" does not mean.
	Default bool
	// DependsOn are entries that an image with this one needs too.
	DependsOn []string
	// Needs are entries whose parts are there while this one's is made: what the
	// file names, and what its steps install with.
	Needs []string
	// Install are the steps that fill the prefix, in order.
	Install []Step
	// Commands are names on PATH and their programs, relative to the prefix
	// or absolute (templates).
	Commands map[string]string
	Files    []File
	// Links are symbolic links, absolute path to target (targets are
	// templates).
	Links map[string]string
	// Env is the environment of the image (values are templates).
	Env     map[string]string
	Prepare *Run
	Probe   *Probe
	Help    Help
	// Sidecar is not nil for a tool that can have an image of its own.
	Sidecar *Sidecar
	// State is what outlives a container.
	State State
	// Families are the base families it works on; nil means all.
	Families []string
	// Platforms are what it can be built for, sorted.
	Platforms []string
	// Lock pins the downloads; nil when there is no lock file.
	Lock *Lock
	// Trees are the native locks of its npm and pypi steps, by file.
	Trees map[string]TreeFile

	at map[string]Pos
	// checked are the trees that are known to be good, by their step's path.
	checked map[string]*Tree
}

// State is where a program keeps settings, sessions and credentials.
type State struct {
	// Dirs are directories below the home directory.
	Dirs []string
	// Env points the program to them; it is given to containers, and is not in
	// the image.
	Env map[string]string
}

// File is a file of the resources that the part holds.
type File struct {
	// Source is its path in the file system given to Load.
	Source string
	// To is where it goes, absolute.
	To string
	// Mode is its permission bits; those of a script if it has a shebang and
	// the entry names none.
	Mode fs.FileMode
	Pos
}

// Run is a command with its own environment.
type Run struct {
	// Run is the command and its arguments; Env its environment (values are
	// templates).
	Run []string
	Env map[string]string
	Pos
}

// Probe is a command that must say the locked version.
type Probe struct {
	Run []string
	// Expect is the version (template); "" means the lock's.
	Expect string
	Pos
}

// Sidecar says how a tool runs in an image of its own.
type Sidecar struct {
	// EnvMap names, for variables of the tool, the keys of the stored
	// credential.
	EnvMap map[string]string
}

// CommandDir is where the commands of entries are linked.
const CommandDir = "/usr/local/bin"

// Part is "agent" or "tool": the first half of the name of the entry's node.
func (e Entry) Part() string {
	if e.Kind == Tool || e.Kind == Runtime {
		return "tool"
	}
	return "agent"
}

// Prefix is the directory that holds the entry's files.
func (e Entry) Prefix() string { return "/opt/terok/agents/" + e.Name }

// Errorf makes an error about the value at a path of the entry's file, such as
// "env.HOME", "install[0].download" or "" for the file.
func (e Entry) Errorf(at, format string, args ...any) *Error {
	pos := e.at[at]
	return &Error{File: e.File, Line: pos.Line, Column: pos.Column, Message: fmt.Sprintf(format, args...)}
}

// Roster is a set of entries that fit together.
type Roster struct {
	entries map[string]Entry
	names   []string
}

// Names returns the names of all entries, sorted.
func (r *Roster) Names() []string { return append([]string(nil), r.names...) }

// Lookup returns the entry of this name.
func (r *Roster) Lookup(name string) (Entry, bool) {
	e, ok := r.entries[name]
	return e, ok
}

const (
	entrySuffix = ".yaml"
	lockSuffix  = ".lock.json"
)

var validName = regexp.MustCompile(`^[a-z0-9]+(-+[a-z0-9]+)*$`)

// Load reads all entries of a directory and their locks. Files that entries
// name are looked for in scripts/agents/NAME beside the directory. The error
// joins an *Error for every mistake in every file; no roster is returned then.
func Load(fsys fs.FS, dir string) (*Roster, error) {
	files, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("reading the roster: %w", err)
	}
	r := &Roster{entries: map[string]Entry{}}
	var errs []error
	var loads []*loading
	for _, f := range files {
		name, isEntry := strings.CutSuffix(f.Name(), entrySuffix)
		if !isEntry {
			continue
		}
		file := path.Join(dir, f.Name())
		if !validName.MatchString(name) {
			errs = append(errs, &Error{File: file, Message: "the name of an entry is made of a-z, 0-9 and inner hyphens"})
			continue
		}
		l := &loading{file: file, name: name, done: make(chan struct{})}
		loads = append(loads, l)
		go l.run(fsys)
	}
	for _, l := range loads {
		<-l.done
		errs = append(errs, l.errs...)
		r.entries[l.name] = l.entry
		r.names = append(r.names, l.name)
	}
	sort.Strings(r.names)
	errs = append(errs, r.checkStray(files, dir)...)
	errs = append(errs, r.checkDependencies()...)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return r, nil
}

// loading is one entry that is being read: entries are read side by side, for
// every command waits for it.
type loading struct {
	file, name string
	entry      Entry
	errs       []error
	done       chan struct{}
}

func (l *loading) run(fsys fs.FS) {
	defer close(l.done)
	l.entry, l.errs = loadEntry(fsys, l.file, l.name)
}

func loadEntry(fsys fs.FS, file, name string) (Entry, []error) {
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return Entry{}, []error{fmt.Errorf("reading an entry: %w", err)}
	}
	e, errs := readEntry(file, name, text)
	errs = append(errs, e.findFiles(fsys)...)
	lockFile := strings.TrimSuffix(file, entrySuffix) + lockSuffix
	text, err = fs.ReadFile(fsys, lockFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return e, errs
	case err != nil:
		return e, append(errs, fmt.Errorf("reading a lock: %w", err))
	}
	lock, mistakes := readLock(lockFile, name, text)
	errs = append(errs, mistakes...)
	e.Lock = lock
	errs = append(errs, e.readTrees(fsys)...)
	if len(errs) == 0 {
		errs = e.checkLock()
	}
	return e, errs
}

// checkStray reports locks that belong to no entry and endings that look like
// an entry's but are not.
func (r *Roster) checkStray(files []fs.DirEntry, dir string) []error {
	var errs []error
	for _, f := range files {
		file := path.Join(dir, f.Name())
		if name, ok := strings.CutSuffix(f.Name(), lockSuffix); ok {
			if _, known := r.entries[name]; !known {
				errs = append(errs, &Error{
					File: file, Message: fmt.Sprintf("there is no entry %q", name), Hint: words.DidYouMean(name, r.names),
				})
			}
		}
		if err := r.strayTree(file); err != nil {
			errs = append(errs, err)
		}
		if name, ok := strings.CutSuffix(f.Name(), ".yml"); ok {
			errs = append(errs, &Error{File: file, Message: "the file of an entry ends in .yaml", Hint: "rename it to " + name + entrySuffix})
		}
	}
	return errs
}
