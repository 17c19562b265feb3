package content

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// digestsFormat is the first line of a file of digests.
const digestsFormat = "terok-agent/digests/2"

// grain is more than the time that file systems tell apart. What changed so
// shortly before it was read could change again and show the same times.
const grain = 2 * time.Second

// Digests remembers the digests of files, extended attributes included, between
// runs, so that a file that did not change is not read again. A file is known
// again by device, inode, size and both times; the time of the last change of its
// inode cannot be set back by anybody. Nothing depends on it: whatever goes
// wrong, files are read.
type Digests struct {
	file  string
	began time.Time // by the clock of a file system, not of this process
	// loading fills entries; who needs them waits.
	loading sync.WaitGroup
	entries map[identity]*remembered
	// used are those that were asked for or are new; only they are kept. changed
	// is true when they are not what the file has.
	used    int
	changed bool
}

// remembered is a file's digest.
type remembered struct {
	digest string
	used   bool
}

// identity is what tells a file and its content from all others.
type identity struct {
	dev, ino, size, mtime, ctime int64
}

// OpenDigests reads what was remembered for a context directory below dir.
func OpenDigests(dir, context string) *Digests {
	d := &Digests{
		file: filepath.Join(dir, strings.TrimPrefix(digestOf(context), "sha256:")[:16]),
	}
	if os.MkdirAll(dir, 0o700) != nil {
		return d
	}
	// The file system's own clock is the one that files have their times from.
	if probe, err := os.CreateTemp(dir, ".clock-"); err == nil {
		if info, err := probe.Stat(); err == nil {
			d.began = info.ModTime()
		}
		_ = probe.Close()
		_ = os.Remove(probe.Name())
	}
	d.loading.Go(d.load) // while directories are read
	return d
}

func (d *Digests) load() {
	d.entries = map[identity]*remembered{}
	raw, err := os.ReadFile(d.file)
	if err != nil {
		return
	}
	first, text, _ := strings.Cut(string(raw), "\n")
	if first != digestsFormat {
		return
	}
	n := strings.Count(text, "\n")
	d.entries = make(map[identity]*remembered, n)
	for all := make([]remembered, n); len(all) > 0; all = all[1:] {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		id, digest, ok := parseEntry(line)
		if !ok {
			return // cut off
		}
		all[0].digest = digest
		d.entries[id] = &all[0]
	}
}

// parseEntry reads a line that Save wrote. There is one for each file, so it is
// no fmt.Sscan.
func parseEntry(line string) (id identity, digest string, ok bool) {
	for _, n := range []*int64{&id.dev, &id.ino, &id.size, &id.mtime, &id.ctime} {
		var field string
		var err error
		field, line, _ = strings.Cut(line, " ")
		if *n, err = strconv.ParseInt(field, 10, 64); err != nil {
			return id, "", false
		}
	}
	return id, line, len(line) == len("sha256:")+64
}

// lookup returns the digest of a file that is remembered.
func (d *Digests) lookup(info fs.FileInfo) (string, bool) {
	if d == nil {
		return "", false
	}
	d.loading.Wait()
	id, ok := identify(info)
	if !ok {
		return "", false
	}
	e := d.entries[id]
	if e == nil {
		return "", false
	}
	d.use(e)
	return e.digest, true
}

func (d *Digests) use(e *remembered) {
	if !e.used {
		e.used = true
		d.used++
	}
}

// add remembers the digest of a file that was the same before and after it was
// read, if it had been that way for a while.
func (d *Digests) add(before, after fs.FileInfo, digest string) {
	if d == nil || d.began.IsZero() {
		return
	}
	a, okA := identify(before)
	b, okB := identify(after)
	limit := d.began.Add(-grain).UnixNano()
	if okA && okB && a == b && a.mtime < limit && a.ctime < limit {
		d.loading.Wait()
		e := d.entries[a]
		if e == nil || e.digest != digest {
			e = &remembered{digest: digest}
			d.entries[a] = e
			d.changed = true
		}
		d.use(e)
	}
}

// Save keeps what was used in this run.
func (d *Digests) Save() {
	if d == nil {
		return
	}
	d.loading.Wait()
	if d.used == 0 || (!d.changed && d.used == len(d.entries)) {
		return
	}
	var b bytes.Buffer
	b.WriteString(digestsFormat + "\n")
	for id, e := range d.entries {
		if e.used {
			fmt.Fprintln(&b, id.dev, id.ino, id.size, id.mtime, id.ctime, e.digest)
		}
	}
	part, err := os.CreateTemp(filepath.Dir(d.file), ".part-")
	if err != nil {
		return
	}
	_, err = part.Write(b.Bytes())
	if closed := part.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(part.Name(), d.file)
	}
	if err != nil {
		_ = os.Remove(part.Name())
	}
}
