package upstream

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/layers/roster"
)

// npmManifest is what a registry says about one version.
type npmManifest struct {
	Version string `json:"version"`
	Dist    struct {
		Integrity string `json:"integrity"`
	} `json:"dist"`
}

// npmBase is the registry of a package: that of its scope, if it has one of its
// own.
func (c *Client) npmBase(name string) string {
	scope, _, ok := strings.Cut(name, "/")
	if !ok {
		return c.sources.NpmRegistry
	}
	for _, m := range c.sources.Mirrors {
		if m.From == c.sources.NpmRegistry+scope+"/" {
			return strings.TrimSuffix(m.To, scope+"/")
		}
	}
	return c.sources.NpmRegistry
}

// npmURL is the address of what a registry knows about a package or, with more,
// about one version of it.
func (c *Client) npmURL(name string, more ...string) string {
	address := c.npmBase(name) + strings.ReplaceAll(name, "/", "%2f")
	for _, m := range more {
		address += "/" + url.PathEscape(m)
	}
	return address
}

func (c *Client) npmNewest(ctx context.Context, name string) (string, error) {
	m, err := c.npmVersion(ctx, name, "latest")
	return m.Version, err
}

func (c *Client) npmVersion(ctx context.Context, name, version string) (npmManifest, error) {
	var m npmManifest
	address := c.npmURL(name, version)
	text, err := c.get(ctx, address)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil || m.Version == "" {
		return m, &Error{URL: shown(address), Message: "this is no answer of an npm registry", Err: err}
	}
	return m, nil
}

// npmArtefact asks for the digest of one package.
func (c *Client) npmArtefact(ctx context.Context, w roster.Wanted) (roster.LockedArtefact, error) {
	a := roster.LockedArtefact{Platform: w.Platform, Source: w.Source}
	m, err := c.npmVersion(ctx, w.Package, w.Version)
	if err != nil {
		return a, err
	}
	sum, ok := strings.CutPrefix(m.Dist.Integrity, "sha512-")
	if raw, err := base64.StdEncoding.DecodeString(sum); !ok || err != nil || len(raw) != 64 {
		return a, &Error{URL: shown(c.npmURL(w.Package, w.Version)), Message: "the registry gives no sha512"}
	}
	a.Digest = "sha512:" + sum
	return a, nil
}

// newestComplete looks for the newest version that is there for every platform:
// a registry may have a version and lack the packages of some platforms.
func (c *Client) newestComplete(ctx context.Context, e roster.Entry) (string, error) {
	const mark = "0.0.0-terok"
	wanted, err := e.Wanted(mark)
	if err != nil {
		return "", err
	}
	var versions []string
	for i, w := range wanted {
		if w.Step.Source != roster.FromNpm || !strings.Contains(w.Version, mark) {
			continue
		}
		have, err := c.npmVersions(ctx, w.Package)
		if err != nil {
			return "", err
		}
		before, after, _ := strings.Cut(w.Version, mark)
		var mine []string
		for _, v := range have {
			if v, ok := strings.CutPrefix(v, before); ok {
				if v, ok := strings.CutSuffix(v, after); ok && stable(v) && (i == 0 || slices.Contains(versions, v)) {
					mine = append(mine, v)
				}
			}
		}
		versions = mine
	}
	if len(versions) == 0 {
		return "", ErrNotFound
	}
	return slices.MaxFunc(versions, Compare), nil
}

func (c *Client) npmVersions(ctx context.Context, name string) ([]string, error) {
	text, err := c.get(ctx, c.npmURL(name))
	if err != nil {
		return nil, err
	}
	var all struct {
		Versions map[string]json.RawMessage `json:"versions"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("reading the versions of %s: %w", name, err)
	}
	var out []string
	for v := range all.Versions {
		out = append(out, v)
	}
	return out, nil
}

// incomplete explains that a version is not there for every platform.
func (c *Client) incomplete(ctx context.Context, e roster.Entry, w roster.Wanted, err error) error {
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	newest, lookErr := c.newestComplete(ctx, e)
	if lookErr != nil {
		return fmt.Errorf("%s is not there for %s: %w", w.Source, w.Platform, err)
	}
	return &IncompleteError{Entry: e.Name, Source: w.Source, Platform: w.Platform, Complete: newest, Err: err}
}

// IncompleteError says that a version lacks a platform, and which version does
// not.
type IncompleteError struct {
	Entry, Source, Platform string
	// Complete is the newest version that is there for every platform.
	Complete string
	Err      error
}

func (e *IncompleteError) Error() string {
	return fmt.Sprintf("%s is not there for %s; the newest version with all platforms is %s", e.Source, e.Platform, e.Complete)
}

// Unwrap returns the registry's answer.
func (e *IncompleteError) Unwrap() error { return e.Err }

// Hint says how to get that version.
func (e *IncompleteError) Hint() string {
	return "terok-agent agents update " + e.Entry + "@" + e.Complete
}

// sameDigest compares digests that may be written in base64 or hexadecimal
// digits.
func sameDigest(a, b string) bool { return hexDigest(a) == hexDigest(b) }

func hexDigest(d string) string {
	algorithm, text, _ := strings.Cut(d, ":")
	if raw, err := base64.StdEncoding.DecodeString(text); err == nil && (len(raw) == 64 || len(raw) == 32) {
		return algorithm + ":" + hex.EncodeToString(raw)
	}
	return d
}
