// Package upstream asks those who serve what entries install: which version is
// the newest, and with which digests. It writes nothing; an update is the text
// of new locks.
package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/terok-ai/terok-agent/pkg/layers/roster"
	"github.com/terok-ai/terok-agent/pkg/layers/sources"
)

// Client asks. The zero value asks nobody; use New.
type Client struct {
	http *http.Client
	// follow is false for the one request that wants to see a redirect.
	still   *http.Client
	sources sources.Config
	getenv  func(string) string
	now     func() time.Time
	// Npm and Python are the commands that resolve trees.
	Npm, Python []string
}

// patience is how long one request may take, apart from downloads.
const patience = 20 * time.Second

// maxAnswer is more than any answer of a registry needs.
const maxAnswer = 64 << 20

// New makes a client that honours registries, mirrors and credentials of the
// configuration, the proxies of the environment, and, when ca is not "", trusts
// the certificates of that file beside the system's. Now tells the time for the
// locks.
func New(c sources.Config, ca string, getenv func(string) string, now func() time.Time) (*Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if ca != "" {
		text, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("reading certificates: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		pool.AppendCertsFromPEM(text)
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	transport.ResponseHeaderTimeout = patience
	way := &mirrored{next: transport, sources: c, getenv: getenv}
	return &Client{
		http: &http.Client{Transport: way},
		still: &http.Client{Transport: way, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
		sources: c, getenv: getenv, now: now, Npm: []string{"npm"}, Python: []string{"python3"},
	}, nil
}

// mirrored sends requests where the mirror rules lead, with the headers that
// are meant for that place and no other.
type mirrored struct {
	next    http.RoundTripper
	sources sources.Config
	getenv  func(string) string
}

func (m *mirrored) RoundTrip(r *http.Request) (*http.Response, error) {
	to := rewrite(m.sources.Mirrors, r.URL.String())
	u, err := url.Parse(to)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", r.URL.Redacted(), err)
	}
	r = r.Clone(r.Context())
	r.URL, r.Host = u, u.Host
	r.Header.Del("Authorization")
	for _, h := range m.sources.Headers {
		if strings.HasPrefix(to, h.Prefix) {
			r.Header.Set(h.Name, h.Value)
		}
	}
	if u.Scheme == "https" && u.Host == githubAPI {
		for _, name := range []string{"GITHUB_TOKEN", "GH_TOKEN"} {
			if token := m.getenv(name); token != "" {
				r.Header.Set("Authorization", "Bearer "+token)
				break
			}
		}
	}
	return m.next.RoundTrip(r)
}

// rewrite applies the rule with the longest prefix.
func rewrite(rules []sources.Mirror, address string) string {
	best := sources.Mirror{}
	for _, m := range rules {
		if strings.HasPrefix(address, m.From) && len(m.From) > len(best.From) {
			best = m
		}
	}
	if best.From == "" {
		return address
	}
	return best.To + strings.TrimPrefix(address, best.From)
}

// Error is an answer that is not the one asked for.
type Error struct {
	// URL is what was asked, without secrets; Status the answer's, 0 when there
	// was none.
	URL    string
	Status int
	// Message says what is wrong.
	Message string
	Err     error
}

func (e *Error) Error() string { return e.Message + " (" + e.URL + ")" }

// Unwrap returns what happened below.
func (e *Error) Unwrap() error { return e.Err }

// ErrNotFound says that a version or a package does not exist.
var ErrNotFound = errors.New("not found")

// get returns the body of an answer of 200.
func (c *Client) get(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := c.open(ctx, c.http, address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer))
	if err != nil {
		return nil, &Error{URL: shown(address), Message: "the answer broke off: " + plain(err), Err: err}
	}
	return text, nil
}

// open sends a request and makes errors of all answers but 200.
func (c *Client) open(ctx context.Context, client *http.Client, address string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", shown(address), err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, &Error{URL: shown(address), Message: plain(err), Err: err}
	}
	if resp.StatusCode == http.StatusOK || client == c.still && resp.StatusCode/100 == 3 {
		return resp, nil
	}
	_ = resp.Body.Close()
	e := &Error{URL: shown(address), Status: resp.StatusCode, Message: "HTTP " + resp.Status}
	switch {
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone:
		e.Message, e.Err = "not found", ErrNotFound
	case limited(resp):
		e.Message = "rate limit" + resets(resp.Header)
	}
	return nil, e
}

// plain is the cause of a failed request, without the address, which may hold a
// password.
func plain(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %d seconds", int(patience.Seconds()))
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return "there is no address for the host " + dns.Name
	}
	return err.Error()
}

// shown is an address without user, query and fragment.
func shown(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "?"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// Newest returns the newest version of what an entry installs. An entry that
// installs nothing with a version has "".
func (c *Client) Newest(ctx context.Context, e roster.Entry) (string, error) {
	for _, s := range e.Install {
		switch {
		case s.Npm != nil:
			return c.npmNewest(ctx, s.Npm.Package)
		case s.Pypi != nil:
			return c.pypiNewest(ctx, s.Pypi.Package)
		case s.Download == nil:
			continue
		case !strings.Contains(s.Download.URL+s.Download.Version+s.Download.Package, "{{") && s.Download.Source != roster.FromNpm:
			continue // always the same file
		}
		switch s.Download.Source {
		case roster.FromNpm:
			return c.npmNewest(ctx, s.Download.Track)
		case roster.FromGitHub:
			return c.githubNewest(ctx, s.Download)
		case roster.FromGitLab:
			return c.gitlabNewest(ctx, s.Download)
		case roster.FromMaven:
			return c.mavenNewest(ctx, s.Download)
		case roster.FromURL:
			return c.urlNewest(ctx, s.Download)
		}
	}
	return "", nil
}
