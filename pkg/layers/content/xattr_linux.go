package content

import (
	"errors"
	"strings"
	"syscall"
)

// readXattrs reads the extended attributes of a file or a directory that
// builders copy. A file system without them has none.
func readXattrs(path string) (map[string]string, error) {
	list, err := xattr(func(buf []byte) (int, error) { return syscall.Listxattr(path, buf) })
	if err != nil || len(list) == 0 {
		return nil, err
	}
	out := map[string]string{}
	for _, name := range strings.Split(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		if !copied(name) {
			continue
		}
		val, err := xattr(func(buf []byte) (int, error) { return syscall.Getxattr(path, name, buf) })
		if err != nil {
			return nil, err
		}
		out[name] = string(val)
	}
	return out, nil
}

// xattr calls a system call that fills a buffer and tells without one how large
// it must be.
func xattr(call func([]byte) (int, error)) ([]byte, error) {
	for {
		size, err := call(nil)
		switch {
		case errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENODATA), err == nil && size == 0:
			return nil, nil
		case err != nil:
			return nil, err
		}
		buf := make([]byte, size)
		n, err := call(buf)
		if errors.Is(err, syscall.ERANGE) {
			continue // it grew meanwhile
		}
		return buf[:max(0, n)], err
	}
}
