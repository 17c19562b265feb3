package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// osReleasePaths are where an image says what it is, the first that is there
// counts.
var osReleasePaths = []string{"etc/os-release", "usr/lib/os-release"}

// maxOSRelease bounds what is read of such a file, in bytes, and maxLinks how
// many links lead to it.
const (
	maxOSRelease = 64 << 10
	maxLinks     = 8
)

// graphDriver is how podman and Docker say where an image's files lie.
type graphDriver struct {
	Data struct{ UpperDir, LowerDir string }
}

// OSRelease returns the text of an image's /etc/os-release, by one call of
// podman that starts nothing: the layers' files are read where they lie. An
// image without the file gives an empty text. known is false when the files are
// not to be had from here: another machine's storage, a driver without
// directories, no rights. A missing image is an error, as for Config.
func (p Podman) OSRelease(ctx context.Context, id string) (text []byte, known bool, err error) {
	doing := fmt.Sprintf("asking where the files of image %.19s lie", id)
	out, err := p.run(ctx, doing, "image", "inspect", "--format", "json", "--", strings.TrimPrefix(id, "sha256:"))
	if err != nil {
		return nil, false, err
	}
	dirs, err := layerDirs(out)
	if err != nil {
		return nil, false, badAnswer(doing, err)
	}
	text, known = readMerged(dirs)
	return text, known, nil
}

// OSRelease is as podman's: the files of an engine on this machine can be read
// by who may.
func (d Docker) OSRelease(ctx context.Context, id string) (text []byte, known bool, err error) {
	doing := fmt.Sprintf("asking where the files of image %.19s lie", id)
	out, err := d.Run(ctx, doing, nil, "image", "inspect", id)
	if err != nil {
		return nil, false, err
	}
	dirs, err := layerDirs(out)
	if err != nil {
		return nil, false, badDockerAnswer(doing, err)
	}
	text, known = readMerged(dirs)
	return text, known, nil
}

// layerDirs are the directories of an image's layers, the uppermost first; none
// when the answer names none.
func layerDirs(answer []byte) ([]string, error) {
	var images []struct{ GraphDriver graphDriver }
	if err := json.Unmarshal(answer, &images); err != nil {
		return nil, err
	}
	if len(images) != 1 || images[0].GraphDriver.Data.UpperDir == "" {
		return nil, nil
	}
	data := images[0].GraphDriver.Data
	dirs := []string{data.UpperDir}
	if data.LowerDir != "" {
		dirs = append(dirs, strings.Split(data.LowerDir, ":")...)
	}
	return dirs, nil
}

// readMerged reads os-release as an image with these layers has it. Links are
// followed inside the image alone.
func readMerged(dirs []string) (text []byte, known bool) {
	var roots []*os.Root
	defer func() {
		for _, r := range roots {
			_ = r.Close()
		}
	}()
	for _, dir := range dirs {
		r, err := os.OpenRoot(dir)
		if err != nil {
			return nil, false
		}
		roots = append(roots, r)
	}
	if len(roots) == 0 {
		return nil, false
	}
	for _, name := range osReleasePaths {
		text, err := readLinked(name, func(name string) ([]byte, string, error) { return lookMerged(roots, name) })
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, false
		default:
			return text, true
		}
	}
	return nil, true
}

// readLinked follows links until look gives a file; what look gives of a link is
// its target.
func readLinked(name string, look func(name string) (text []byte, link string, err error)) ([]byte, error) {
	for range maxLinks {
		text, link, err := look(name)
		if err != nil || link == "" {
			return text, err
		}
		if !path.IsAbs(link) {
			link = path.Join("/", path.Dir(name), link)
		}
		name = strings.TrimPrefix(path.Clean(link), "/")
	}
	return nil, fs.ErrNotExist // links in a circle lead nowhere
}

// lookMerged finds a path in the uppermost layer that has it, or hides it.
func lookMerged(roots []*os.Root, name string) (text []byte, link string, err error) {
	for _, r := range roots {
		info, err := r.Lstat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if hidden(r, name) {
				return nil, "", fs.ErrNotExist
			}
			continue
		case err != nil:
			return nil, "", err
		case info.Mode()&fs.ModeSymlink != 0:
			link, err := r.Readlink(name)
			return nil, link, err
		case !info.Mode().IsRegular(): // a device hides what lies below
			return nil, "", fs.ErrNotExist
		}
		f, err := r.Open(name)
		if err != nil {
			return nil, "", err
		}
		text, err = io.ReadAll(io.LimitReader(f, maxOSRelease))
		_ = f.Close()
		return text, "", err
	}
	return nil, "", fs.ErrNotExist
}

// hidden says whether a layer hides a path of those below it in the way that
// needs no rights: by a file beside it.
func hidden(r *os.Root, name string) bool {
	dir, base := path.Split(name)
	for _, mark := range []string{whiteout + base, opaque} {
		if _, err := r.Lstat(dir + mark); err == nil {
			return true
		}
	}
	return false
}

// What a layer says is gone: the file of that name, or all that layers below
// have in the directory.
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)
