package llb_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/moby/buildkit/solver/pb"

	"github.com/terok-ai/terok-agent/pkg/llb"
)

func tree(m fstest.MapFS) fs.FS { return m }

func TestGeneratedContext(t *testing.T) {
	r := recipe("FROM scratch\nCOPY scripts /usr/local/bin/\n")
	made := fstest.MapFS{
		"scripts":      {Mode: fs.ModeDir | 0o750},
		"scripts/run":  {Data: []byte("#!/bin/sh\n"), Mode: 0o755, ModTime: time.Unix(1e9, 0)},
		"scripts/link": {Data: []byte("run"), Mode: fs.ModeSymlink | 0o777},
		"conf":         {Data: []byte("x"), Mode: 0o640},
	}
	r.Context = made
	img := lower(t, r)
	ops := dumped(t, img)
	want := "mkdir 0755 /|mkfile 0640 /conf (1 bytes)|mkdir 0750 /scripts|symlink run /scripts/link|mkfile 0755 /scripts/run (10 bytes)"
	if got := strings.Join(ops[0].File, "|"); got != want {
		t.Errorf("context\n got %s\nwant %s", got, want)
	}
	timed := 0
	for _, data := range img.Definition.Def {
		var op pb.Op
		if err := op.UnmarshalVT(data); err != nil {
			t.Fatal(err)
		}
		for _, a := range op.GetFile().GetActions() {
			for _, x := range []interface{ GetTimestamp() int64 }{a.GetMkfile(), a.GetMkdir(), a.GetSymlink()} {
				if at := x.GetTimestamp(); at != 0 && at != 946684800*1e9 {
					t.Errorf("%v has time %d", a, at)
				} else if at != 0 {
					timed++
				}
			}
		}
	}
	if timed != len(ops[0].File) {
		t.Errorf("%d of %d entries have the fixed time", timed, len(ops[0].File))
	}
	// The times of files are nothing to the definition.
	made["scripts/run"].ModTime = time.Unix(2e9, 0)
	if dumped(t, lower(t, r))[0].Digest != ops[0].Digest {
		t.Error("the definition depends on the time of a file")
	}
	made["scripts/run"].Mode = 0o700
	if dumped(t, lower(t, r))[0].Digest == ops[0].Digest {
		t.Error("the definition does not depend on the mode of a file")
	}
}

func TestContextWithSpecialBits(t *testing.T) {
	for name, f := range map[string]*fstest.MapFile{
		"setuid": {Mode: fs.ModeSetuid | 0o755}, "sticky": {Mode: fs.ModeDir | fs.ModeSticky | 0o777}, "pipe": {Mode: fs.ModeNamedPipe | 0o644},
	} {
		r := recipe("FROM scratch\nCOPY . /\n")
		r.Context = fstest.MapFS{"x": f}
		if _, err := llb.Lower(context.Background(), llb.Env{}, r); !errors.Is(err, llb.ErrMode) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Also without a context there is one: an empty directory.
func TestNoContext(t *testing.T) {
	ops := dumped(t, lower(t, recipe("FROM scratch\nCOPY . /x/\n")))
	if got := kinds(ops); got != "file file" || strings.Join(ops[0].File, "|") != "mkdir 0755 /" {
		t.Errorf("operations %+v", ops)
	}
}

func TestLocalContext(t *testing.T) {
	r := recipe("FROM scratch\nCOPY a /x/\n")
	r.LocalContext, r.Exclude = "project", []string{"*.log", "!keep.log"}
	img, err := llb.Lower(context.Background(), llb.Env{SessionID: "session"}, r)
	if err != nil {
		t.Fatal(err)
	}
	var op pb.Op
	if err := op.UnmarshalVT(img.Definition.Def[0]); err != nil {
		t.Fatal(err)
	}
	src := op.GetSource()
	want := map[string]string{
		pb.AttrExcludePatterns: `["*.log","!keep.log"]`, pb.AttrSharedKeyHint: "project",
		pb.AttrLocalSessionID: "session", pb.AttrLocalDiffer: pb.AttrLocalDifferNone,
	}
	if src.GetIdentifier() != "local://project" {
		t.Errorf("source %v", src)
	}
	for k, v := range want {
		if src.Attrs[k] != v {
			t.Errorf("%s is %q, want %q", k, src.Attrs[k], v)
		}
	}
}
