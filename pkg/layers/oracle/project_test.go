package oracle_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// project is a Dockerfile in pieces, its files, and what is passed.
type project struct {
	state
	rand *rand.Rand
	// upload is what the daemon knows its context by.
	upload string
	// image tells the configuration's digest of an external image by number.
	image func(ref string, number int) string
	dir   string
	seed  uint64

	edit
}

// edit is what the last edit says of itself.
type edit struct {
	// causes are the reasons that name it. All that are said must be of these,
	// and one is said where anything runs again.
	causes []plan.Reason
	// also are reasons that may be said beside those: what follows from it.
	also []plan.Reason
	// wide is true where no list of reasons can be told: whatever is said must
	// be a line, a file or an argument of the project.
	wide bool
	// stale is true where the builder's own upload misses the edit.
	stale bool
}

func (p *project) say(code plan.Code, subject, from, to string) {
	p.causes = append(p.causes, plan.Reason{Code: code, Subject: subject, From: from, To: to})
}

func (p *project) follows(code plan.Code, subject, from, to string) {
	p.also = append(p.also, plan.Reason{Code: code, Subject: subject, From: from, To: to})
}

func (p *project) dockerfile() string {
	var b strings.Builder
	for _, l := range p.Head {
		b.WriteString(l + "\n")
	}
	for _, s := range p.Stages {
		fmt.Fprintf(&b, "FROM %s AS %s\n", s.From, s.Name)
		for _, l := range s.Lines {
			b.WriteString(l + "\n")
		}
	}
	return b.String()
}

// last is the stage that is built.
func (p *project) last() *stage {
	if s := p.stage(p.Target); s != nil {
		return s
	}
	return &p.Stages[len(p.Stages)-1]
}

func (p *project) stage(name string) *stage {
	i := slices.IndexFunc(p.Stages, func(s stage) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &p.Stages[i]
}

var fromWord = regexp.MustCompile(`from=(\w+)`)

// reads are the names of the stages that a stage reads itself.
func (s *stage) reads(p *project) []string {
	names := []string{s.From}
	lines := slices.Clone(s.Lines)
	if parent := p.stage(s.From); parent != nil {
		lines = append(lines, parent.Lines...) // its triggers are run here
	}
	for _, l := range lines {
		for _, m := range fromWord.FindAllStringSubmatch(l, -1) {
			names = append(names, m[1])
		}
	}
	return slices.DeleteFunc(names, func(n string) bool { return p.stage(n) == nil })
}

// reached are the names of the stages that the target needs, itself included.
func (p *project) reached() map[string]bool {
	out := map[string]bool{}
	var visit func(s *stage)
	visit = func(s *stage) {
		if out[s.Name] {
			return
		}
		out[s.Name] = true
		for _, n := range s.reads(p) {
			visit(p.stage(n))
		}
	}
	visit(p.last())
	return out
}

// write puts the project into its directory, anew.
func (p *project) write(t *testing.T) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.RemoveAll(p.dir))
	must(os.MkdirAll(p.dir, 0o755))
	for name, text := range p.Files {
		path := filepath.Join(p.dir, name)
		must(os.MkdirAll(filepath.Dir(path), 0o755))
		mode, content := unpack(text)
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
	for name, bits := range p.Dirs {
		must(os.MkdirAll(filepath.Join(p.dir, name), 0o755))
		must(os.Chmod(filepath.Join(p.dir, name), os.FileMode(bits)))
	}
	must(os.WriteFile(filepath.Join(p.dir, "Dockerfile"), []byte(p.dockerfile()), 0o644))
	if len(p.Ignore) > 0 {
		must(os.WriteFile(filepath.Join(p.dir, ".dockerignore"), []byte(strings.Join(p.Ignore, "\n")+"\n"), 0o644))
	}
}

// pick returns a random stage and the index of one of its lines that begins
// with one of the words; false when there is none.
func (p *project) pick(words ...string) (*stage, int, bool) {
	type place struct{ s, l int }
	var all []place
	for i := range p.Stages {
		for j, l := range p.Stages[i].Lines {
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
	return &p.Stages[at.s], at.l, true
}

// keyword is an instruction's, upper case.
func keyword(line string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	return strings.ToUpper(word)
}

// continued matches what continues a line, in both ways to write it.
var continued = regexp.MustCompile("[`\\\\]\n")

// shown is how a plan shows an instruction: without its here-documents, in one
// line, with single spaces.
func shown(line string) string {
	if strings.Contains(line, "<<EOF") {
		line, _, _ = strings.Cut(line, "\n")
	}
	words := strings.Fields(continued.ReplaceAllString(line, " "))
	words[0] = strings.ToUpper(words[0])
	return strings.Join(words, " ")
}

// line replaces a part of a line that begins with one of the words, and says so.
func (p *project) line(old, replacement string, words ...string) bool {
	s, l, ok := p.pick(words...)
	if !ok || !strings.Contains(s.Lines[l], old) {
		return false
	}
	was := s.Lines[l]
	s.Lines[l] = strings.Replace(was, old, replacement, 1)
	p.lineChanged(was, s.Lines[l])
	return true
}

func (p *project) lineChanged(was, is string) {
	if k := keyword(is); k == "ENV" || k == "LABEL" {
		// Each of their variables is an instruction of its own.
		old, now := strings.Fields(was)[1:], strings.Fields(is)[1:]
		for i := range now {
			if old[i] != now[i] {
				p.say(plan.InstructionChanged, k, k+" "+old[i], k+" "+now[i])
			}
		}
		return
	}
	p.say(plan.InstructionChanged, keyword(is), shown(was), shown(is))
}

// quiet is line where nothing that counts changes.
func (p *project) quiet(old, replacement string, words ...string) bool {
	ok := p.line(old, replacement, words...)
	p.edit = edit{}
	return ok
}

// insert puts a line before or after another and says so.
func (p *project) insert(s *stage, at int, line string) {
	s.Lines = slices.Insert(s.Lines, at, line)
	p.say(plan.InstructionAdded, keyword(line), "", shown(line))
}
