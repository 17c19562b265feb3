package resources_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	osexec "os/exec"
	"testing"
)

// member is an entry of an archive. A link has a target; a name that ends in a
// slash is a directory.
type member struct {
	name, content, target string
	hard                  bool
	mode                  int64
}

func tarOf(t *testing.T, members ...member) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Mode: m.mode, Size: int64(len(m.content)), Typeflag: tar.TypeReg, Uid: 4711, Gid: 4711}
		if m.mode == 0 {
			h.Mode = 0o644
		}
		switch {
		case m.hard:
			h.Typeflag, h.Linkname = tar.TypeLink, m.target
		case m.target != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, m.target
		case m.name[len(m.name)-1] == '/':
			h.Typeflag, h.Mode = tar.TypeDir, 0o700
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(m.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func xzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	cmd := osexec.Command("xz", "-c")
	cmd.Stdin = bytes.NewReader(b)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("packing with xz: %v", err)
	}
	return out
}

func zipOf(t *testing.T, members ...member) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		h.SetMode(0o644)
		if m.mode&0o111 != 0 {
			h.SetMode(0o755)
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(m.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// goodTree is what the archives of these tests hold below one directory.
func goodTree() []member {
	return []member{
		{name: "package/"},
		{name: "package/bin/"},
		{name: "package/bin/tool", content: "#!/bin/sh\necho tool\n", mode: 0o4750},
		{name: "package/README", content: "read me\n", mode: 0o600},
		{name: "package/.hidden", content: "dot\n"},
		{name: "package/lib/a/deep", content: "deep\n"},
	}
}
