package podmantest

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// ErrNoBusybox means that no statically linked busybox is installed.
var ErrNoBusybox = errors.New("no static busybox: install the package busybox-static")

// Busybox finds the busybox that the test images are made of.
func Busybox() (path string, err error) {
	for _, p := range []string{"/bin/busybox", "/usr/bin/busybox", "/bin/busybox.static"} {
		if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() {
			return p, nil
		}
	}
	return "", ErrNoBusybox
}

// ImportBusybox imports a small image of busybox and its links under name (a
// full name, such as "docker.io/library/busybox:1") and returns its ID,
// "sha256:…". Further changes ("ENV A=1") are made to its config. The same
// name and changes give the same ID every time.
func ImportBusybox(t testing.TB, e Env, name string, changes ...string) string {
	t.Helper()
	id, err := e.ImportBusybox(name, changes...)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// ImportBusybox is the function of the same name, for use outside a test.
func (e Env) ImportBusybox(name string, changes ...string) (string, error) {
	archive := filepath.Join(e.Dir, "busybox.tar")
	if _, err := os.Stat(archive); errors.Is(err, os.ErrNotExist) {
		if err := writeBusyboxTar(archive); err != nil {
			return "", fmt.Errorf("making the busybox image: %w", err)
		}
	}
	args := []string{"import", "-q"}
	for _, c := range changes {
		args = append(args, "--change", c)
	}
	out, err := e.run(append(args, archive, name)...)
	if err != nil {
		return "", err
	}
	lines := strings.Fields(out)
	if len(lines) == 0 {
		return "", fmt.Errorf("importing %q: podman printed no image ID", name)
	}
	return "sha256:" + strings.TrimPrefix(lines[len(lines)-1], "sha256:"), nil
}

// Epoch is the time of everything in the image, so that its ID is always the
// same: podman takes an import's "created" from the archive's time.
var Epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func writeBusyboxTar(path string) error {
	text, err := BusyboxTar()
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	return os.Chtimes(path, Epoch, Epoch)
}

// BusyboxTar is the image's file tree: busybox and its links, and a user "dev"
// beside root.
func BusyboxTar() ([]byte, error) { return busyboxTar() }

var busyboxTar = sync.OnceValues(func() ([]byte, error) {
	path, err := Busybox()
	if err != nil {
		return nil, err
	}
	list, err := osexec.Command(path, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("listing busybox's commands: %w", err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries(strings.Fields(string(list)), program) {
		if err := w.WriteHeader(&e.Header); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.content); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), w.Close()
})

type entry struct {
	tar.Header
	content []byte
}

func entries(commands []string, program []byte) []entry {
	var all []entry
	for _, d := range []struct {
		name string
		mode int64
	}{{"bin/", 0o755}, {"etc/", 0o755}, {"root/", 0o700}, {"tmp/", 0o1777}, {"usr/", 0o755}, {"usr/bin/", 0o755}} {
		all = append(all, entry{Header: tar.Header{Typeflag: tar.TypeDir, Name: d.name, Mode: d.mode, ModTime: Epoch}})
	}
	all = append(all, file("bin/busybox", 0o755, program))
	for _, c := range commands {
		if c != "busybox" {
			all = append(all, entry{Header: tar.Header{
				Typeflag: tar.TypeSymlink, Name: "bin/" + c, Linkname: "busybox", Mode: 0o777, ModTime: Epoch,
			}})
		}
	}
	return append(all, file("etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/bin/sh\ndev:x:1000:1000:dev:/tmp:/bin/sh\n")))
}

func file(name string, mode int64, content []byte) entry {
	h := tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content)), ModTime: Epoch}
	return entry{Header: h, content: content}
}
