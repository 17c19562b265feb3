package roster

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
)

// Resolved is an entry for one platform, with every template expanded and
// every download pinned or listed as unpinned.
type Resolved struct {
	Entry Entry
	// Platform is "linux/amd64" or alike.
	Platform string
	// Version is the locked version, "" when there is no lock.
	Version string
	// Prefix is the directory that holds the entry's files.
	Prefix string
	// Steps are the install steps, in order.
	Steps []ResolvedStep
	// Artefacts are the downloads among them.
	Artefacts []Artefact
	// Commands are the programs on PATH, sorted by name.
	Commands []Command
	Files    []File
	// Links are sorted by path.
	Links []Link
	// Env is the environment of the image.
	Env     map[string]string
	Prepare *Run
	// Probe has Expect filled in; it is "" when nothing is locked.
	Probe *Probe
	// Unpinned names, for people, the steps that no lock covers. A part with
	// such a step is not hermetic.
	Unpinned []string
}

// ResolvedStep is one step; Artefact is set for a download, Tree for what npm or
// pip install, and Step is what the entry says.
type ResolvedStep struct {
	Step     Step
	Artefact *Artefact
	Tree     *Tree
	// Require are the files below the prefix that must exist afterwards.
	Require []string
}

// Artefact is one file to download, check and unpack.
type Artefact struct {
	// Source is "pkg:npm/NAME@VERSION" with an encoded name, or a URL.
	Source string
	// Digest is "sha512:" or "sha256:" and hexadecimal digits; "" when the
	// step is unpinned.
	Digest string
	// Format, Strip and Keep are as in Unpack, expanded.
	Format string
	Strip  int
	Keep   []string
	// Into is an absolute directory, the prefix or below it; As the name of a
	// bare file.
	Into, As string
}

// Command is a name on PATH and the absolute path of its program.
type Command struct{ Name, Target string }

// Link is a symbolic link at an absolute path.
type Link struct{ Path, Target string }

// ErrNoLock says that an entry has no lock, or none for the platform.
var ErrNoLock = errors.New("not locked")

// LockError says that a lock is missing or does not fit its entry.
type LockError struct {
	// Entry is its name, File the lock's path.
	Entry, File string
	// Message says what is missing.
	Message string
}

func (e *LockError) Error() string { return e.File + ": " + e.Message }

// Hint says how to get a lock that fits.
func (e *LockError) Hint() string { return "run: terok-agent agents update " + e.Entry }

// Unwrap returns ErrNoLock.
func (e *LockError) Unwrap() error { return ErrNoLock }

func (e Entry) lockError(format string, args ...any) *LockError {
	file := strings.TrimSuffix(e.File, entrySuffix) + lockSuffix
	return &LockError{Entry: e.Name, File: file, Message: fmt.Sprintf(format, args...)}
}

// Resolve expands the entry for a platform. Errors are *Error, with the place
// in the entry's file, and *LockError.
func (e Entry) Resolve(platform string) (Resolved, error) {
	if !slices.Contains(e.Platforms, platform) {
		err := e.Errorf("platforms", "%s cannot be built for %q", e.Name, platform)
		err.Hint = "it is there for " + strings.Join(e.Platforms, ", ")
		return Resolved{}, err
	}
	r := Resolved{Entry: e, Platform: platform, Prefix: e.Prefix(), Files: e.Files}
	vars := platformVariables(platform, r.Prefix)
	if e.Lock != nil {
		r.Version = e.Lock.Version
		vars = vars.withVersion(r.Version)
	}
	for _, s := range e.Install {
		if err := r.addStep(s, vars); err != nil {
			return Resolved{}, err
		}
	}
	x := &expander{entry: e, vars: vars}
	r.expandRest(x)
	if x.err != nil {
		return Resolved{}, x.err
	}
	return r, nil
}

func (r *Resolved) addStep(s Step, vars variables) error {
	step := ResolvedStep{Step: s}
	if s.Download != nil {
		a, err := r.Entry.artefact(s, r.Platform, vars)
		if err != nil {
			return err
		}
		step.Artefact = &a
		r.Artefacts = append(r.Artefacts, a)
	}
	if s.Npm != nil || s.Pypi != nil {
		if err := r.addTree(&step, vars); err != nil {
			return err
		}
	} else if s.Download == nil || step.Artefact.Digest == "" {
		r.Unpinned = append(r.Unpinned, unpinnedText(s, step.Artefact))
	}
	r.Steps = append(r.Steps, step)
	return nil
}

func (r *Resolved) addTree(step *ResolvedStep, vars variables) error {
	e := r.Entry
	if e.Lock == nil {
		return e.lockError("%s is not locked", e.Name)
	}
	var err error
	if step.Tree, err = e.tree(step.Step, r.Version); err != nil {
		return err
	}
	if step.Step.Npm != nil {
		x := &expander{entry: e, vars: vars}
		step.Require = x.list(step.Step.Path+".require", step.Step.Npm.Require)
		return x.err
	}
	return nil
}

func unpinnedText(s Step, a *Artefact) string {
	switch {
	case a != nil:
		return "download " + a.Source
	case s.Packages != nil:
		return s.Kind() + " " + strings.Join(s.Packages.Names, " ")
	}
	return s.Kind()
}

func (r *Resolved) expandRest(x *expander) {
	for _, name := range slices.Sorted(maps.Keys(r.Entry.Commands)) {
		target := x.text("commands."+name, r.Entry.Commands[name])
		if !path.IsAbs(target) {
			target = path.Join(r.Prefix, target)
		}
		r.Commands = append(r.Commands, Command{Name: name, Target: target})
	}
	for _, p := range slices.Sorted(maps.Keys(r.Entry.Links)) {
		r.Links = append(r.Links, Link{Path: p, Target: x.text("links."+p, r.Entry.Links[p])})
	}
	r.Env = x.texts("env", r.Entry.Env)
	if p := r.Entry.Prepare; p != nil {
		r.Prepare = &Run{Run: x.list("prepare.run", p.Run), Env: x.texts("prepare.env", p.Env), Pos: p.Pos}
	}
	if p := r.Entry.Probe; p != nil {
		r.Probe = &Probe{Run: x.list("probe.run", p.Run), Expect: r.Version, Pos: p.Pos}
		if p.Expect != "" {
			r.Probe.Expect = x.text("probe.expect", p.Expect)
		}
	}
}

// artefact expands a download and finds its digest.
func (e Entry) artefact(s Step, platform string, vars variables) (Artefact, error) {
	d := s.Download
	if d.Unpinned && e.Lock == nil {
		return e.expandDownload(s, vars)
	}
	if e.Lock == nil {
		return Artefact{}, e.lockError("%s is not locked", e.Name)
	}
	a, err := e.expandDownload(s, vars)
	if err != nil {
		return Artefact{}, err
	}
	var others []string
	for _, l := range e.Lock.Artefacts {
		if l.Platform != platform {
			continue
		}
		if l.Source == a.Source {
			a.Digest = l.Digest
			return a, nil
		}
		others = append(others, l.Source)
	}
	switch {
	case d.Unpinned:
		return a, nil
	case len(others) == 0:
		return Artefact{}, e.lockError("%s %s is not locked for %s", e.Name, e.Lock.Version, platform)
	}
	return Artefact{}, e.lockError("%s needs %s for %s, but the lock has %s", e.Name, a.Source, platform, strings.Join(others, ", "))
}

func (e Entry) expandDownload(s Step, vars variables) (Artefact, error) {
	d := s.Download
	vars = vars.with("Track", d.Track).with("Arch", d.Arch[vars["Arch"]])
	x := &expander{entry: e, vars: vars}
	u := d.Unpack
	a := Artefact{
		Format: u.Format, Strip: u.Strip, Keep: x.list(s.Path+".unpack.keep", u.Keep),
		Into: path.Join(e.Prefix(), x.text(s.Path+".unpack.into", u.Into)), As: x.text(s.Path+".unpack.as", u.As),
	}
	if d.Source == FromNpm {
		a.Source = npmSource(x.text(s.Path+".package", or(d.Package, d.Track)), x.text(s.Path+".version", or(d.Version, "{{.Version}}")))
	} else {
		a.Source = x.text(s.Path+".url", d.URL)
	}
	if x.err != nil {
		return Artefact{}, x.err
	}
	return a, nil
}

// npmSource is the package URL of one version of an npm package.
func npmSource(name, version string) string {
	scope, base, scoped := strings.Cut(name, "/")
	if scoped {
		name = strings.ReplaceAll(url.PathEscape(scope), "@", "%40") + "/" + url.PathEscape(base)
	} else {
		name = url.PathEscape(name)
	}
	return "pkg:npm/" + name + "@" + url.PathEscape(version)
}

// checkLock reports locks that do not fit: a platform that is missing, a
// download that is not locked, a locked file that nothing downloads.
func (e Entry) checkLock() []error {
	var errs []error
	used := map[string]bool{}
	for _, platform := range e.Platforms {
		r, err := e.Resolve(platform)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, a := range r.Artefacts {
			used[platform+" "+a.Source] = true
		}
	}
	if len(errs) > 0 {
		return errs
	}
	for _, l := range e.Lock.Artefacts {
		if !used[l.Platform+" "+l.Source] && slices.Contains(e.Platforms, l.Platform) {
			errs = append(errs, &Error{
				File: e.Lock.File, Line: l.Line, Column: l.Column,
				Message: fmt.Sprintf("no step of %s downloads %s for %s", e.Name, l.Source, l.Platform),
			})
		}
	}
	return errs
}

// expander expands the templates of an entry; the first error is kept.
type expander struct {
	entry Entry
	vars  variables
	err   error
}

func (x *expander) text(at, text string) string {
	s, err := expand(text, x.vars)
	if err != nil && x.err == nil {
		x.err = x.entry.Errorf(at, "%v", err)
	}
	return s
}

func (x *expander) list(at string, list []string) []string {
	var out []string
	for i, s := range list {
		out = append(out, x.text(fmt.Sprintf("%s[%d]", at, i), s))
	}
	return out
}

func (x *expander) texts(at string, m map[string]string) map[string]string {
	out := make(map[string]string, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out[k] = x.text(at+"."+k, m[k])
	}
	return out
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
