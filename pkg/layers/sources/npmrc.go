package sources

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"github.com/google/osv-scalibr/clients/datasource"
)

// npmrc is the merged configuration of all files; the first that has a key
// wins.
type npmrc map[string]npmSetting

type npmSetting struct {
	value string
	// file and line are where it is written.
	file string
	line int
	// unset is a variable that the value names and that has no value, or "".
	unset string
}

// readNpmrcs reads the files that npm would read, where they exist.
func readNpmrcs(h Host) (npmrc, error) {
	rc := npmrc{}
	for _, name := range npmrcFiles(h) {
		text, err := h.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading npm's configuration: %w", err)
		}
		rc.add(name, string(text), h.Env)
	}
	return rc, nil
}

// npmrcFiles are the files in order of precedence: project, user, machine.
func npmrcFiles(h Host) []string {
	var files []string
	if h.Dir != "" {
		files = append(files, filepath.Join(h.Dir, ".npmrc"))
	}
	if user := npmVariable(h, "userconfig"); user != "" {
		files = append(files, user)
	} else if home := h.Env("HOME"); home != "" {
		files = append(files, filepath.Join(home, ".npmrc"))
	}
	if global := npmVariable(h, "globalconfig"); global != "" {
		return append(files, global)
	}
	if prefix := npmVariable(h, "prefix"); prefix != "" {
		return append(files, filepath.Join(prefix, "etc", "npmrc"))
	}
	return append(files, "/usr/local/etc/npmrc", "/usr/etc/npmrc", "/etc/npmrc")
}

// npmVariable is a setting of npm that the environment holds.
func npmVariable(h Host, name string) string {
	if v := h.Env("npm_config_" + name); v != "" {
		return v
	}
	return h.Env("NPM_CONFIG_" + strings.ToUpper(name))
}

// add reads the lines of one file.
func (rc npmrc) add(file, text string, env func(string) string) {
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' {
			return // npm's settings stand before the first section
		}
		key, value, _ := strings.Cut(line, "=")
		key = strings.TrimSpace(key)
		if _, known := rc[key]; known {
			continue
		}
		value, unset := expandVariables(unquote(strings.TrimSpace(value)), env)
		rc[key] = npmSetting{value: value, file: file, line: i + 1, unset: unset}
	}
}

// unquote removes quotes, or what follows a comment sign outside of them.
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	if i := strings.IndexAny(s, ";#"); i >= 0 {
		s = strings.TrimSpace(s[:i])
	}
	return s
}

var npmReference = regexp.MustCompile(`\$\{([^}?]+)(\?)?\}`)

// expandVariables replaces ${NAME} and ${NAME?}; the second may be unset.
func expandVariables(s string, env func(string) string) (value, unset string) {
	value = npmReference.ReplaceAllStringFunc(s, func(ref string) string {
		m := npmReference.FindStringSubmatch(ref)
		v := env(m[1])
		if v == "" && m[2] == "" {
			unset = m[1]
		}
		return v
	})
	return value, unset
}

// npmRegistry finds the registry of packages without a scope of their own.
func npmRegistry(h Host, rc npmrc) (string, error) {
	if v := npmVariable(h, "registry"); v != "" {
		u, err := checkURL(v)
		if err != nil {
			return "", fmt.Errorf("reading NPM_CONFIG_REGISTRY: %w", err)
		}
		return u, nil
	}
	if s, ok := rc["registry"]; ok {
		return s.url()
	}
	if h.AskNpm != nil {
		if u, err := checkURL(h.AskNpm()); err == nil {
			return u, nil
		}
	}
	return defaultNpmRegistry(), nil
}

// defaultNpmRegistry is the public registry, as a client library knows it.
func defaultNpmRegistry() string {
	u, _ := checkURL(datasource.ParseNPMRegistryInfo(nil).ScopeURLs[""])
	return u
}

func (s npmSetting) url() (string, error) {
	if s.unset != "" {
		return "", fmt.Errorf("%s:%d: the variable %s is not set", s.file, s.line, s.unset)
	}
	u, err := checkURL(s.value)
	if err != nil {
		return "", fmt.Errorf("%s:%d: %w", s.file, s.line, err)
	}
	return u, nil
}

// scopeMirrors turns registries of single scopes into rules for the URLs that
// their packages would have in the general registry.
func (rc npmrc) scopeMirrors(registry string) ([]Mirror, error) {
	var rules []Mirror
	for _, key := range rc.keys() {
		scope, isScope := strings.CutSuffix(key, ":registry")
		if !isScope || !strings.HasPrefix(scope, "@") || strings.ContainsAny(scope, "/ \t") {
			continue
		}
		to, err := rc[key].url()
		if err != nil {
			return nil, err
		}
		if to != registry {
			rules = append(rules, Mirror{From: registry + scope + "/", To: to + scope + "/"})
		}
	}
	return rules, nil
}

// headers makes the credentials of the places that the configuration uses.
// They go to the host and path they are written for, and unencrypted only
// where the user has named an http URL of that place.
func (rc npmrc) headers(c Config) ([]Header, error) {
	var list []Header
	for _, place := range rc.places() {
		value, err := rc.authorization(place)
		if err != nil || value == "" {
			if err != nil {
				return nil, err
			}
			continue
		}
		for _, scheme := range c.schemes(place) {
			list = append(list, Header{Prefix: scheme + ":" + place, Name: "Authorization", Value: value})
		}
	}
	return list, nil
}

// places are the "//host/path/" that credentials are written for, sorted.
func (rc npmrc) places() []string {
	seen := map[string]bool{}
	var list []string
	for _, key := range rc.keys() {
		i := strings.LastIndexByte(key, ':')
		if !strings.HasPrefix(key, "//") || i < 3 {
			continue
		}
		place := strings.TrimSuffix(key[:i], "/") + "/"
		if _, err := url.Parse(place); err != nil || seen[place] || strings.ContainsAny(place, " \t\"'\\") {
			continue
		}
		seen[place] = true
		list = append(list, place)
	}
	return list
}

// authorization returns the value of the header for a place, "" when there is
// no complete credential: a token kept in a variable that is not set here
// belongs to another machine.
func (rc npmrc) authorization(place string) (string, error) {
	get := func(name string) string {
		for _, p := range []string{place, strings.TrimSuffix(place, "/")} {
			if s, ok := rc[p+":"+name]; ok && s.unset == "" {
				return s.value
			}
		}
		return ""
	}
	value := ""
	switch {
	case get("_authToken") != "":
		value = "Bearer " + get("_authToken")
	case get("_auth") != "":
		value = "Basic " + get("_auth")
	case get("username") != "" && get("_password") != "":
		password, err := base64.StdEncoding.DecodeString(get("_password"))
		if err != nil {
			return "", fmt.Errorf("reading npm's configuration: the password for %s is not base64", place)
		}
		value = "Basic " + base64.StdEncoding.EncodeToString([]byte(get("username")+":"+string(password)))
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fmt.Errorf("reading npm's configuration: the credential for %s holds control characters", place)
	}
	return value, nil
}

// schemes are https, and http where a configured URL at that place has it.
func (c Config) schemes(place string) []string {
	urls := []string{c.NpmRegistry}
	for _, m := range c.Mirrors {
		urls = append(urls, m.To)
	}
	for _, u := range urls {
		if strings.HasPrefix(u, "http:"+place) {
			return []string{"http", "https"}
		}
	}
	return []string{"https"}
}

func (rc npmrc) keys() []string {
	keys := make([]string, 0, len(rc))
	for k := range rc {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
