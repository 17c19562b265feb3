// Package sources reads, on the host, where downloads come from: registries,
// mirrors, credentials and certificates, as the clients that people already
// have configured say. Fetching steps get it as one small secret; none of it
// enters an image or a key.
package sources

import (
	"bytes"
	"fmt"
	"net/url"
	"sort"
	"strings"
)

// Config is what a fetching step needs to know.
type Config struct {
	// NpmRegistry is the URL under which npm packages lie, ending in "/".
	NpmRegistry string
	// PypiIndex is the URL of the index of Python packages, "" for the
	// client's own.
	PypiIndex string
	// Mirrors replace prefixes of URLs; the longest wins.
	Mirrors []Mirror
	// Headers are sent with requests whose URL begins with their prefix.
	Headers []Header
}

// Mirror says what stands in for what.
type Mirror struct {
	// From is a URL prefix ending in "/", or an ecosystem: "npm" or "pypi".
	From string
	// To is the URL that replaces it.
	To string
}

// Header is one line of a request, for one place only.
type Header struct{ Prefix, Name, Value string }

// MirrorError says what is wrong with a mirror rule.
type MirrorError struct {
	Mirror  Mirror
	Message string
}

func (e *MirrorError) Error() string {
	return fmt.Sprintf("mirror %q → %q: %s", e.Mirror.From, e.Mirror.To, e.Message)
}

// The ecosystems that a mirror rule can name.
const (
	npm  = "npm"
	pypi = "pypi"
)

// Encode writes the configuration as the fetching script reads it: lines
// "npm URL", "pypi URL", "mirror FROM TO" and "header PREFIX NAME: VALUE". The result
// holds credentials.
func (c Config) Encode() []byte {
	var b bytes.Buffer
	if c.NpmRegistry != "" {
		fmt.Fprintf(&b, "npm %s\n", c.NpmRegistry)
	}
	if c.PypiIndex != "" {
		fmt.Fprintf(&b, "pypi %s\n", c.PypiIndex)
	}
	lines := make([]string, 0, len(c.Mirrors)+len(c.Headers))
	for _, m := range c.Mirrors {
		lines = append(lines, fmt.Sprintf("mirror %s %s\n", m.From, m.To))
	}
	for _, h := range c.Headers {
		lines = append(lines, fmt.Sprintf("header %s %s: %s\n", h.Prefix, h.Name, h.Value))
	}
	sort.Strings(lines)
	for _, line := range lines {
		b.WriteString(line)
	}
	return b.Bytes()
}

// Host is how the machine's configuration is read.
type Host struct {
	// Env returns a variable of the environment, "" when it is not set.
	Env func(string) string
	// ReadFile returns a file's content, as os.ReadFile does.
	ReadFile func(string) ([]byte, error)
	// Dir is the project's directory; "" when there is none.
	Dir string
	// AskNpm returns the registry that an installed npm uses, "" when there is
	// no npm; nil is never asked.
	AskNpm func() string
}

// Load reads the machine's configuration and adds the mirror rules to it. The
// npm registry is that of the first of these that names one: a rule for "npm",
// NPM_CONFIG_REGISTRY, the .npmrc of the project, of the user, of the machine,
// npm itself, the public registry. The index of Python packages is that of a
// rule for "pypi", PIP_INDEX_URL, UV_DEFAULT_INDEX, pip's files. Errors are *MirrorError, or name the file
// or variable.
func Load(h Host, mirrors []Mirror) (Config, error) {
	rules, err := checkMirrors(mirrors)
	if err != nil {
		return Config{}, err
	}
	rc, err := readNpmrcs(h)
	if err != nil {
		return Config{}, err
	}
	var c Config
	for _, m := range rules {
		switch m.From {
		case npm:
			c.NpmRegistry = m.To
		case pypi:
			c.PypiIndex = m.To
		default:
			c.Mirrors = append(c.Mirrors, m)
		}
	}
	if c.PypiIndex == "" {
		if c.PypiIndex, err = pypiIndex(h); err != nil {
			return Config{}, err
		}
	}
	if c.NpmRegistry == "" {
		if c.NpmRegistry, err = npmRegistry(h, rc); err != nil {
			return Config{}, err
		}
		scopes, err := rc.scopeMirrors(c.NpmRegistry)
		if err != nil {
			return Config{}, err
		}
		c.Mirrors = append(c.Mirrors, scopes...)
	}
	c.Headers, err = rc.headers(c)
	return c, err
}

// checkMirrors returns the rules with their targets ending in "/".
func checkMirrors(mirrors []Mirror) ([]Mirror, error) {
	seen := map[string]string{}
	var rules []Mirror
	for _, m := range mirrors {
		wrong := func(format string, args ...any) ([]Mirror, error) {
			return nil, &MirrorError{Mirror: m, Message: fmt.Sprintf(format, args...)}
		}
		if m.From != npm && m.From != pypi {
			if _, err := checkURL(m.From); err != nil {
				return wrong("from must be npm, pypi or a URL: %v", err)
			}
			if !strings.HasSuffix(m.From, "/") {
				return wrong("from must end in /")
			}
		}
		to, err := checkURL(m.To)
		if err != nil {
			return wrong("to must be a URL: %v", err)
		}
		if before, twice := seen[m.From]; twice && before != to {
			return wrong("there is another rule for it, to %s", before)
		} else if twice {
			continue
		}
		seen[m.From] = to
		rules = append(rules, Mirror{From: m.From, To: to})
	}
	return rules, nil
}

// checkURL returns an http or https URL with "/" at its end.
func checkURL(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "", fmt.Errorf("%q is not a URL", s)
	case u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("the scheme of %q is not http or https", s)
	case u.Hostname() == "":
		return "", fmt.Errorf("%q names no host", s)
	case u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(s, " \t\r\n\"'\\"):
		return "", fmt.Errorf("%q is not a plain URL prefix", s)
	}
	if !strings.HasSuffix(s, "/") {
		s += "/"
	}
	return s, nil
}
