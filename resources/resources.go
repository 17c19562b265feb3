// Package resources holds the files that go into images and the roster that
// says which: Dockerfile templates, scripts, tmux configuration and entries.
package resources

import "embed"

// FS is the tree of resources. Its paths are those of the build context that
// all recipes share: "templates/l0.Dockerfile.tmpl", "scripts/l0/…",
// "tmux/…". Modes are lost in it: a file that begins with a shebang is staged
// as 0755, any other as 0644.
//
//go:embed all:templates all:scripts all:tmux all:agents
var FS embed.FS
