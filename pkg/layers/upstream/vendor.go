package upstream

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/terok-ai/terok-agent/pkg/layers/roster"
)

const (
	githubAPI = "api.github.com"
	githubWeb = "https://github.com/"
	gitlabAPI = "https://gitlab.com/api/v4/projects/"
)

// release is what GitHub says about one.
type release struct {
	Tag    string `json:"tag_name"`
	Assets []struct {
		Name   string `json:"name"`
		Digest string `json:"digest"`
	} `json:"assets"`
}

func (c *Client) githubRelease(ctx context.Context, track, which string) (release, error) {
	var r release
	address := "https://" + githubAPI + "/repos/" + track + "/releases/" + which
	text, err := c.get(ctx, address)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil || r.Tag == "" {
		return r, &Error{URL: shown(address), Message: "this is no release of GitHub's", Err: err}
	}
	return r, nil
}

func (c *Client) githubNewest(ctx context.Context, d *roster.Download) (string, error) {
	tag := d.Tag()
	if tag == nil {
		return "", fmt.Errorf("the URL %q holds no /releases/download/TAG/", d.URL)
	}
	r, err := c.githubRelease(ctx, d.Track, "latest")
	var e *Error
	if errors.As(err, &e) && (e.Status == http.StatusForbidden || e.Status == http.StatusTooManyRequests) {
		// Pages are not counted.
		if name, webErr := c.githubLatestPage(ctx, d.Track); webErr == nil {
			if v := roster.VersionIn(tag, name); v != "" {
				return v, nil
			}
		}
	}
	if err != nil {
		return "", err
	}
	if v := roster.VersionIn(tag, r.Tag); v != "" {
		return v, nil
	}
	var found []string
	for _, a := range r.Assets {
		if v := roster.VersionIn(d.FileName("linux/amd64"), a.Name); v != "" && stable(v) && inSeries(v, d.Series) {
			found = append(found, v)
		}
	}
	if len(found) == 0 {
		return "", fmt.Errorf("the release %s of %s has no file as the entry describes it", r.Tag, d.Track)
	}
	return slices.MaxFunc(found, Compare), nil
}

// githubLatestPage reads the tag of the newest release from where its page
// leads.
func (c *Client) githubLatestPage(ctx context.Context, track string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := c.open(ctx, c.still, githubWeb+track+"/releases/latest")
	if err != nil {
		return "", err
	}
	_ = r.Body.Close()
	to, err := r.Location()
	if err != nil {
		return "", fmt.Errorf("looking for the newest release of %s: %w", track, err)
	}
	return url.PathUnescape(path.Base(to.EscapedPath()))
}

// limited tells whether an answer means that we asked too often.
func limited(r *http.Response) bool {
	return r.StatusCode == http.StatusTooManyRequests || r.StatusCode == http.StatusForbidden && r.Header.Get("X-Ratelimit-Remaining") == "0"
}

func resets(h http.Header) string {
	seconds, err := strconv.ParseInt(h.Get("X-Ratelimit-Reset"), 10, 64)
	if err != nil {
		return ""
	}
	return ", resets at " + time.Unix(seconds, 0).UTC().Format("15:04 UTC")
}

func (c *Client) gitlabNewest(ctx context.Context, d *roster.Download) (string, error) {
	address := gitlabAPI + url.PathEscape(d.Track) + "/releases/permalink/latest"
	text, err := c.get(ctx, address)
	if err != nil {
		return "", err
	}
	var r release
	if err := json.Unmarshal(text, &r); err != nil || r.Tag == "" {
		return "", &Error{URL: shown(address), Message: "this is no release of GitLab's", Err: err}
	}
	if tag := d.Tag(); tag != nil {
		if v := roster.VersionIn(tag, r.Tag); v != "" {
			return v, nil
		}
	}
	return "", fmt.Errorf("the release %q of %s is not named as the entry describes it", r.Tag, d.Track)
}

func (c *Client) mavenNewest(ctx context.Context, d *roster.Download) (string, error) {
	base, _, ok := strings.Cut(d.URL, "{{.Version}}/")
	if !ok {
		return "", fmt.Errorf("the URL %q holds no directory {{.Version}}/", d.URL)
	}
	text, err := c.get(ctx, base+"maven-metadata.xml")
	if err != nil {
		return "", err
	}
	var m struct {
		Release string `xml:"versioning>release"`
	}
	if err := xml.Unmarshal(text, &m); err != nil || m.Release == "" {
		return "", &Error{URL: shown(base + "maven-metadata.xml"), Message: "this names no release", Err: err}
	}
	return m.Release, nil
}

func (c *Client) urlNewest(ctx context.Context, d *roster.Download) (string, error) {
	if d.Latest == "" {
		return "", errors.New(`the entry does not say where newer versions are announced ("latest")`)
	}
	text, err := c.get(ctx, d.Latest)
	if err != nil {
		return "", err
	}
	for _, v := range firstNumber.FindAllString(string(text), -1) {
		v, _, _ = strings.Cut(v, "-")
		if inSeries(v, d.Series) {
			return v, nil
		}
	}
	return "", &Error{URL: shown(d.Latest), Message: "this holds no version"}
}
