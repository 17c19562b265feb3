//go:build !linux

package content

import "io/fs"

// identify knows no file again: files are read each time.
func identify(fs.FileInfo) (identity, bool) { return identity{}, false }
