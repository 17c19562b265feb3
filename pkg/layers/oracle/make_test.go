package oracle_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

// baseRef is what most stages stand on, otherRef another image.
const (
	baseRef  = "registry.example/base:1"
	otherRef = "registry.example/other:1"
)

// staying is a file of every directory that no edit touches: a COPY of a pattern
// must find something.
const staying = "stays.txt"

// newProject makes a project of three to five stages; each RUN writes what no
// other run of it would, so that a stage that ran again is seen by its readers.
func newProject(seed uint64, dir string, image func(string, int) string) *project {
	p := &project{
		state: state{
			Files: map[string]string{}, Dirs: map[string]octal{}, Args: map[string]string{}, Bases: map[string]int{baseRef: 0, otherRef: 0},
		},
		rand: rand.New(rand.NewPCG(seed, seed)), dir: dir, seed: seed, image: image,
	}
	p.makeFiles()
	p.makeHead()
	n := 3 + p.rand.IntN(3)
	for i := range n {
		p.Stages = append(p.Stages, p.newStage(i, n))
	}
	return p
}

func (p *project) chance(n int) bool { return p.rand.IntN(n) == 0 }

func (p *project) makeFiles() {
	for i := range 8 {
		p.Files[fmt.Sprintf("src/d%d/f%d.txt", i%3, i)] = fmt.Sprintf("0644 content %d", i)
	}
	for i := range 3 {
		p.Files[fmt.Sprintf("src/d%d/%s", i, staying)] = "0644 stays"
		p.Files[fmt.Sprintf("src/d%d/note.md", i)] = "0644 excluded"
		p.Files[fmt.Sprintf("src/d%d/sub/deep.txt", i)] = "0644 deep"
	}
	p.Files["src/d0/link"] = "link f0.txt"
	p.Files["lead"] = "link src/d1/" + staying
	p.Files["unused/notes.txt"] = "0644 nobody reads this"
	p.Files["fixed.txt"] = "0644 fixed"
	p.Files["src/d2/turn/inner.txt"] = "0644 below a directory"
	p.Files["run.sh"] = "0755 #!/bin/sh\n"
	p.Files["archive.tar"] = "tar one"
	if p.chance(3) {
		p.Ignore = []string{"src/*/hidden*", "!src/d1/hidden-not.txt"}
		for i := range 3 {
			p.Files[fmt.Sprintf("src/d%d/hidden.txt", i)] = "0644 hidden"
			p.Files[fmt.Sprintf("src/d%d/hidden-not.txt", i)] = "0644 hidden but in d1"
		}
	}
}

// archive is a tar file with one file.
func archive(text string) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	// Writing to memory does not fail; a broken archive would fail the build.
	_ = w.WriteHeader(&tar.Header{Name: "unpacked.txt", Mode: 0o644, Size: int64(len(text))})
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

// escapeLine makes the backtick the character that continues lines.
const escapeLine = "# escape=`"

func (p *project) makeHead() {
	if p.chance(4) {
		p.Head = append(p.Head, escapeLine)
	}
	if p.chance(3) {
		p.Head = append(p.Head, "ARG BASE="+baseRef)
	}
}

func (p *project) continues() string {
	if len(p.Head) > 0 && p.Head[0] == escapeLine {
		return "`"
	}
	return `\`
}

func (p *project) newStage(i, n int) stage {
	s := stage{Name: fmt.Sprintf("s%d", i), From: baseRef}
	switch {
	case i > 0 && p.chance(3):
		s.From = p.Stages[p.rand.IntN(i)].Name
	case p.rand.IntN(2) == 0 && len(p.Head) > 0 && strings.HasPrefix(p.Head[len(p.Head)-1], "ARG"):
		s.From = "${BASE}"
	}
	maybe := func(chance int, format string, words ...any) {
		if p.chance(chance) {
			s.Lines = append(s.Lines, fmt.Sprintf(format, words...))
		}
	}
	maybe(2, "ARG A%d=one", i)
	maybe(2, "ENV E%d=one F%d=two", i, i)
	maybe(3, "WORKDIR /w%d", i)
	maybe(6, `SHELL ["/bin/sh", "-ec"]`)
	maybe(6, "USER 0")
	maybe(6, "ONBUILD RUN echo trigger > /t%d", i)
	for j := range 1 + p.rand.IntN(3) {
		s.Lines = append(s.Lines, p.step(i, j))
	}
	if i > 0 && (p.chance(2) || i == n-1) {
		s.Lines = append(s.Lines, fmt.Sprintf("COPY --from=s%d /u0* /from%d/", p.rand.IntN(i), i))
	}
	s.Lines = append(s.Lines, fmt.Sprintf("RUN %s && echo last", unique(i, 9)))
	switch p.rand.IntN(3) {
	case 0:
		s.Lines = append(s.Lines, fmt.Sprintf("CMD [\"cmd%d\"]", i))
	case 1:
		s.Lines = append(s.Lines, fmt.Sprintf("LABEL l%d=one", i))
	}
	return s
}

// step is one step of a stage, of any kind.
func (p *project) step(i, j int) string {
	d := p.rand.IntN(3)
	to := fmt.Sprintf("/in%d-%d/", i, j)
	kinds := []func() string{
		func() string { return fmt.Sprintf("COPY src/d%d %s", d, to) },
		func() string { return fmt.Sprintf("COPY run.sh src/d%d/*.txt %s", d, to) },
		func() string { return fmt.Sprintf("COPY src/d? %s", to) },
		func() string { return fmt.Sprintf("COPY --exclude=*.md src/d%d %s", d, to) },
		func() string { return fmt.Sprintf("COPY --parents src/d%d/*.txt src/./d%d/sub %s", d, d, to) },
		func() string { return fmt.Sprintf("COPY --chown=1000:1000 src/d%d/%s %s", d, staying, to) },
		func() string { return fmt.Sprintf("COPY %s\n  lead %s", p.continues(), to) },
		func() string { return fmt.Sprintf("COPY <<EOF %sheredoc\ninline one\nEOF", to) },
		func() string { return fmt.Sprintf("ADD src/d%d/%s archive.tar %s", d, staying, to) },
		func() string {
			return fmt.Sprintf("RUN --mount=type=bind,source=src/d%d,target=/m ls /m > /r%d-%d && %s", d, i, j, unique(i, j))
		},
		func() string { return fmt.Sprintf("RUN --mount=type=cache,target=/c %s && echo one", unique(i, j)) },
		func() string {
			return fmt.Sprintf("RUN --mount=type=secret,id=one,target=/s %s && echo one", unique(i, j))
		},
		func() string { return fmt.Sprintf("RUN --network=none %s && echo one", unique(i, j)) },
		func() string { return fmt.Sprintf("RUN <<EOF\n%s\necho step %d\nEOF", unique(i, j), j) },
		func() string { return fmt.Sprintf("RUN %s && %s\n  echo one", unique(i, j), p.continues()) },
	}
	if i > 0 {
		kinds = append(kinds, func() string {
			return fmt.Sprintf("RUN --mount=type=bind,from=s%d,target=/m ls /m > /r%d-%d && %s", p.rand.IntN(i), i, j, unique(i, j))
		})
	}
	// What the first kinds of project were made of stays as frequent.
	if p.chance(3) {
		return kinds[[]int{0, 1, 9, 13, 14}[p.rand.IntN(5)]]()
	}
	return kinds[p.rand.IntN(len(kinds))]()
}

// unique writes something random to a file that all stages have in common and
// one of the step's own.
func unique(i, j int) string {
	return fmt.Sprintf("cat /proc/sys/kernel/random/uuid | tee /u0 > /u%d-%d", i, j)
}
