package plan_test

import (
	"bufio"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// BenchmarkNinja is ninja's answer to the same question on the same graphs: the
// program as a process that reads its build file, looks at all files and says
// what it would make and why, without making it. A tenth of the files is
// missing. Ninja compares no commands here: without a log of its own it would
// make everything.
func BenchmarkNinja(b *testing.B) {
	ninja, err := osexec.LookPath("ninja")
	if err != nil {
		b.Logf("nothing to compare with: %v", err)
		return
	}
	for _, s := range shapes() {
		for _, n := range sizes() {
			if s.name == "diamond" && n > 10_000 {
				continue // it calls itself once a level, and runs out of stack
			}
			dir := b.TempDir()
			if err := ninjaProject(dir, s, n); err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%s/%d", s.name, n), func(b *testing.B) {
				var busy time.Duration
				for b.Loop() {
					cmd := osexec.Command(ninja, "-n", "-d", "explain")
					cmd.Dir = dir
					out, err := cmd.CombinedOutput()
					if err != nil || !strings.Contains(string(out), "ninja explain: output n000003 doesn't exist") {
						b.Fatalf("%v\n%.2000s", err, out)
					}
					busy += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/node")
				b.ReportMetric(float64(busy.Nanoseconds())/float64(b.N)/float64(n), "cpu-ns/node")
			})
		}
	}
}

// ninjaProject is what manyNodes is, as a build file and the files it makes.
func ninjaProject(dir string, s shape, n int) error {
	f, err := os.Create(filepath.Join(dir, "build.ninja"))
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	// As a generator, a rule whose command is in no log makes nothing again.
	_, _ = fmt.Fprint(w, "rule make\n  command = touch $out\n  generator = 1\n")
	for i := range n {
		in := []string{"base"}
		if reads := s.reads(i); reads != nil {
			in = nil
			for _, j := range reads {
				in = append(in, string(nodeName(j)))
			}
		}
		_, _ = fmt.Fprintf(w, "build %s: make %s\n", nodeName(i), strings.Join(in, " "))
	}
	if err := w.Flush(); err != nil { // reports what went wrong before, too
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	// All of one moment: nothing is older than what it reads.
	when := time.Now()
	for i := -1; i < n; i++ {
		name := "base"
		if i >= 0 {
			name = string(nodeName(i))
		}
		if i >= 0 && missing(i) {
			continue
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return err
		}
		if err := os.Chtimes(path, when, when); err != nil {
			return err
		}
	}
	return nil
}
