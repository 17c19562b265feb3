package content

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// IgnoreError is a mistake in an ignore file.
type IgnoreError struct {
	File string
	// Line is counted from 1, 0 for the file as a whole.
	Line int
	Err  error
}

func (e *IgnoreError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
	}
	return fmt.Sprintf("%s: %v", e.File, e.Err)
}

// Unwrap returns the cause.
func (e *IgnoreError) Unwrap() error { return e.Err }

// IgnorePatterns returns what a builder leaves out of a context directory: the
// rules of the Dockerfile's own ignore file, "<Dockerfile>.dockerignore", if it
// has one, else of the directory's ".dockerignore". A mistake is an
// *IgnoreError.
func IgnorePatterns(dir, dockerfile string) ([]string, error) {
	for _, file := range []string{dockerfile + ".dockerignore", filepath.Join(dir, ".dockerignore")} {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, &IgnoreError{File: file, Err: plain(err)}
		}
		return parseIgnore(file, text)
	}
	return nil, nil
}

func parseIgnore(file string, text []byte) ([]string, error) {
	patterns, err := ignorefile.ReadAll(bytes.NewReader(text))
	if err != nil {
		return nil, &IgnoreError{File: file, Err: err}
	}
	if checkPatterns(patterns) == nil {
		return patterns, nil
	}
	for i, line := range strings.Split(string(text), "\n") {
		one, err := ignorefile.ReadAll(strings.NewReader(line))
		if err == nil {
			err = checkPatterns(one)
		}
		if err != nil {
			return nil, &IgnoreError{File: file, Line: i + 1, Err: fmt.Errorf("%q: %w", strings.TrimSpace(line), err)}
		}
	}
	return patterns, nil
}

// checkPatterns tries each pattern: some mistakes show only when it is used.
func checkPatterns(patterns []string) error {
	if _, err := patternmatcher.New(patterns); err != nil {
		return err
	}
	for _, p := range patterns {
		try := []string{p}
		if strings.HasPrefix(p, "!") {
			try = []string{"**", p} // an exception is only looked at where something is to be taken back
		}
		m, err := patternmatcher.New(try)
		if err == nil {
			_, err = m.MatchesOrParentMatches("a/b")
		}
		if err != nil {
			return err
		}
	}
	return nil
}
