package sources

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// pypiIndex finds the index that pip would use, "" when nobody has configured
// one.
func pypiIndex(h Host) (string, error) {
	for _, name := range []string{"PIP_INDEX_URL", "UV_DEFAULT_INDEX"} {
		if v := h.Env(name); v != "" {
			u, err := checkURL(v)
			if err != nil {
				return "", fmt.Errorf("reading %s: %w", name, err)
			}
			return u, nil
		}
	}
	for _, file := range pipFiles(h) {
		text, err := h.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("reading pip's configuration: %w", err)
		}
		v, line := pipIndex(string(text))
		if v == "" {
			continue
		}
		u, err := checkURL(v)
		if err != nil {
			return "", fmt.Errorf("%s:%d: %w", file, line, err)
		}
		return u, nil
	}
	return "", nil
}

// pipFiles are the files in order of precedence.
func pipFiles(h Host) []string {
	var files []string
	if f := h.Env("PIP_CONFIG_FILE"); f != "" {
		files = append(files, f)
	}
	if home := h.Env("HOME"); home != "" {
		config := h.Env("XDG_CONFIG_HOME")
		if config == "" {
			config = filepath.Join(home, ".config")
		}
		files = append(files, filepath.Join(config, "pip", "pip.conf"), filepath.Join(home, ".pip", "pip.conf"))
	}
	return append(files, "/etc/pip.conf")
}

// pipIndex returns the index that a file names, and the line that does.
func pipIndex(text string) (index string, line int) {
	section := ""
	for i, l := range strings.Split(text, "\n") {
		l = strings.TrimSpace(l)
		if strings.HasPrefix(l, "[") {
			section = strings.Trim(l, "[]")
			continue
		}
		key, value, ok := strings.Cut(l, "=")
		if key = strings.TrimSpace(key); ok && section == "global" && (key == "index-url" || key == "index_url") {
			return strings.TrimSpace(value), i + 1
		}
	}
	return "", 0
}
