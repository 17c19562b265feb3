package content

import (
	"bufio"
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
	entries map[identity]string
	// seen are those that were asked for; only they are kept.
	seen map[identity]string
}

// identity is what tells a file and its content from all others.
type identity struct {
	dev, ino, size, mtime, ctime int64
}

// OpenDigests reads what was remembered for a context directory below dir.
func OpenDigests(dir, context string) *Digests {
	d := &Digests{
		file: filepath.Join(dir, strings.TrimPrefix(digestOf(context), "sha256:")[:16]), entries: map[identity]string{}, seen: map[identity]string{},
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
	text, err := os.ReadFile(d.file)
	if err != nil {
		return
	}
	n := bytes.Count(text, []byte("\n"))
	d.entries, d.seen = make(map[identity]string, n), make(map[identity]string, n)
	lines := bufio.NewScanner(bytes.NewReader(text))
	if !lines.Scan() || lines.Text() != digestsFormat {
		return
	}
	for lines.Scan() {
		id, digest, ok := parseEntry(lines.Text())
		if !ok {
			return // cut off
		}
		d.entries[id] = digest
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
	digest, ok := d.entries[id]
	if ok {
		d.seen[id] = digest
	}
	return digest, ok
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
		d.seen[a] = digest
	}
}

// unchanged reports whether what was used is what was read.
func (d *Digests) unchanged() bool {
	if len(d.seen) != len(d.entries) {
		return false
	}
	for id, digest := range d.seen {
		if d.entries[id] != digest {
			return false
		}
	}
	return true
}

// Save keeps what was used in this run.
func (d *Digests) Save() {
	if d == nil {
		return
	}
	d.loading.Wait()
	if len(d.seen) == 0 {
		return
	}
	if d.unchanged() {
		return
	}
	var b bytes.Buffer
	b.WriteString(digestsFormat + "\n")
	for id, digest := range d.seen {
		fmt.Fprintln(&b, id.dev, id.ino, id.size, id.mtime, id.ctime, digest)
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
