package layers

import (
	"fmt"
	"slices"
	"strings"
)

// OSRelease is what a base says of itself in /etc/os-release.
type OSRelease struct {
	// ID is its distribution, "debian"; "" when it does not say.
	ID string
	// Like are the distributions that it is close to, the closest first.
	Like []string
}

// ParseOSRelease reads the text of an os-release file; whatever is no line of
// KEY=VALUE is passed over, as the format asks.
func ParseOSRelease(text []byte) OSRelease {
	var o OSRelease
	for line := range strings.Lines(string(text)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			continue
		}
		value = strings.ToLower(strings.Trim(value, `"'`))
		switch key {
		case "ID":
			o.ID = strings.TrimSpace(value)
		case "ID_LIKE":
			o.Like = strings.Fields(value)
		}
	}
	return o
}

// distributions are those whose family is known; all others say which of these
// they are like.
var distributions = map[string]Family{
	"debian": Deb, "ubuntu": Deb,
	"fedora": RPM, "rhel": RPM, "centos": RPM,
}

// Family is the family of that distribution; "" when neither itself nor any that
// it is like has one.
func (o OSRelease) Family() Family {
	for _, id := range o.names() {
		if f := distributions[id]; f != "" {
			return f
		}
	}
	return ""
}

func (o OSRelease) names() []string { return slices.Concat([]string{o.ID}, o.Like) }

// managers are what installs packages on distributions of no family.
var managers = map[string]string{
	"alpine": "apk", "arch": "pacman", "gentoo": "emerge", "suse": "zypper", "opensuse": "zypper", "wolfi": "apk",
}

// manager is what installs packages there, or "".
func (o OSRelease) manager() string {
	for _, id := range o.names() {
		if m := managers[id]; m != "" {
			return m
		}
	}
	return ""
}

// FamilyError says that a base is of another family than was asked for, or of
// none for which there are recipes.
type FamilyError struct {
	// Base is the base as the user named it, OS what it says of itself.
	Base string
	OS   OSRelease
	// Asked is the family that the user asked for, or "".
	Asked Family
}

func (e *FamilyError) Error() string {
	is := fmt.Sprintf("base %q is %s (ID=%s)", e.Base, e.OS.Family(), e.OS.ID)
	switch {
	case e.OS.Family() != "":
		return fmt.Sprintf("%s, and the family asked for is %s", is, e.Asked)
	case e.OS.manager() != "":
		return fmt.Sprintf("base %q is %s, where %s installs packages: there are recipes for deb (apt) and rpm (dnf)", e.Base, e.OS.ID, e.OS.manager())
	}
	return fmt.Sprintf("base %q is %s, and it is not known whether that uses deb or rpm packages", e.Base, e.OS.ID)
}

// Hint says what the user can do.
func (e *FamilyError) Hint() string {
	if f := e.OS.Family(); f != "" {
		return fmt.Sprintf("leave the family out, or use --family %s", f)
	}
	return "use a base with apt or dnf; if this one has them, say which with --family deb or --family rpm"
}
