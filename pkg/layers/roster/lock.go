package roster

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Lock pins an entry's downloads, for every platform.
type Lock struct {
	// File is its path in the file system given to Load.
	File string
	// Version is the locked version.
	Version string
	// From says who vouches for the digests, ResolvedAt when they were taken;
	// both are for people and enter no key.
	From, ResolvedAt string
	Artefacts        []LockedArtefact
}

// Where digests come from.
const (
	// FromRegistry is a registry that publishes the digests of what it serves.
	FromRegistry = "registry"
	// FromChecksums is a file of checksums that the vendor publishes.
	FromChecksums = "checksums"
	// FromRelease is the list of files of a release, with digests.
	FromRelease = "release"
	// FromBytes is the file itself, as it was when the lock was made.
	FromBytes = "bytes"
	// FromRecord is somebody else's public record of the file: whoever made the
	// lock has not seen the file.
	FromRecord = "public-record"
)

// Unseen tells whether whoever made the lock has not seen the files.
func (l *Lock) Unseen() bool { return l != nil && l.From == FromRecord }

// LockedArtefact is one file that the entry downloads.
type LockedArtefact struct {
	Platform string
	// Source is a package URL or an https URL.
	Source string
	// Digest is "sha512:" or "sha256:" and hexadecimal digits.
	Digest string
	// Size is in bytes, 0 when unknown.
	Size int
	// OnTrust is true when nobody vouched for the digest: it was taken from
	// the file itself.
	OnTrust bool
	Pos
}

// lockSchema is the version of the format.
const lockSchema = 1

var validVersion = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+_-]*$`)

// readLock reads the text of a lock and returns all mistakes.
func readLock(file, entry string, text []byte) (*Lock, []error) {
	r := newReader(file)
	// JSON is a part of YAML that the reader knows well enough; but other
	// programs read this file too, so it must be JSON first.
	if err := json.Unmarshal(text, new(any)); err != nil {
		r.Errorf(jsonPos(text, err), "", "this is not JSON: %v", err)
		return nil, r.Errs
	}
	doc, ok := r.Document(text)
	if !ok {
		return nil, r.Errs
	}
	m := r.Mapping(doc, "schema", "entry", "version", "from", "resolved_at", "artefacts")
	r.need(doc, m, "schema", "entry", "version")
	if v, ok := m["schema"]; ok {
		if n := r.Integer(v); n != lockSchema {
			r.Errorf(v.Pos, "", "schema %d is not known, only %d is", n, lockSchema)
			return nil, r.Errs
		}
	}
	if v, ok := m["entry"]; ok && r.Text(v) != entry {
		r.Errorf(v.Pos, "", "the lock is for %q, not for %q", r.Text(v), entry)
	}
	l := &Lock{File: file, Version: r.optional(m, "version"), From: r.optional(m, "from"), ResolvedAt: r.optional(m, "resolved_at")}
	if v, ok := m["version"]; ok && !validVersion.MatchString(l.Version) {
		r.Errorf(v.Pos, "", "%q is not a version", l.Version)
	}
	if v, ok := m["artefacts"]; ok {
		for _, e := range r.Elements(v) {
			l.Artefacts = append(l.Artefacts, r.artefact(e))
		}
	}
	return l, r.Errs
}

func (r *reader) artefact(v value) LockedArtefact {
	m := r.Mapping(v, "platform", "source", "sha512", "sha256", "size", "tofu")
	r.need(v, m, "platform", "source")
	a := LockedArtefact{
		Platform: r.optional(m, "platform"), Source: r.optional(m, "source"), OnTrust: r.optionalBool(m, "tofu"), Pos: v.Pos,
	}
	if _, ok := m["platform"]; ok {
		r.oneOf(m, "platform", []string{a.Platform}, AllPlatforms()...)
	}
	if s, ok := m["size"]; ok {
		a.Size = r.Integer(s)
	}
	for _, algorithm := range []string{"sha512", "sha256"} {
		d, ok := m[algorithm]
		if !ok || a.Digest != "" {
			continue
		}
		digest, err := readDigest(algorithm, r.Text(d))
		if err != nil {
			r.Errorf(d.Pos, "", "%v", err)
		}
		a.Digest = digest
	}
	if !m["sha512"].IsSet() && !m["sha256"].IsSet() {
		r.Errorf(v.Pos, "", `%q needs "sha512" or "sha256"`, v.Path)
	}
	return a
}

// readDigest reads a digest in base64 or hexadecimal digits.
func readDigest(algorithm, text string) (string, error) {
	size := map[string]int{"sha512": 64, "sha256": 32}[algorithm]
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != size {
		raw, err = base64.StdEncoding.Strict().DecodeString(text)
	}
	if err != nil || len(raw) != size || strings.ContainsAny(text, "\r\n") {
		return "", fmt.Errorf("%q is not a %s in base64 or hexadecimal digits", text, algorithm)
	}
	return algorithm + ":" + hex.EncodeToString(raw), nil
}

// jsonPos is where a JSON error happened.
func jsonPos(text []byte, err error) Pos {
	var s *json.SyntaxError
	offset := len(text)
	if errors.As(err, &s) {
		offset = min(int(s.Offset), len(text))
	}
	before := string(text[:offset])
	return Pos{Line: strings.Count(before, "\n") + 1, Column: max(1, len(before)-strings.LastIndex(before, "\n")-1)}
}
