package layers_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	_ "time/tzdata" // the zones below exist, whatever this machine has

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/testfile"
	"github.com/terok-ai/terok-agent/resources"
)

// checkoutVariable makes the test program draw the checkout it names and print
// the keys; umaskVariable sets its umask, in octal.
const (
	checkoutVariable = "TEROK_TEST_CHECKOUT"
	umaskVariable    = "TEROK_TEST_UMASK"
)

func TestMain(m *testing.M) {
	dir := os.Getenv(checkoutVariable)
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := printKeys(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// checkout is a project on one machine: resources of its own and a layer that
// reads a context.
type checkout struct {
	dir string
	// umask is that of whoever checked the resources out, and zone, user and
	// draws are that of who plans: a time zone, a user's number and an umask.
	umask os.FileMode
	zone  string
	user  uint32
	draws string
	// backwards makes the files in the opposite order.
	backwards bool
	// age is how long ago the files were changed.
	age time.Duration
	// edit changes what is there.
	edit func(t *testing.T, dir string)
}

// shop are the files of the user's layer.
var shop = map[string]string{
	"shop/shop.Dockerfile":               "FROM golang:1 AS made\nCOPY src /src\nRUN make\nFROM l1\nCOPY --from=made /src /src\nCOPY . /all\n",
	"shop/shop.Dockerfile.dockerignore":  "**/*.log\n",
	"shop/src/a":                         "a",
	"shop/src/b":                         "b",
	"shop/src/deep/er/c":                 "c",
	"shop/src/x.log":                     "left out",
	"shop/umlauts äöü and spaces/a file": "d",
}

// make writes a checkout below dir.
func (c checkout) make(t *testing.T) {
	t.Helper()
	files := map[string]os.FileMode{}
	err := fs.WalkDir(resources.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		mode := os.FileMode(0o777) &^ c.umask
		if text, _ := fs.ReadFile(resources.FS, path); !bytes.HasPrefix(text, []byte("#!")) {
			mode &^= 0o111
		}
		files[path] = mode
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range files {
		names = append(names, name)
	}
	for name := range shop {
		names = append(names, name)
	}
	slices.Sort(names)
	if c.backwards {
		slices.Reverse(names)
	}
	when := time.Now().Add(-c.age)
	for _, name := range names {
		path, text := filepath.Join(c.dir, "resources", name), ""
		mode, ours := files[name]
		if ours {
			b, err := fs.ReadFile(resources.FS, name)
			if err != nil {
				t.Fatal(err)
			}
			text = string(b)
		} else {
			path, text, mode = filepath.Join(c.dir, name), shop[name], 0o644
		}
		testfile.Write(t, path, text)
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	if c.edit != nil {
		c.edit(t, c.dir)
	}
}

// printKeys draws a checkout and prints each node with its keys.
func printKeys(dir string) error {
	if text := os.Getenv(umaskVariable); text != "" {
		var mask int
		if _, err := fmt.Sscanf(text, "%o", &mask); err != nil {
			return err
		}
		syscall.Umask(mask)
	}
	agents := "all"
	s, err := layers.NewSketch(layers.Spec{
		Base: "debian:12", Agents: &agents, Sidecars: []string{"ast-grep"}, Platform: "linux/amd64", Images: []string{"golang:1"},
		Layers: []layers.UserLayer{{
			Name: "shop", Dockerfile: filepath.Join(dir, "shop/shop.Dockerfile"), Context: filepath.Join(dir, "shop"), Tags: []string{"shop:1"},
		}},
	}, os.DirFS(filepath.Join(dir, "resources")))
	if err != nil {
		return err
	}
	found := map[graph.ID]layers.External{}
	for _, b := range s.Bases() {
		found[b.ID] = layers.External{Digest: graph.DigestOf(string(b.ID)), Env: []string{}}
	}
	g, err := s.Graph(found)
	if err != nil {
		return err
	}
	for _, n := range g.Nodes() {
		k := g.Keys(n.ID)
		fmt.Println(n.ID, k.Image, k.Files, k.Config)
	}
	return nil
}

// keys draws a checkout in a process of its own.
func (c checkout) keys(t *testing.T) string {
	t.Helper()
	c.make(t)
	cmd := osexec.Command(program(t))
	cmd.Dir = c.dir
	cmd.Env = []string{checkoutVariable + "=" + c.dir, umaskVariable + "=" + c.draws, "TZ=" + c.zone}
	if c.user != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.user, Gid: c.user}}
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("drawing: %v\n%s", err, stderr.String())
	}
	return string(out)
}

// program is a copy of the test program that every user may run.
func program(t *testing.T) string {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = self.Close() }()
	path := filepath.Join(open(t), "program")
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, self); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// open is a directory for the test that every user may enter.
func open(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The same inputs have the same keys, wherever, whenever and by whom they are
// drawn.
func TestSameKeysElsewhere(t *testing.T) {
	want := checkout{dir: filepath.Join(open(t), "a"), umask: 0o022, zone: "UTC"}.keys(t)
	if n := strings.Count(want, "\n"); n < 20 {
		t.Fatalf("only %d nodes:\n%s", n, want)
	}
	variants := map[string]checkout{
		"another path":                    {dir: "some/where else/längst", umask: 0o022, zone: "UTC"},
		"another time zone":               {dir: "a", umask: 0o022, zone: "Pacific/Kiritimati"},
		"older files":                     {dir: "a", umask: 0o022, zone: "America/St_Johns", age: 2000 * time.Hour},
		"files in another order":          {dir: "a", umask: 0o022, zone: "UTC", backwards: true},
		"checked out with another umask":  {dir: "a", umask: 0o027, zone: "UTC"},
		"checked out with an odd umask":   {dir: "a", umask: 0o077, zone: "UTC"},
		"planned with another umask":      {dir: "a", umask: 0o022, zone: "UTC", draws: "077"},
		"planned with no umask":           {dir: "a", umask: 0o022, zone: "UTC", draws: "000"},
		"what is ignored differs":         {dir: "a", umask: 0o022, zone: "UTC", edit: shopFile("src/x.log", "other")},
		"everything but the files' bytes": {dir: "b/c", umask: 0o002, zone: "Asia/Tokyo", draws: "002", backwards: true, age: time.Hour},
	}
	if os.Getuid() == 0 {
		variants["not root"] = checkout{dir: "a", umask: 0o022, zone: "UTC", user: 1000}
		variants["files of somebody else"] = checkout{dir: "a", umask: 0o022, zone: "UTC", edit: give}
	}
	for name, c := range variants {
		t.Run(name, func(t *testing.T) {
			c.dir = filepath.Join(open(t), c.dir)
			if got := c.keys(t); got != want {
				t.Errorf("the keys differ from\n%s", firstDifference(want, got))
			}
		})
	}
	// What counts is seen by the same way of looking.
	for name, edit := range map[string]func(*testing.T, string){
		"another byte": shopFile("src/a", "A"),
		"another mode": func(t *testing.T, dir string) {
			if err := os.Chmod(filepath.Join(dir, "shop/src/a"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := checkout{dir: filepath.Join(open(t), "a"), umask: 0o022, zone: "UTC", edit: edit}.keys(t)
			if d := firstDifference(want, got); !strings.HasPrefix(d, "shop") {
				t.Errorf("the first difference is %q, want one of shop", d)
			}
		})
	}
}

func shopFile(name, text string) func(*testing.T, string) {
	return func(t *testing.T, dir string) { testfile.Write(t, filepath.Join(dir, "shop", name), text) }
}

// give gives all files to another user.
func give(t *testing.T, dir string) {
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			err = os.Lchown(path, 1000, 1000)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// firstDifference is the first line of two texts that is not the same.
func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return x[i] + "\n" + y[i]
		}
	}
	if len(x) != len(y) {
		return fmt.Sprintf("%d nodes, and %d", len(x), len(y))
	}
	return ""
}
