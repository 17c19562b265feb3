package podmantest

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ErrNoBusybox means that no statically linked busybox is installed.
var ErrNoBusybox = errors.New("no static busybox: install the package busybox-static")

// busyboxPath finds the busybox that the test images are made of.
func busyboxPath() (string, error) {
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

// epoch is the time of everything in the image, so that its ID is always the
// same: podman takes an import's "created" from the archive's time.
var epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func writeBusyboxTar(path string) error {
	busybox, err := busyboxPath()
	if err != nil {
		return err
	}
	list, err := osexec.Command(busybox, "--list").Output()
	if err != nil {
		return fmt.Errorf("listing busybox's commands: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := fillTar(tar.NewWriter(f), busybox, strings.Fields(string(list))); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Chtimes(path, epoch, epoch)
}

func fillTar(w *tar.Writer, busybox string, commands []string) error {
	for _, d := range []struct {
		name string
		mode int64
	}{{"bin/", 0o755}, {"etc/", 0o755}, {"root/", 0o700}, {"tmp/", 0o1777}, {"usr/", 0o755}, {"usr/bin/", 0o755}} {
		h := &tar.Header{Typeflag: tar.TypeDir, Name: d.name, Mode: d.mode, ModTime: epoch}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
	}
	if err := addBusybox(w, busybox); err != nil {
		return err
	}
	for _, c := range commands {
		if c == "busybox" {
			continue
		}
		h := &tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + c, Linkname: "busybox", Mode: 0o777, ModTime: epoch}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\ndev:x:1000:1000:dev:/tmp:/bin/sh\n",
	} {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(text)), ModTime: epoch}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return w.Close()
}

func addBusybox(w *tar.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: "bin/busybox", Mode: 0o755, Size: info.Size(), ModTime: epoch}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}
