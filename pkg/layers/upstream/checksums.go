package upstream

import (
	"context"
	"crypto/sha512"
	"fmt"
	"io"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/roster"
)

var (
	bareDigest = regexp.MustCompile(`^([0-9a-fA-F]{64}|[0-9a-fA-F]{128})$`)
	sumLine    = regexp.MustCompile(`^\\?([0-9a-fA-F]{64}|[0-9a-fA-F]{128}) [ *](.+)$`)
	bsdLine    = regexp.MustCompile(`^(SHA256|SHA512|SHA2-256|SHA2-512) ?\((.+)\) ?= ?([0-9a-fA-F]+)$`)
)

// findChecksum looks for a file's digest in a list as sha256sum, sha512sum and
// the BSDs write it, or that holds nothing but one digest; "" when it has none.
func findChecksum(text, file string) string {
	var bare, found string
	words := 0
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		words++
		name, digest := "", ""
		if m := sumLine.FindStringSubmatch(line); m != nil {
			name, digest = m[2], m[1]
		} else if m := bsdLine.FindStringSubmatch(line); m != nil && (len(m[3]) == 64 || len(m[3]) == 128) {
			name, digest = m[2], m[3]
		} else if bareDigest.MatchString(line) {
			bare = line
		}
		// Some lists hold several algorithms; the longest digest is the best.
		if path.Base(name) == file && len(digest) > len(found) {
			found = digest
		}
	}
	if found == "" && words == 1 {
		found = bare
	}
	return withAlgorithm(strings.ToLower(found))
}

func withAlgorithm(digest string) string {
	switch len(digest) {
	case 64:
		return "sha256:" + digest
	case 128:
		return "sha512:" + digest
	}
	return ""
}

// vendorArtefact finds the digest of a file that a vendor serves, from the best
// source there is: the vendor's list, the release's, the file itself.
func (c *Client) vendorArtefact(ctx context.Context, w roster.Wanted, releases map[string]release) (a roster.LockedArtefact, from string, err error) {
	a = roster.LockedArtefact{Platform: w.Platform, Source: w.Source}
	file := fileName(w.Source)
	if w.Checksums != "" {
		text, err := c.get(ctx, w.Checksums)
		if err != nil {
			return a, "", fmt.Errorf("reading the checksums of %s: %w", file, err)
		}
		if a.Digest = findChecksum(string(text), file); a.Digest == "" {
			return a, "", fmt.Errorf("the list %s does not hold %s", shown(w.Checksums), file)
		}
		return a, roster.FromChecksums, nil
	}
	if w.Step.Source == roster.FromGitHub {
		digest, err := c.releaseDigest(ctx, w, file, releases)
		if err != nil {
			return a, "", err
		}
		if digest != "" {
			a.Digest = digest
			return a, roster.FromRelease, nil
		}
	}
	a.Digest, a.Size, err = c.Digest(ctx, w.Source, "sha256")
	a.OnTrust = true
	return a, roster.FromBytes, err
}

func fileName(source string) string {
	u, err := url.Parse(source)
	if err != nil {
		return path.Base(source)
	}
	return path.Base(u.Path)
}

func (c *Client) releaseDigest(ctx context.Context, w roster.Wanted, file string, known map[string]release) (string, error) {
	_, rest, _ := strings.Cut(w.Source, "/releases/download/")
	tag, _, ok := strings.Cut(rest, "/")
	if !ok {
		return "", fmt.Errorf("%s holds no /releases/download/TAG/", w.Source)
	}
	r, ok := known[tag]
	if !ok {
		var err error
		if r, err = c.githubRelease(ctx, w.Step.Track, "tags/"+tag); err != nil {
			return "", err
		}
		known[tag] = r
	}
	for _, asset := range r.Assets {
		if asset.Name == file {
			return asset.Digest, nil
		}
	}
	return "", fmt.Errorf("the release %s of %s has no %s: %w", tag, w.Step.Track, file, ErrNotFound)
}

// Digest downloads a file and returns its digest, "sha256:…" or "sha512:…", and
// how many bytes it has.
func (c *Client) Digest(ctx context.Context, source, algorithm string) (digest string, size int, err error) {
	address := source
	if spec, ok := strings.CutPrefix(source, "pkg:npm/"); ok {
		spec, err = url.PathUnescape(spec)
		if err != nil {
			return "", 0, fmt.Errorf("reading %q: %w", source, err)
		}
		at := strings.LastIndexByte(spec, '@')
		name := spec[:at]
		address = c.npmBase(name) + name + "/-/" + path.Base(name) + "-" + spec[at+1:] + ".tgz"
	}
	r, err := c.open(ctx, c.http, address)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = r.Body.Close() }()
	h := graph.NewContentHash()
	if algorithm == "sha512" {
		h = sha512.New()
	}
	n, err := io.Copy(h, r.Body)
	if err != nil {
		return "", 0, &Error{URL: shown(address), Message: "the download broke off: " + plain(err), Err: err}
	}
	return fmt.Sprintf("%s:%x", algorithm, h.Sum(nil)), int(n), nil
}
