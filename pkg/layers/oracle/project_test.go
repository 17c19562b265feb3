package oracle_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const baseRef = "registry.example/base:1"

// staying is a file of every directory that no edit touches: a COPY of a pattern
// must find something.
const staying = "stays.txt"

// stage is one stage of a project, as lines; what it copies in comes first.
type stage struct {
	name, from string
	lines      []string
}

// project is a Dockerfile in pieces, its files, and the arguments passed.
type project struct {
	rand   *rand.Rand
	stages []stage
	files  map[string]string // path to mode and content, "0644 text"; a link is "link target"
	ignore []string
	args   map[string]string
	dir    string
}

// newProject makes a project of three to five stages; each RUN writes what no
// other run of it would, so that a stage that ran again is seen by its readers.
func newProject(r *rand.Rand) *project {
	p := &project{rand: r, files: map[string]string{}, args: map[string]string{}}
	for i := range 8 {
		p.files[fmt.Sprintf("src/d%d/f%d.txt", i%3, i)] = fmt.Sprintf("0644 content %d", i)
	}
	for i := range 3 {
		p.files[fmt.Sprintf("src/d%d/%s", i, staying)] = "0644 stays"
	}
	p.files["src/link"] = "link d0/f0.txt"
	p.files["unused/notes.txt"] = "0644 nobody reads this"
	p.files["run.sh"] = "0755 #!/bin/sh\n"
	n := 3 + r.IntN(3)
	for i := range n {
		s := stage{name: fmt.Sprintf("s%d", i), from: baseRef}
		if i > 0 && r.IntN(3) == 0 {
			s.from = p.stages[r.IntN(i)].name
		}
		if r.IntN(2) == 0 {
			s.lines = append(s.lines, fmt.Sprintf("ARG A%d=one", i))
		}
		if r.IntN(2) == 0 {
			s.lines = append(s.lines, fmt.Sprintf("ENV E%d=one F%d=two", i, i))
		}
		if r.IntN(3) == 0 {
			s.lines = append(s.lines, fmt.Sprintf("WORKDIR /w%d", i))
		}
		for j := range 1 + r.IntN(3) {
			switch r.IntN(5) {
			case 0:
				s.lines = append(s.lines, fmt.Sprintf("COPY src/d%d /in%d-%d/", r.IntN(3), i, j))
			case 1:
				s.lines = append(s.lines, fmt.Sprintf("COPY run.sh src/d%d/*.txt /in%d-%d/", r.IntN(3), i, j))
			case 2:
				s.lines = append(s.lines, fmt.Sprintf("RUN --mount=type=bind,source=src/d%d,target=/m ls /m > /r%d-%d && %s", r.IntN(3), i, j, unique(i, j)))
			case 3:
				s.lines = append(s.lines, fmt.Sprintf("RUN <<EOF\n%s\necho step %d\nEOF", unique(i, j), j))
			default:
				s.lines = append(s.lines, fmt.Sprintf("RUN %s && echo one", unique(i, j)))
			}
		}
		if i > 0 && (r.IntN(2) == 0 || i == n-1) {
			s.lines = append(s.lines, fmt.Sprintf("COPY --from=s%d /u%d* /from%d/", r.IntN(i), 0, i))
		}
		s.lines = append(s.lines, fmt.Sprintf("RUN %s && echo last", unique(i, 9)))
		switch r.IntN(3) {
		case 0:
			s.lines = append(s.lines, fmt.Sprintf("CMD [\"cmd%d\"]", i))
		case 1:
			s.lines = append(s.lines, fmt.Sprintf("LABEL l%d=one", i))
		}
		p.stages = append(p.stages, s)
	}
	return p
}

// unique writes something random to a file that all stages have in common and
// one of the step's own.
func unique(i, j int) string {
	return fmt.Sprintf("cat /proc/sys/kernel/random/uuid | tee /u0 > /u%d-%d", i, j)
}

func (p *project) dockerfile() string {
	var b strings.Builder
	for _, s := range p.stages {
		fmt.Fprintf(&b, "FROM %s AS %s\n", s.from, s.name)
		for _, l := range s.lines {
			b.WriteString(l + "\n")
		}
	}
	return b.String()
}

// write puts the project into a directory, anew.
func (p *project) write(t *testing.T) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.RemoveAll(p.dir))
	must(os.MkdirAll(p.dir, 0o755))
	for name, text := range p.files {
		path := filepath.Join(p.dir, name)
		must(os.MkdirAll(filepath.Dir(path), 0o755))
		mode, content, _ := strings.Cut(text, " ")
		if mode == "link" {
			must(os.Symlink(content, path))
			continue
		}
		var bits os.FileMode
		_, err := fmt.Sscanf(mode, "%o", &bits)
		must(err)
		must(os.WriteFile(path, []byte(content), bits))
		must(os.Chmod(path, bits))
	}
	must(os.WriteFile(filepath.Join(p.dir, "Dockerfile"), []byte(p.dockerfile()), 0o644))
	if len(p.ignore) > 0 {
		must(os.WriteFile(filepath.Join(p.dir, ".dockerignore"), []byte(strings.Join(p.ignore, "\n")+"\n"), 0o644))
	}
}

// pick returns a random stage and the index of one of its lines that begins
// with one of the words; false when there is none.
func (p *project) pick(words ...string) (*stage, int, bool) {
	type place struct{ s, l int }
	var all []place
	for i := range p.stages {
		for j, l := range p.stages[i].lines {
			for _, w := range words {
				if strings.HasPrefix(l, w) {
					all = append(all, place{i, j})
				}
			}
		}
	}
	if len(all) == 0 {
		return nil, 0, false
	}
	at := all[p.rand.IntN(len(all))]
	return &p.stages[at.s], at.l, true
}

// edits are the kinds of edit, each with the reasons one of which must be
// named where anything runs again.
var edits = []struct {
	name   string
	apply  func(*project) bool
	causes string
}{
	{"content of a file", func(p *project) bool { return p.file("src/", func(n, s string) { p.files[n] = s + "+" }) }, "file-changed"},
	{"mode of a file", func(p *project) bool {
		return p.file("src/d", func(n, s string) { p.files[n] = strings.Replace(s, "0644", "0600", 1) })
	}, "mode-changed"},
	{"file removed", func(p *project) bool { return p.file("src/d", func(n, _ string) { delete(p.files, n) }) }, "file-removed"},
	{"file added", func(p *project) bool {
		p.files[fmt.Sprintf("src/d%d/new.txt", p.rand.IntN(3))] = "0644 new"
		return true
	}, "file-added"},
	{"program changed", func(p *project) bool { p.files["run.sh"] += "exit 0\n"; return true }, "file-changed"},
	{"file nobody reads", func(p *project) bool { p.files["unused/notes.txt"] += "!"; return true }, ""},
	{"file written again", func(*project) bool { return true }, ""},
	{"text of a RUN", func(p *project) bool { return p.line("echo one", "echo two", "RUN") }, "instruction-changed"},
	{"last RUN", func(p *project) bool { return p.line("echo last", "echo  last", "RUN") }, "instruction-changed"},
	{"here-document", func(p *project) bool { return p.line("echo step", "echo Step", "RUN <<") }, "instruction-changed"},
	{"mount", func(p *project) bool { return p.line("target=/m ", "target=/m,readwrite ", "RUN --mount") }, "instruction-changed"},
	{"value of ENV", func(p *project) bool { return p.line("=one", "=three", "ENV") }, "instruction-changed"},
	{"order of ENV", func(p *project) bool { return p.swapEnv() }, "instruction-changed instruction-added instruction-removed"},
	{"default of ARG", func(p *project) bool { return p.line("=one", "=three", "ARG") }, "arg-changed"},
	{"argument passed", func(p *project) bool {
		s, l, ok := p.pick("ARG")
		if ok {
			name, _, _ := strings.Cut(strings.TrimPrefix(s.lines[l], "ARG "), "=")
			p.args[name] = "passed"
		}
		return ok
	}, "arg-changed"},
	{"argument nobody declares", func(p *project) bool { p.args["NOBODY"] = "x"; return true }, ""},
	{"WORKDIR", func(p *project) bool { return p.line("/w", "/x", "WORKDIR") }, "instruction-changed"},
	{"destination", func(p *project) bool { return p.line(" /in", " /out", "COPY") }, "instruction-changed"},
	{"mode given to COPY", func(p *project) bool { return p.line("COPY ", "COPY --chmod=755 ", "COPY") }, "instruction-changed"},
	{"link given to COPY", func(p *project) bool { return p.line("COPY ", "COPY --link ", "COPY") }, "instruction-changed"},
	{"RUN added", func(p *project) bool {
		s, l, ok := p.pick("RUN")
		if ok {
			s.lines = append(s.lines[:l:l], append([]string{"RUN echo added"}, s.lines[l:]...)...)
		}
		return ok
	}, "instruction-added"},
	{"instruction removed", func(p *project) bool {
		s, l, ok := p.pick("COPY run", "COPY src", "WORKDIR")
		if ok {
			s.lines = append(s.lines[:l:l], s.lines[l+1:]...)
		}
		return ok
	}, "instruction-removed"},
	{"CMD", func(p *project) bool { return p.line("[\"cmd", "[\"other", "CMD") }, "instruction-changed"},
	{"LABEL", func(p *project) bool { return p.line("=one", "=two", "LABEL") }, "instruction-changed"},
	{"comment", func(p *project) bool {
		s := &p.stages[p.rand.IntN(len(p.stages))]
		s.lines = append([]string{"# a comment", ""}, s.lines...)
		return true
	}, ""},
	{"case of a keyword", func(p *project) bool { return p.line("RUN ", "run ", "RUN") }, ""},
	{"outer spaces", func(p *project) bool { return p.line("COPY ", "  COPY   ", "COPY") }, ""},
	{"spelling of a path", func(p *project) bool { return p.line(" src/", " ./src/", "COPY") }, ""},
	{"name of a stage", func(p *project) bool {
		old := p.stages[0].name
		for i := range p.stages {
			s := &p.stages[i]
			if s.from == old {
				s.from = "renamed"
			}
			for j := range s.lines {
				s.lines[j] = strings.ReplaceAll(s.lines[j], "--from="+old+" ", "--from=renamed ")
			}
		}
		p.stages[0].name = "renamed"
		return true
	}, ""},
	{"ignored what is read", func(p *project) bool {
		return p.file("src/d", func(n, _ string) { p.ignore = append(p.ignore, n) })
	}, "file-removed"},
	{"ignored what nobody reads", func(p *project) bool { p.ignore = append(p.ignore, "unused"); return true }, ""},
}

func (p *project) file(prefix string, change func(name, text string)) bool {
	var names []string
	for n, text := range p.files {
		if strings.HasPrefix(n, prefix) && !strings.HasPrefix(text, "link ") && !strings.HasSuffix(n, staying) {
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return false
	}
	sortStrings(names)
	name := names[p.rand.IntN(len(names))]
	change(name, p.files[name])
	return true
}

func (p *project) line(old, replacement string, words ...string) bool {
	s, l, ok := p.pick(words...)
	if !ok || !strings.Contains(s.lines[l], old) {
		return false
	}
	s.lines[l] = strings.Replace(s.lines[l], old, replacement, 1)
	return true
}

func (p *project) swapEnv() bool {
	s, l, ok := p.pick("ENV")
	if !ok {
		return false
	}
	words := strings.Fields(s.lines[l])
	words[1], words[2] = words[2], words[1]
	s.lines[l] = strings.Join(words, " ")
	return true
}
