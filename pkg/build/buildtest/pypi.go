package buildtest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers"
	"github.com/terok-ai/terok-agent/pkg/layers/sources"
)

// App is what the stand-in for an entry's own Python package holds.
type App struct {
	// Module has the commands, which answer their name and the version.
	Module   string
	Commands []string
	// Files are more, by path.
	Files map[string]string
}

// Index stands in for the index of Python packages: it serves a stand-in of the
// same name and version for every package that the requirements of these
// entries pin, in the simple form and in which they are published (a wheel for
// all, wheels for each processor, the source archive), and puts the digests into
// the requirements. The entries themselves stay as they are. It returns the
// mirror rules that lead there.
func (w *World) Index(t testing.TB, apps map[string]App) []sources.Mirror {
	t.Helper()
	r, err := layers.LoadRoster(w.Resources())
	if err != nil {
		t.Fatal(err)
	}
	x := &index{files: map[string]map[string][]byte{}}
	for _, name := range slices.Sorted(maps.Keys(apps)) {
		e, ok := r.Lookup(name)
		if !ok || len(e.Install) != 1 || e.Install[0].Pypi == nil {
			t.Fatalf("%s is no entry with a Python package", name)
		}
		step, base := e.Install[0].Pypi, strings.TrimSuffix(e.File, ".yaml")
		if step.Sdist {
			w.repin(t, base+".build.requirements.txt", x.buildRequirement(t, w.Read(t, base+".build.requirements.txt")))
		}
		lock := w.Read(t, base+".requirements.txt")
		w.repin(t, base+".requirements.txt", func(p pin) [][]byte {
			switch {
			case p.name != step.Package:
				return x.library(t, p)
			case step.Sdist:
				return [][]byte{x.put(p, p.stem()+".tar.gz", sourceArchive(p, apps[name], needs(lock, p.name)))}
			}
			files, points := apps[name].files(p)
			return [][]byte{x.put(p, p.stem()+"-py3-none-any.whl", wheel(t, p, "py3-none-any", files, points, needs(lock, p.name)))}
		})
	}
	for name, files := range x.files {
		page := "<!DOCTYPE html><html><body>\n"
		for _, file := range slices.Sorted(maps.Keys(files)) {
			page += fmt.Sprintf("<a href=\"../../files/%s\">%s</a>\n", file, file)
			w.Registry.PutFile("/files/"+file, files[file])
		}
		w.Registry.PutFile("/simple/"+name+"/", []byte(page+"</body></html>\n"))
	}
	return []sources.Mirror{{From: "pypi", To: w.Registry.URL + "/simple/"}}
}

// pin is a package of a file of requirements.
type pin struct {
	name, version, marker string
	hashes                int
}

// stem is how the names of its files begin.
func (p pin) stem() string { return strings.ReplaceAll(p.name, "-", "_") + "-" + p.version }

func (p pin) module() string { return strings.ReplaceAll(p.name, "-", "_") }

var (
	pinned = regexp.MustCompile(`(?m)^([a-z0-9-]+)==([0-9a-z.]+)( ; [^\\\n]*)?((?:\s*\\\n +--hash=sha256:[0-9a-f]{64})+)$`)
	digits = regexp.MustCompile(`[0-9a-f]{64}`)
	starts = regexp.MustCompile(`(?m)^[^\s#]`)
)

func pins(text string) []pin {
	var out []pin
	for _, m := range pinned.FindAllStringSubmatch(text, -1) {
		out = append(out, pin{name: m[1], version: m[2], marker: m[3], hashes: strings.Count(m[4], "--hash")})
	}
	return out
}

// needs are what a package that a file of requirements was made for depends on.
func needs(text, name string) []string {
	var out []string
	for _, p := range pins(text) {
		if p.name != name {
			out = append(out, p.name+"=="+p.version+p.marker)
		}
	}
	return out
}

// repin puts, for every package, the digests of the files that serve returns into
// a file of requirements, in place of as many that stand there.
func (w *World) repin(t testing.TB, file string, serve func(pin) [][]byte) {
	t.Helper()
	text := w.Read(t, file)
	all := pins(text)
	if len(all) != len(starts.FindAllString(text, -1)) {
		t.Fatalf("%s is not all pins", file)
	}
	w.Write(t, file, pinned.ReplaceAllStringFunc(text, func(lines string) string {
		files := serve(all[0])
		all = all[1:]
		return digits.ReplaceAllStringFunc(lines, func(old string) string {
			if len(files) == 0 {
				return old
			}
			sum := Sha256(files[0])
			files = files[1:]
			return sum
		})
	}))
}

// index is the files that are served, by package and name.
type index struct {
	files map[string]map[string][]byte
}

func (x *index) put(p pin, file string, body []byte) []byte {
	if x.files[p.name] == nil {
		x.files[p.name] = map[string][]byte{}
	}
	if have, ok := x.files[p.name][file]; ok {
		return have
	}
	x.files[p.name][file] = body
	return body
}

// library serves a package with one module: what has more than one digest has
// wheels for each processor, the other processor's first.
func (x *index) library(t testing.TB, p pin) [][]byte {
	t.Helper()
	tags := []string{"py3-none-any"}
	if p.hashes > 1 {
		tags = []string{"py3-none-manylinux_2_17_aarch64", "py3-none-manylinux_2_17_x86_64"}
		if runtime.GOARCH == "arm64" {
			slices.Reverse(tags)
		}
	}
	var out [][]byte
	for _, tag := range tags {
		files := map[string]string{p.module() + ".py": fmt.Sprintf("VERSION = %q\n", p.version)}
		out = append(out, x.put(p, p.stem()+"-"+tag+".whl", wheel(t, p, tag, files, "", nil)))
	}
	return out
}

// buildRequirement serves what makes a wheel of a source archive: hatchling,
// which needs all the others.
func (x *index) buildRequirement(t testing.TB, lock string) func(pin) [][]byte {
	return func(p pin) [][]byte {
		if p.name != "hatchling" {
			return x.library(t, p)
		}
		files := map[string]string{"hatchling/__init__.py": "", "hatchling/build.py": backend}
		return [][]byte{x.put(p, p.stem()+"-py3-none-any.whl", wheel(t, p, "py3-none-any", files, "", needs(lock, p.name)))}
	}
}

// backend packs what is below src, if all that it needs is there.
const backend = `import importlib.metadata, os, zipfile
def build_wheel(directory, settings=None, metadata=None):
    for need in importlib.metadata.requires("hatchling"):
        name, version = need.split("==")
        if importlib.metadata.version(name) != version:
            raise SystemExit("hatchling needs " + need)
    fields = dict(l.split(": ", 1) for l in open("PKG-INFO").read().splitlines() if not l.startswith("Requires-Dist"))
    stem = fields["Name"].replace("-", "_") + "-" + fields["Version"]
    info, record = stem + ".dist-info/", ""
    with zipfile.ZipFile(os.path.join(directory, stem + "-py3-none-any.whl"), "w") as z:
        def add(name, text):
            nonlocal record
            z.writestr(name, text)
            record += name + ",,\n"
        for at, _, files in os.walk("src"):
            for file in files:
                file = os.path.join(at, file)
                add(os.path.relpath(file, "src"), open(file).read())
        add(info + "METADATA", open("PKG-INFO").read())
        add(info + "entry_points.txt", open("entry_points.txt").read())
        add(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: hatchling\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        z.writestr(info + "RECORD", record + info + "RECORD,,\n")
    return stem + "-py3-none-any.whl"
`

// files are what an app's wheel holds, and its commands.
func (a App) files(p pin) (files map[string]string, points string) {
	files = maps.Clone(a.Files)
	if files == nil {
		files = map[string]string{}
	}
	files[a.Module+"/__init__.py"] = fmt.Sprintf(`import importlib.metadata, os, sys
def main():
    print(os.path.basename(sys.argv[0]), importlib.metadata.version(%q))
`, p.name)
	var lines []string
	for _, c := range a.Commands {
		lines = append(lines, c+" = "+a.Module+":main")
	}
	return files, strings.Join(lines, "\n")
}

func sourceArchive(p pin, a App, needs []string) []byte {
	src, points := a.files(p)
	top := p.stem() + "/"
	files := map[string]string{
		top + "pyproject.toml":   "[build-system]\nrequires = [\"hatchling\"]\nbuild-backend = \"hatchling.build\"\n",
		top + "PKG-INFO":         metadata(p, needs),
		top + "entry_points.txt": "[console_scripts]\n" + points + "\n",
	}
	for name, text := range src {
		files[top+"src/"+name] = text
	}
	return Tarball(files)
}

// Wheel packs a Python package with one module and, if command is not "", a
// program.
func Wheel(t testing.TB, name, version, module, command string, needs ...string) []byte {
	t.Helper()
	return wheel(t, pin{name: name, version: version}, "py3-none-any", map[string]string{name + ".py": module}, command, needs)
}

func wheel(t testing.TB, p pin, tag string, files map[string]string, points string, needs []string) []byte {
	t.Helper()
	info := p.stem() + ".dist-info/"
	files = maps.Clone(files)
	files[info+"METADATA"] = metadata(p, needs)
	files[info+"WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: " + tag + "\n"
	if points != "" {
		files[info+"entry_points.txt"] = "[console_scripts]\n" + points + "\n"
	}
	record := info + "RECORD,,\n"
	for _, file := range slices.Sorted(maps.Keys(files)) {
		record += file + ",,\n"
	}
	files[info+"RECORD"] = record
	return zipball(t, files)
}

func metadata(p pin, needs []string) string {
	text := fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", p.name, p.version)
	for _, n := range needs {
		text += "Requires-Dist: " + n + "\n"
	}
	return text
}

// PythonOfBase serves, in place of the vendor's, an interpreter that is laid out
// as the vendor's and runs the one of the base; asked for its version it answers
// the locked one.
func (w *World) PythonOfBase(t testing.TB) []sources.Mirror {
	t.Helper()
	m := regexp.MustCompile(`"version": "([0-9.]+)`).FindStringSubmatch(w.Read(t, "agents/python314.lock.json"))
	if m == nil {
		t.Fatal("python314 is not locked")
	}
	program := "#!/bin/bash\n[ \"$*\" != --version ] || { echo Python " + m[1] + "; exit; }\nexec -a \"$0\" /usr/bin/python3 \"$@\"\n"
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	a := tar.NewWriter(z)
	_ = a.WriteHeader(&tar.Header{Name: "python/bin/python3.14", Mode: 0o755, Size: int64(len(program)), Typeflag: tar.TypeReg})
	_, _ = a.Write([]byte(program))
	for _, link := range []string{"python", "python3"} {
		_ = a.WriteHeader(&tar.Header{Name: "python/bin/" + link, Mode: 0o777, Linkname: "python3.14", Typeflag: tar.TypeSymlink})
	}
	_ = a.Close()
	_ = z.Close()
	return w.ServeLocked(t, "python314", b.Bytes())
}
