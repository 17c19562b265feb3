//go:build !linux

package content

// readXattrs knows none: builders run on Linux.
func readXattrs(string) (map[string]string, error) { return nil, nil }
