package buildtest

import (
	"archive/zip"
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/roster"
	"github.com/terok-ai/terok-agent/pkg/layers/sources"
)

// Vendor stands in for those who serve a built-in entry's downloads: for this
// platform it makes archives that are laid out as theirs are, with scripts that
// answer the locked version as programs, serves them under the paths of the real
// addresses and puts their digests, of the same kind, into a lock of the same
// version. The entry itself stays as it is. It returns the mirror rules that
// lead there.
func (w *World) Vendor(t testing.TB, names ...string) []sources.Mirror {
	t.Helper()
	r, err := layers.LoadRoster(w.Resources())
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string]sources.Mirror{}
	for _, name := range names {
		e, ok := r.Lookup(name)
		if !ok {
			t.Fatalf("there is no entry %s", name)
		}
		got, err := e.Resolve(layers.HostPlatform())
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range got.Artefacts {
			m := w.serveLocked(t, got, a, archive(t, got, a))
			rules[m.From] = m
		}
	}
	return slices.Collect(maps.Values(rules))
}

// ServeLocked serves a file in place of the only download of a built-in entry,
// as Vendor does.
func (w *World) ServeLocked(t testing.TB, name string, body []byte) []sources.Mirror {
	t.Helper()
	r, err := layers.LoadRoster(w.Resources())
	if err != nil {
		t.Fatal(err)
	}
	e, _ := r.Lookup(name)
	got, err := e.Resolve(layers.HostPlatform())
	if err != nil {
		t.Fatal(err)
	}
	return []sources.Mirror{w.serveLocked(t, got, got.Artefacts[0], body)}
}

func (w *World) serveLocked(t testing.TB, r roster.Resolved, a roster.Artefact, body []byte) sources.Mirror {
	t.Helper()
	file := r.Entry.Lock.File
	lock := w.Read(t, file)
	u, err := url.Parse(a.Source)
	if err != nil {
		t.Fatal(err)
	}
	algorithm, old, _ := strings.Cut(a.Digest, ":")
	if !strings.Contains(lock, old) {
		t.Fatalf("%s does not hold %s in hexadecimal digits", file, old)
	}
	w.Registry.PutFile("/"+u.Host+u.Path, body)
	w.Write(t, file, strings.Replace(lock, old, hexDigest(algorithm, body), 1))
	return sources.Mirror{From: u.Scheme + "://" + u.Host + "/", To: w.Registry.URL + "/" + u.Host + "/"}
}

// Sha256 is a digest in hexadecimal digits.
func Sha256(body []byte) string { return hexDigest("sha256", body) }

func hexDigest(algorithm string, body []byte) string {
	if algorithm == "sha512" {
		sum := sha512.Sum512(body)
		return hex.EncodeToString(sum[:])
	}
	h := graph.NewContentHash()
	_, _ = h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// archive packs what an entry keeps of a download, and something that it does
// not keep.
func archive(t testing.TB, r roster.Resolved, a roster.Artefact) []byte {
	t.Helper()
	core, _, _ := strings.Cut(r.Version, "+")
	program := fmt.Sprintf("#!/bin/sh\necho '%s version %s'\n", r.Entry.Name, core)
	if a.Format == "bare" {
		return []byte(program)
	}
	top := strings.Repeat("top/", a.Strip)
	files := map[string]string{top + "UNWANTED": "x"}
	for _, c := range r.Commands {
		if inside, ok := strings.CutPrefix(c.Target, r.Prefix+"/"); ok {
			files[top+inside] = program
		}
	}
	for _, keep := range a.Keep {
		held := false
		for name := range files {
			held = held || name == top+keep || strings.HasPrefix(name, top+keep+"/")
		}
		if !held {
			files[path.Join(top, keep, "")] = "kept\n"
		}
	}
	switch a.Format {
	case "tar.gz":
		return Tarball(files)
	case "zip":
		return zipball(t, files)
	}
	t.Fatalf("%s: no archive of format %s here", r.Entry.Name, a.Format)
	return nil
}

func zipball(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(0o755)
		f, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = f.Write([]byte(files[name]))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
