package layers

import (
	"fmt"
	"regexp"
	"strings"
)

// Family is the kind of package manager a base has.
type Family string

// The families.
const (
	Deb Family = "deb" // apt
	RPM Family = "rpm" // dnf
)

// ParseFamily reads a family as the user names it: exactly "deb" or "rpm".
func ParseFamily(s string) (Family, error) {
	switch f := Family(s); f {
	case Deb, RPM:
		return f, nil
	}
	return "", fmt.Errorf("reading family %q: it must be deb or rpm", s)
}

// UnknownFamilyError says that a base's name does not tell its family, and
// neither does anything else.
type UnknownFamilyError struct {
	// Base is the base as the user named it.
	Base string
	// Nearest is a base of a known name that probably is the same image, or "".
	Nearest string
	// Why says why the base itself was not asked, or could not tell; "" when
	// nobody tried.
	Why string
	// Err is the cause of that, or nil.
	Err error
}

func (e *UnknownFamilyError) Error() string {
	text := fmt.Sprintf("cannot tell from the name of base %q whether it uses deb or rpm packages", e.Base)
	if e.Why != "" {
		text += ", and " + e.Why
	}
	return text
}

// Because returns the same with the reason why the base itself could not tell.
func (e *UnknownFamilyError) Because(why string, cause error) *UnknownFamilyError {
	return &UnknownFamilyError{Base: e.Base, Nearest: e.Nearest, Why: why, Err: cause}
}

// Unwrap returns the cause.
func (e *UnknownFamilyError) Unwrap() error { return e.Err }

// Hint says what the user can do.
func (e *UnknownFamilyError) Hint() string {
	hint := "set the family: --family deb or --family rpm"
	if e.Nearest != "" {
		hint += fmt.Sprintf(", or write %q", e.Nearest)
	}
	return hint + "; known by name are " + knownBases()
}

// familyNames are the repositories whose family is known, longest first where
// one is a prefix of another. An empty family means that the tag decides.
var familyNames = []struct {
	name   string
	family Family
}{
	{"registry.fedoraproject.org/fedora", RPM},
	{"quay.io/podman", RPM},
	{"nvcr.io/nvidia", ""},
	{"nvidia", ""},
	{"ubuntu", Deb},
	{"debian", Deb},
	{"fedora", RPM},
}

// ubiTag finds Red Hat's universal base image in a tag of NVIDIA's.
var ubiTag = regexp.MustCompile(`(?i)ubi[0-9]`)

// FamilyOf guesses a base's family from its name, which is a hint: the base's own
// os-release decides where it can be read. The error is an *UnknownFamilyError.
// Any string is accepted.
func FamilyOf(base string) (Family, error) {
	base = NormalizeBase(base)
	name, tag := splitTag(base)
	if f := familyByName(strings.ToLower(name), tag); f != "" {
		return f, nil
	}
	return "", &UnknownFamilyError{Base: base, Nearest: shorter(base)}
}

func familyByName(name, tag string) Family {
	for _, known := range familyNames {
		if name != known.name && !strings.HasPrefix(name, known.name+"/") {
			continue
		}
		switch {
		case known.family != "":
			return known.family
		case ubiTag.MatchString(tag):
			return RPM
		default:
			return Deb
		}
	}
	return ""
}

// shorter returns the familiar spelling of a base if its family is known.
func shorter(base string) string {
	ref, err := ParseRef(base)
	if err != nil || ref.Familiar() == base {
		return ""
	}
	name, tag := splitTag(ref.Familiar())
	if familyByName(name, tag) == "" {
		return ""
	}
	return ref.Familiar()
}

func knownBases() string {
	names := make([]string, len(familyNames))
	for i, known := range familyNames {
		names[i] = known.name
	}
	return strings.Join(names, ", ")
}
