package podmantest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/testneeds"
)

// User is an ordinary user of this machine. Its podman, which is rootless, has a
// storage where podman puts one by default, in the directories of Env.Vars.
type User struct {
	Env
	UID, GID int
	// As begins a command line that is to run as the user; it is empty when the
	// tests run as this user.
	As []string
}

// The guard of a user, a shell that is called with the user's name and the
// directory, removes both when its input ends: also after a test program that
// was killed.
const (
	// removeUser is for root: with the user goes what runs as the user and, in
	// containers, as one of the subordinate IDs.
	removeUser = `read -r _
if uid=$(id -u "$1" 2> /dev/null); then
    range=$(awk -F: -v name="$1" '$1 == name {print $2 ":" $3; exit}' /etc/subuid)
    for _ in $(seq 50); do
        running=$(awk -v uid="$uid" -v range="${range:-0:0}" '
            BEGIN {split(range, sub_, ":")}
            $1 == "State:" {state = $2}
            $1 == "Uid:" && state != "Z" && ($2 == uid || ($2 >= sub_[1] && $2 < sub_[1] + sub_[2])) {split(FILENAME, path, "/"); print path[3]}
        ' /proc/[0-9]*/status 2> /dev/null)
        [ -n "$running" ] || break
        kill -KILL $running 2> /dev/null
        sleep 0.1
    done
    userdel --force "$1"
    rm -f "/dev/shm/libpod_rootless_lock_$uid" # podman's
fi
rm -rf "$2"
! id -u "$1" > /dev/null 2>&1 && ! [ -e "$2" ]`
	// emptyStorage is for the user: files of subordinate IDs, and the process that
	// keeps the user namespace.
	emptyStorage = `read -r _
podman rm --force --all --time 0 > /dev/null
podman unshare rm -rf "$2/data" "$2/work" "$2/tmp"
pause=$(cat "$XDG_RUNTIME_DIR/libpod/tmp/pause.pid" 2> /dev/null) && kill "$pause"
rm -rf "$2"
! [ -e "$2" ]`
)

// OrdinaryUser returns the user that runs the tests, or, for root, a new one that
// is removed with everything of it when the test ends. A test that cannot have
// one is skipped, or fails when TEROK_REQUIRE_ENGINE is set.
func OrdinaryUser(t testing.TB) User {
	t.Helper()
	Require(t)
	testneeds.Programs(t, "newuidmap", "newgidmap")
	dir, err := MakeDir("terok-test-user-")
	if err != nil {
		t.Fatal(err)
	}
	u := User{UID: os.Getuid(), GID: os.Getgid(), Env: Env{Cmd: []string{"podman"}, Dir: dir, Vars: []string{
		"HOME=" + filepath.Join(dir, "home"), "TMPDIR=" + filepath.Join(dir, "tmp"),
		"XDG_RUNTIME_DIR=" + filepath.Join(dir, "run"), "XDG_CONFIG_HOME=" + filepath.Join(dir, "config"),
		"XDG_DATA_HOME=" + filepath.Join(dir, "data"), "XDG_STATE_HOME=" + filepath.Join(dir, "state"),
		"XDG_CACHE_HOME=" + filepath.Join(dir, "cache"),
		"PODMAN_IGNORE_CGROUPSV1_WARNING=1",
	}}}
	if u.UID == 0 {
		u.guard(t, removeUser)
		u.create(t)
	} else {
		u.guard(t, emptyStorage)
	}
	u.writeConfig(t, "containers.conf", containersConf())
	u.writeConfig(t, "storage.conf", fmt.Sprintf("[storage]\ndriver = %q\n", u.driver()))
	_, err = u.run("info")
	testneeds.NoError(t, err)
	return u
}

// driver is the one that .ci/setup chooses: without a usable /dev/fuse podman
// itself would take vfs, and the first one that it takes is there to stay.
func (u *User) driver() string {
	try := filepath.Join(u.Dir, "tmp", "try")
	if _, err := u.run("--root", filepath.Join(try, "root"), "--runroot", filepath.Join(try, "run"), "--storage-driver", "overlay", "info"); err != nil {
		return "vfs"
	}
	return "overlay"
}

// name is the new user's, as nobody else is called: the directory's.
func (u *User) name() string { return filepath.Base(u.Dir) }

// create makes the user. Its number is far from 1000, the one in the images.
func (u *User) create(t testing.TB) {
	t.Helper()
	testneeds.Programs(t, "useradd", "userdel", "setpriv")
	add := osexec.Command("useradd", "--home-dir", filepath.Join(u.Dir, "home"), "--no-create-home", "--user-group",
		"--shell", "/bin/sh", "--key", "UID_MIN=20000", u.name())
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("making an ordinary user: %v\n%s", err, out)
	}
	made, err := user.Lookup(u.name())
	if err == nil {
		u.UID, err = strconv.Atoi(made.Uid)
	}
	if err == nil {
		u.GID, err = strconv.Atoi(made.Gid)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"/etc/subuid", "/etc/subgid"} {
		if text, err := os.ReadFile(file); err != nil || !strings.Contains("\n"+string(text), "\n"+u.name()+":") {
			testneeds.NoError(t, fmt.Errorf("useradd gave the new user no range in %q: %w", file, errors.Join(err, os.ErrNotExist)))
		}
	}
	u.As = []string{"setpriv", fmt.Sprintf("--reuid=%d", u.UID), fmt.Sprintf("--regid=%d", u.GID), "--clear-groups", "--"}
	// The user may not be allowed to be where the tests are.
	u.Cmd = append(append([]string(nil), u.As...), "env", "--chdir="+u.Dir, "podman")
	u.Own(t, u.Dir)
}

// guard makes the user's directories and has them removed at the end.
func (u *User) guard(t testing.TB, script string) {
	t.Helper()
	var said bytes.Buffer
	guard := osexec.Command("/bin/sh", "-c", script, "sh", u.name(), u.Dir)
	guard.Env = append(os.Environ(), u.Vars...)
	guard.Stderr = &said
	guard.Dir = "/"
	// An interrupt is for the test program; this one acts when that has ended.
	guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := guard.StdinPipe()
	if err == nil {
		err = guard.Start()
	}
	if err != nil {
		_ = os.RemoveAll(u.Dir)
		t.Fatalf("starting what removes a test's user: %v", err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := guard.Wait(); err != nil {
			t.Errorf("removing the test's user %s and %q: %v\n%s", u.name(), u.Dir, err, &said)
		}
	})
	for _, sub := range []string{"home", "tmp", "run", "config", "data", "state", "cache", "work"} {
		if err := os.Mkdir(filepath.Join(u.Dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

func (u *User) writeConfig(t testing.TB, name, text string) {
	t.Helper()
	dir := filepath.Join(u.Dir, "config", "containers")
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	u.Own(t, dir)
}

// Own gives the user a directory and all that is in it.
func (u *User) Own(t testing.TB, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, u.UID, u.GID)
	})
	if err != nil {
		t.Fatal(err)
	}
}
