package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/layers/roster"
)

// Update is what an update of an entry would write.
type Update struct {
	Entry string
	// From and To are the versions before, "" for none, and afterwards.
	From, To string
	// Files are the new locks by path in the resources; empty when nothing
	// changes.
	Files map[string][]byte
	// Notes are for people, such as a digest that differs from the one that was
	// recorded.
	Notes []string
}

// ErrNothingToLock is returned for an entry that downloads nothing.
var ErrNothingToLock = errors.New("installs nothing that a lock could pin")

// Update finds the digests of a version of an entry, the newest when version is
// "", for every platform. With verify, the files themselves are read too and
// compared with what is said about them.
func (c *Client) Update(ctx context.Context, e roster.Entry, version string, verify bool) (Update, error) {
	u := Update{Entry: e.Name, To: version, Files: map[string][]byte{}}
	if e.Lock != nil {
		u.From = e.Lock.Version
	}
	if version == "" {
		newest, err := c.Newest(ctx, e)
		if err != nil {
			return u, err
		}
		if newest == "" {
			return u, fmt.Errorf("%s %w", e.Name, ErrNothingToLock)
		}
		if u.From != "" && Compare(newest, u.From) < 0 {
			u.To = u.From
			u.Notes = append(u.Notes, fmt.Sprintf("the newest version there is %s, older than what is locked; name a version to go back", newest))
			return u, nil
		}
		u.To = newest
	}
	lock, err := c.lock(ctx, e, u.To)
	var partial *IncompleteError
	if version == "" && errors.As(err, &partial) && partial.Complete == u.From {
		u.Notes = append(u.Notes, fmt.Sprintf("%s is out, but not yet for %s", u.To, partial.Platform))
		u.To = u.From
		return u, nil
	}
	if err != nil {
		return u, err
	}
	trees, err := c.trees(ctx, e, u.To)
	if err != nil {
		return u, err
	}
	if verify {
		if err := c.verify(ctx, lock); err != nil {
			return u, err
		}
	}
	u.finish(e, lock, trees)
	return u, nil
}

// lock makes the flat lock of a version.
func (c *Client) lock(ctx context.Context, e roster.Entry, version string) (roster.Lock, error) {
	l := roster.Lock{Version: version, ResolvedAt: c.now().UTC().Format("2006-01-02")}
	wanted, err := e.Wanted(version)
	if err != nil {
		return l, err
	}
	from := map[string]bool{}
	releases := map[string]release{}
	for _, w := range wanted {
		var a roster.LockedArtefact
		how := roster.FromRegistry
		if w.Step.Source == roster.FromNpm {
			a, err = c.npmArtefact(ctx, w)
			if err != nil {
				return l, c.incomplete(ctx, e, w, err)
			}
		} else if a, how, err = c.vendorArtefact(ctx, w, releases); err != nil {
			return l, err
		}
		from[how] = true
		l.Artefacts = append(l.Artefacts, a)
	}
	if len(wanted) == 0 {
		from[roster.FromRegistry] = true
	}
	l.From = strings.Join(slices.Sorted(maps.Keys(from)), "+")
	return l, nil
}

// verify reads every file that a lock names.
func (c *Client) verify(ctx context.Context, l roster.Lock) error {
	for _, a := range l.Artefacts {
		algorithm, _, _ := strings.Cut(a.Digest, ":")
		got, _, err := c.Digest(ctx, a.Source, algorithm)
		if err != nil {
			return err
		}
		if !sameDigest(got, a.Digest) {
			return fmt.Errorf("%s: the file has %s, but %s is said about it", a.Source, got, hexDigest(a.Digest))
		}
	}
	return nil
}

// finish keeps what differs from what is there.
func (u *Update) finish(e roster.Entry, lock roster.Lock, trees map[string][]byte) {
	changed := u.From != u.To || e.Lock.Unseen()
	if e.Lock != nil && u.From == u.To {
		for _, a := range lock.Artefacts {
			for _, old := range e.Lock.Artefacts {
				if old.Platform == a.Platform && old.Source == a.Source && !sameDigest(old.Digest, a.Digest) && sameAlgorithm(old.Digest, a.Digest) {
					u.Notes = append(u.Notes, fmt.Sprintf("%s for %s has another digest than the lock: %s instead of %s", a.Source, a.Platform, hexDigest(a.Digest), old.Digest))
					changed = true
				}
			}
		}
	}
	for name, text := range trees {
		if !sameText(e.Trees[name].Text, text) {
			u.Files[name] = text
			changed = true
		}
	}
	if changed {
		u.Files[path.Join(path.Dir(e.File), e.Name+".lock.json")] = roster.LockText(lock, e.Name)
	}
}

// sameText compares native locks; the order of keys in JSON means nothing.
func sameText(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil {
		return reflect.DeepEqual(x, y)
	}
	return bytes.Equal(a, b)
}

func sameAlgorithm(a, b string) bool { return strings.HasPrefix(a, b[:strings.IndexByte(b, ':')+1]) }
