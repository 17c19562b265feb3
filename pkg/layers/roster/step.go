package roster

import (
	"regexp"
	"slices"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/layers/words"
	"github.com/terok-ai/terok-agent/pkg/layers/yamlfile"
)

// Step is one install step: exactly one of its pointers is set.
type Step struct {
	Download *Download
	Npm      *Npm
	Pypi     *Pypi
	Packages *Packages
	Script   *Script
	// Path is the step's path in the file ("install[0].download"), for
	// Entry.Errorf.
	Path string
	Pos
}

// Source says where a download comes from and how its newest version is found.
type Source string

// The sources.
const (
	FromNpm    Source = "npm"
	FromGitHub Source = "github"
	FromGitLab Source = "gitlab"
	FromMaven  Source = "maven"
	FromURL    Source = "url"
)

var sources = []string{string(FromNpm), string(FromGitHub), string(FromGitLab), string(FromMaven), string(FromURL)}

// Download fetches one archive or file and unpacks it into the prefix. All
// strings but Source and Track are templates.
type Download struct {
	Source Source
	// Track is what the version is taken from: a package, a repository or a
	// group and artefact.
	Track string
	// Package and Version name an npm package; "" means Track and the version.
	Package, Version string
	// URL is where the other sources have the file.
	URL string
	// Checksums is the URL or the name beside the file of a list of digests,
	// Latest the URL of a text that is the newest version; for updates.
	Checksums, Latest string
	// Series is what newer versions must begin with, such as "24"; for updates.
	Series string
	// Arch replaces the value of {{.Arch}} in this step, by that value.
	Arch map[string]string
	// Unpinned allows the step without a lock.
	Unpinned bool
	Unpack   Unpack
}

// Unpack says what becomes of a downloaded file.
type Unpack struct {
	// Format is npm, tar.gz, tar.xz, tar, zip or bare.
	Format string
	// Strip is how many leading directories are dropped.
	Strip int
	// Keep are the files and directories to keep, after Strip; nil means all
	// (templates).
	Keep []string
	// Into is a directory below the prefix, As the name of a bare file
	// (templates).
	Into, As string
}

var formats = []string{"npm", "tar.gz", "tar.xz", "tar", "zip", "bare"}

// Npm installs a tree of packages from a lock in npm's own format.
type Npm struct {
	Package string
	// Node is the entry that holds Node and npm.
	Node string
	// Omit are the kinds of dependency left out, Require the files below the
	// prefix that must exist afterwards (templates).
	Omit, Require []string
}

// Pypi installs a Python package with all it needs.
type Pypi struct {
	Package string
	// Python is the entry that holds the interpreter.
	Python string
	Extras []string
	// Sdist installs the package itself from its source archive; all it needs
	// are wheels.
	Sdist bool
}

// Packages installs packages of the distribution.
type Packages struct {
	// Family is "deb" or "rpm".
	Family string
	Names  []string
}

// Script runs commands that nothing pins.
type Script struct {
	// Run is the text, Shell the interpreter ("/bin/sh" unless given).
	Run, Shell string
}

// Kind is the step's key in the file.
func (s Step) Kind() string {
	switch {
	case s.Download != nil:
		return "download"
	case s.Npm != nil:
		return "npm"
	case s.Pypi != nil:
		return "pypi"
	case s.Packages != nil && s.Packages.Family == "rpm":
		return "dnf"
	case s.Packages != nil:
		return "apt"
	}
	return "script"
}

var stepKinds = []string{"apt", "dnf", "download", "npm", "pypi", "script"}

func (r *reader) steps(v value) []Step {
	var steps []Step
	for _, e := range r.Elements(v) {
		values := r.Mapping(e, stepKinds...)
		if len(values) != 1 {
			if len(values) > 1 {
				r.Errorf(e.Pos, "", "a step has exactly one kind")
			}
			continue
		}
		for kind, body := range values {
			s := r.step(kind, body)
			s.Path, s.Pos = body.Path, body.Pos
			steps = append(steps, s)
		}
	}
	return steps
}

func (r *reader) step(kind string, v value) (s Step) {
	switch kind {
	case "download":
		s.Download = r.download(v)
	case "npm":
		s.Npm = r.npm(v)
	case "pypi":
		s.Pypi = r.pypi(v)
	case "apt", "dnf":
		family := "deb"
		if kind == "dnf" {
			family = "rpm"
		}
		m := r.Mapping(v, "packages")
		r.need(v, m, "packages")
		s.Packages = &Packages{Family: family, Names: r.optionalTexts(m, "packages")}
		for i, name := range s.Packages.Names {
			if !packageName.MatchString(name) {
				r.Errorf(m["packages"].Pos, "", "package %d, %q, is not the name of a package", i+1, name)
			}
		}
	case "script":
		m := r.Mapping(v, "run", "shell")
		r.need(v, m, "run")
		s.Script = &Script{Run: r.optional(m, "run"), Shell: r.optional(m, "shell")}
		if s.Script.Shell == "" {
			s.Script.Shell = "/bin/sh"
		}
	}
	return s
}

func (r *reader) npm(v value) *Npm {
	m := r.Mapping(v, "package", "node", "omit", "require")
	r.need(v, m, "package", "require")
	n := &Npm{
		Package: r.optional(m, "package"), Node: or(r.optional(m, "node"), "node"),
		Omit: r.optionalTexts(m, "omit"), Require: r.templates(m, "require"),
	}
	if p, ok := m["package"]; ok && !npmName.MatchString(n.Package) {
		r.Errorf(p.Pos, "", "%q is not the name of an npm package", n.Package)
	}
	if q, ok := m["require"]; ok && len(n.Require) == 0 {
		r.Errorf(q.Pos, "npm succeeds without the program when an optional package fails", "%q is empty", q.Path)
	}
	r.oneOf(m, "omit", n.Omit, "dev", "optional", "peer")
	r.insides(m, "require", n.Require)
	return n
}

func (r *reader) pypi(v value) *Pypi {
	m := r.Mapping(v, "package", "python", "extras", "sdist")
	r.need(v, m, "package", "python")
	p := &Pypi{
		Package: r.optional(m, "package"), Python: r.optional(m, "python"),
		Extras: r.optionalTexts(m, "extras"), Sdist: r.optionalBool(m, "sdist"),
	}
	if n, ok := m["package"]; ok && !pypiPackage.MatchString(p.Package) {
		r.Errorf(n.Pos, "", "%q is not the name of a Python package", p.Package)
	}
	return p
}

func (r *reader) download(v value) *Download {
	m := r.Mapping(v, "source", "track", "package", "version", "url", "checksums", "latest", "series", "arch", "unpinned", "unpack")
	r.need(v, m, "source")
	d := &Download{
		Source: Source(r.optional(m, "source")), Track: r.optional(m, "track"),
		Package: r.template(m, "package"), Version: r.template(m, "version"), URL: r.template(m, "url"),
		Checksums: r.template(m, "checksums"), Latest: r.template(m, "latest"), Series: r.optional(m, "series"), Unpinned: r.optionalBool(m, "unpinned"),
	}
	if a, ok := m["arch"]; ok {
		d.Arch = r.TextMap(a)
		for from := range d.Arch {
			if from != "amd64" && from != "arm64" {
				r.Errorf(r.At[yamlfile.Join(a.Path, from)], "known are amd64 and arm64", "unknown architecture %q", from)
			}
		}
	}
	if u, ok := m["unpack"]; ok {
		d.Unpack = r.unpack(u)
	} else if d.Source == FromNpm {
		d.Unpack.Format = "npm"
	}
	r.checkDownload(v, m, d)
	return d
}

func (r *reader) unpack(v value) Unpack {
	m := r.Mapping(v, "format", "strip", "keep", "into", "as")
	u := Unpack{Format: r.optional(m, "format"), Into: r.template(m, "into"), As: r.template(m, "as")}
	if s, ok := m["strip"]; ok {
		u.Strip = r.Integer(s)
	}
	if k, ok := m["keep"]; ok {
		for _, e := range r.Elements(k) {
			u.Keep = append(u.Keep, r.checkedTemplate(e))
		}
		if len(u.Keep) == 0 {
			r.Errorf(k.Pos, "leave it out to keep everything", "%q is empty", k.Path)
		}
	}
	r.insides(m, "keep", u.Keep)
	r.insides(m, "into", []string{u.Into})
	if v, ok := m["as"]; ok && (strings.Contains(u.As, "/") || !isInside(u.As)) {
		r.Errorf(v.Pos, "", "%q is a plain name without directories", v.Path)
	}
	return u
}

func (r *reader) checkDownload(v value, m map[string]value, d *Download) {
	if _, given := m["source"]; given && !slices.Contains(sources, string(d.Source)) {
		r.Errorf(m["source"].Pos, words.DidYouMean(string(d.Source), sources), "unknown source %q", d.Source)
		return
	}
	u := &d.Unpack
	switch d.Source {
	case FromNpm:
		r.need(v, m, "track")
		r.forbid(m, "an npm download is named by its package", "url", "latest", "checksums")
	default:
		r.need(v, m, "url")
		r.forbid(m, "only npm downloads have it", "package", "version")
		if d.Source != FromURL {
			r.need(v, m, "track")
		}
	}
	if u.Format == "" && d.Source == FromNpm {
		u.Format = "npm"
	}
	if d.Source != "" && !slices.Contains(formats, u.Format) {
		r.Errorf(v.Pos, "one of "+strings.Join(formats, ", "), "the download needs a known unpack.format, not %q", u.Format)
	}
	if u.Format == "npm" {
		if u.Strip > 1 {
			r.Errorf(v.Pos, "", "an npm archive has one leading directory, which is dropped")
		}
		u.Strip = 1
	}
	if u.Format == "bare" && (u.As == "" || u.Keep != nil || u.Strip != 0) {
		r.Errorf(v.Pos, "", "a bare file needs unpack.as, and neither keep nor strip")
	}
	if u.Format != "bare" && u.As != "" {
		r.Errorf(v.Pos, "", "unpack.as is for bare files")
	}
	r.checkAddress(m, d)
}

// checkAddress keeps addresses to what is one word everywhere.
func (r *reader) checkAddress(m map[string]value, d *Download) {
	for _, a := range []struct {
		key, text, what string
		valid           *regexp.Regexp
	}{
		{"url", d.URL, "an http or https URL", validURL},
		{"latest", d.Latest, "an http or https URL", validURL},
		{"package", d.Package, "the name of an npm package", npmName},
		{"track", d.npmTrack(), "the name of an npm package", npmName},
		{"version", d.Version, "a version", validVersion},
	} {
		if v, ok := m[a.key]; ok && a.text != "" && !a.valid.MatchString(plainTemplate(a.text)) {
			r.Errorf(v.Pos, "", "%q is not %s", a.text, a.what)
		}
	}
	if d.Unpinned && strings.HasPrefix(d.URL, "http:") {
		r.Errorf(m["url"].Pos, "", "a download without a lock must be https")
	}
}

// npmTrack is the track of an npm download, "" for others.
func (d *Download) npmTrack() string {
	if d.Source == FromNpm {
		return d.Track
	}
	return ""
}

var (
	validURL    = regexp.MustCompile(`^https?://[A-Za-z0-9][A-Za-z0-9.:-]*/[A-Za-z0-9._@+%~,=:/?&!*-]*$`)
	pypiPackage = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	npmName     = regexp.MustCompile(`^(@[A-Za-z0-9._~-]+/)?[A-Za-z0-9_~][A-Za-z0-9._~-]*$`)
)

// plainTemplate is a template with every variable replaced by a letter, for
// checks of its shape.
func plainTemplate(s string) string { return variable.ReplaceAllString(s, "v") }
