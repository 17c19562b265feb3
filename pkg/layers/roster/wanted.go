package roster

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// Wanted is one file that a download step takes, of some version, before its
// digest is known.
type Wanted struct {
	// Step is the download.
	Step *Download
	// Platform is what it is for.
	Platform string
	// Source is a package URL or an http or https URL, as in a lock; Package and
	// Version name the npm package behind a package URL.
	Source, Package, Version string
	// Checksums is the URL of the vendor's list of digests, "" when the entry
	// names none.
	Checksums string
}

// Wanted lists the files that the entry downloads in this version, for every
// platform.
func (e Entry) Wanted(version string) ([]Wanted, error) {
	var out []Wanted
	for _, platform := range e.Platforms {
		vars := platformVariables(platform, e.Prefix()).withVersion(version)
		for _, s := range e.Install {
			if s.Download == nil {
				continue
			}
			w, err := e.wanted(s, platform, vars)
			if err != nil {
				return nil, err
			}
			out = append(out, w)
		}
	}
	return out, nil
}

func (e Entry) wanted(s Step, platform string, vars variables) (Wanted, error) {
	d := s.Download
	a, err := e.expandDownload(s, vars)
	if err != nil {
		return Wanted{}, err
	}
	w := Wanted{Step: d, Platform: platform, Source: a.Source}
	x := &expander{entry: e, vars: vars.with("Track", d.Track).with("Arch", d.Arch[vars["Arch"]])}
	if d.Source == FromNpm {
		w.Package = x.text(s.Path+".package", or(d.Package, d.Track))
		w.Version = x.text(s.Path+".version", or(d.Version, "{{.Version}}"))
		return w, x.err
	}
	if d.Checksums != "" {
		w.Checksums = x.text(s.Path+".checksums", d.Checksums)
		if !strings.Contains(w.Checksums, "://") {
			w.Checksums = a.Source[:strings.LastIndexByte(a.Source, '/')+1] + w.Checksums
		}
	}
	return w, x.err
}

// Tag is the name that a release carries in the URL template of a github or
// gitlab download, as a pattern; nil when the URL is not of that form.
func (d *Download) Tag() *regexp.Regexp {
	for _, before := range []string{"/releases/download/", "/-/releases/"} {
		if _, rest, ok := strings.Cut(d.URL, before); ok {
			tag, _, _ := strings.Cut(rest, "/")
			return pattern(tag, nil)
		}
	}
	return nil
}

// FileName is the name of the downloaded file on a platform, as a pattern.
func (d *Download) FileName(platform string) *regexp.Regexp {
	name, err := url.PathUnescape(path.Base(d.URL))
	if err != nil {
		name = path.Base(d.URL)
	}
	vars := platformVariables(platform, "").with("Track", d.Track)
	return pattern(name, vars.with("Arch", d.Arch[vars["Arch"]]))
}

// pattern turns a template into an expression that finds the version in a text
// of its form, by the names Version, Core and Build.
func pattern(template string, vars variables) *regexp.Regexp {
	unknown := map[string]string{
		"Version": `(?P<Version>[0-9][0-9A-Za-z.+_-]*)`, "Core": `(?P<Core>[0-9][0-9A-Za-z.]*)`, "Build": `(?P<Build>[0-9A-Za-z]+)`,
	}
	var b strings.Builder
	rest := template
	for {
		at := variable.FindStringIndex(rest)
		if at == nil {
			break
		}
		b.WriteString(regexp.QuoteMeta(rest[:at[0]]))
		name := strings.Trim(rest[at[0]:at[1]], "{}. ")
		switch expr, ok := unknown[name]; {
		case ok:
			b.WriteString(expr)
			unknown[name] = "(?:" + expr[strings.IndexByte(expr, '>')+1:]
		default:
			b.WriteString(regexp.QuoteMeta(vars[name]))
		}
		rest = rest[at[1]:]
	}
	return regexp.MustCompile(`^` + b.String() + regexp.QuoteMeta(rest) + `$`)
}

// VersionIn returns the version that a text of a pattern's form holds, "" when
// it is not of that form or holds only a part.
func VersionIn(p *regexp.Regexp, text string) string {
	m := p.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	found := map[string]string{}
	for i, name := range p.SubexpNames() {
		if name != "" {
			found[name] = m[i]
		}
	}
	switch {
	case found["Version"] != "":
		return found["Version"]
	case found["Core"] != "" && found["Build"] != "":
		return found["Core"] + "+" + found["Build"]
	}
	return ""
}

// LockText writes a lock as it is kept: keys in order, one artefact per line.
// Digests are written as given, in hexadecimal digits or base64.
func LockText(l Lock, entry string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "{\"schema\": %d, \"entry\": %q, \"version\": %q, \"from\": %q, \"resolved_at\": %q,\n \"artefacts\": [",
		lockSchema, entry, l.Version, l.From, l.ResolvedAt)
	for i, a := range l.Artefacts {
		if i > 0 {
			b.WriteString(",")
		}
		algorithm, digest, _ := strings.Cut(a.Digest, ":")
		fmt.Fprintf(&b, "\n  {\"platform\": %q, \"source\": %q, %q: %q", a.Platform, a.Source, algorithm, digest)
		if a.Size > 0 {
			fmt.Fprintf(&b, ", \"size\": %d", a.Size)
		}
		if a.OnTrust {
			b.WriteString(", \"tofu\": true")
		}
		b.WriteString("}")
	}
	b.WriteString("]}\n")
	return []byte(b.String())
}
