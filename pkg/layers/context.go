package layers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sort"
	"strings"
	"time"
)

// Context is a generated build context: files held in memory with the modes a
// builder must see, whatever the umask of the host. It is an fs.FS.
type Context struct {
	files map[string]contextFile
	dirs  map[string][]string // directory -> sorted names in it
}

type contextFile struct {
	data []byte
	mode fs.FileMode
}

// fixedTime is the time of every generated file, so that nothing depends on
// when it was made.
var fixedTime = time.Unix(0, 0).UTC()

// newContext takes files by slash-separated path; modes follow from content: a
// file that starts with a shebang can be run.
func newContext(files map[string][]byte) *Context {
	c := &Context{files: map[string]contextFile{}, dirs: map[string][]string{".": nil}}
	for name, data := range files {
		c.files[name] = contextFile{data: data, mode: modeOf(data)}
	}
	seen := map[string]bool{".": true}
	add := func(dir, base string) { c.dirs[dir] = append(c.dirs[dir], base) }
	for name := range c.files {
		for p := name; ; {
			dir, base := path.Split(p)
			dir = path.Clean(dir)
			if p == name || !seen[p] {
				add(dir, base)
			}
			if p != name {
				seen[p] = true
			}
			if dir == "." || seen[dir] {
				break
			}
			p = dir
		}
	}
	for d := range c.dirs {
		sort.Strings(c.dirs[d])
	}
	return c
}

// modeOf is 0755 for a file with a shebang and 0644 for any other.
func modeOf(data []byte) fs.FileMode {
	if bytes.HasPrefix(data, []byte("#!")) {
		return 0o755
	}
	return 0o644
}

// Open implements fs.FS.
func (c *Context) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if f, ok := c.files[name]; ok {
		return &openFile{contextInfo: contextInfo{path.Base(name), f}, Reader: bytes.NewReader(f.data)}, nil
	}
	if names, ok := c.dirs[name]; ok {
		return &openDir{contextInfo: contextInfo{path.Base(name), contextFile{mode: fs.ModeDir | 0o755}}, c: c, name: name, names: names}, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

type contextInfo struct {
	name string
	file contextFile
}

func (i contextInfo) Name() string       { return i.name }
func (i contextInfo) Size() int64        { return int64(len(i.file.data)) }
func (i contextInfo) Mode() fs.FileMode  { return i.file.mode }
func (i contextInfo) ModTime() time.Time { return fixedTime }
func (i contextInfo) IsDir() bool        { return i.file.mode.IsDir() }
func (i contextInfo) Sys() any           { return nil }

type openFile struct {
	contextInfo
	*bytes.Reader
}

// Size comes from both embedded types; they agree.
func (f *openFile) Size() int64                { return f.contextInfo.Size() }
func (f *openFile) Stat() (fs.FileInfo, error) { return f.contextInfo, nil }
func (f *openFile) Close() error               { return nil }

type openDir struct {
	contextInfo
	c     *Context
	name  string
	names []string
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.contextInfo, nil }
func (d *openDir) Close() error               { return nil }
func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: fs.ErrInvalid}
}

func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(d.names)
	} else if len(d.names) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.names))
	out := make([]fs.DirEntry, n)
	for i, base := range d.names[:n] {
		file, ok := d.c.files[path.Join(d.name, base)]
		if !ok {
			file = contextFile{mode: fs.ModeDir | 0o755}
		}
		out[i] = fs.FileInfoToDirEntry(contextInfo{base, file})
	}
	d.names = d.names[n:]
	return out, nil
}

// readTree reads every file below a directory of the resources.
func readTree(fsys fs.FS, dir string, into map[string][]byte) error {
	err := fs.WalkDir(fsys, dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if skipStaged(d.Name()) {
			return nil
		}
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		into[name] = data
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading resources in %q: %w", dir, err)
	}
	return nil
}

// skipStaged drops what editors and packaging leave behind.
func skipStaged(base string) bool {
	return strings.HasSuffix(base, "~") || strings.HasSuffix(base, ".swp") || base == "__pycache__" || base == ".DS_Store"
}
