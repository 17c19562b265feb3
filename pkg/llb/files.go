package llb

import (
	"fmt"
	"io/fs"
	"path"
	"time"

	bkllb "github.com/moby/buildkit/client/llb"
)

// contextTime is the time of everything in a generated context. No key has it;
// that every executor uses the same gives equal trees.
var contextTime = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// contextState is the recipe's build context.
func contextState(env Env, r Recipe) (bkllb.State, error) {
	if r.LocalContext == "" {
		return generated(r.Name, r.Context)
	}
	if r.Context != nil {
		return bkllb.State{}, &Error{File: r.File, Message: "the recipe has two build contexts"}
	}
	opts := []bkllb.LocalOption{
		bkllb.ExcludePatterns(r.Exclude), bkllb.SharedKeyHint(r.LocalContext),
		bkllb.WithCustomName("[internal] load build context"),
		// A daemon that compares with what it got last time overlooks a
		// directory of which only the mode changed.
		bkllb.Differ(bkllb.DiffNone, false),
	}
	if env.SessionID != "" {
		opts = append(opts, bkllb.SessionID(env.SessionID))
	}
	return bkllb.Local(r.LocalContext, opts...), nil
}

// generated makes operations of a tree; nil is an empty one.
func generated(name string, tree fs.FS) (bkllb.State, error) {
	// The root is made explicitly: a state of nothing is no input at all.
	action := bkllb.Mkdir("/", 0o755, bkllb.WithParents(true), bkllb.WithCreatedTime(contextTime))
	if tree != nil {
		err := fs.WalkDir(tree, ".", func(p string, e fs.DirEntry, err error) error {
			if err == nil && p != "." {
				action, err = addEntry(action, tree, p, e)
			}
			return err
		})
		if err != nil {
			return bkllb.State{}, fmt.Errorf("reading the build context of %q: %w", name, err)
		}
	}
	return bkllb.Scratch().File(action, bkllb.WithCustomName("[internal] generate build context")), nil
}

// addEntry appends the operation that makes one entry.
func addEntry(a *bkllb.FileAction, tree fs.FS, p string, e fs.DirEntry) (*bkllb.FileAction, error) {
	info, err := e.Info()
	if err != nil {
		return nil, err
	}
	mode, to := info.Mode(), path.Join("/", p)
	if mode&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky) != 0 {
		return nil, fmt.Errorf("%q with mode %v: %w", p, mode, ErrMode)
	}
	switch mode.Type() {
	case fs.ModeDir:
		return a.Mkdir(to, mode.Perm(), bkllb.WithCreatedTime(contextTime)), nil
	case fs.ModeSymlink:
		target, err := fs.ReadLink(tree, p)
		if err != nil {
			return nil, err
		}
		return a.Symlink(target, to, bkllb.WithCreatedTime(contextTime)), nil
	case 0:
		data, err := fs.ReadFile(tree, p)
		if err != nil {
			return nil, err
		}
		return a.Mkfile(to, mode.Perm(), data, bkllb.WithCreatedTime(contextTime)), nil
	}
	return nil, fmt.Errorf("%q with mode %v: %w", p, mode, ErrMode)
}
