package content

import (
	"io/fs"
	"runtime"
	"sync"
)

// entry is what a directory has under a name, or why that cannot be told.
type entry struct {
	name string
	info fs.FileInfo
	err  error
}

// entriesOf reads a directory, unless that was done ahead.
func (t *Tree) entriesOf(n *node) ([]entry, error) {
	if n.ahead == nil {
		return readEntries(t.from, n.path)
	}
	entries, err := n.ahead()
	n.ahead = nil
	return entries, err
}

// readAhead begins to read directories that will be entered, one after another,
// while others are matched with patterns. What is entered meanwhile is read by
// who enters it, or waited for.
func (t *Tree) readAhead(dirs []*node) {
	var ahead []func() ([]entry, error)
	for _, n := range dirs {
		if n.listed || n.ahead != nil {
			continue
		}
		n.ahead = sync.OnceValues(func() ([]entry, error) { return readEntries(t.from, n.path) })
		ahead = append(ahead, n.ahead)
	}
	if len(ahead) < 2 {
		return // it is entered at once
	}
	go func() {
		for _, read := range ahead[1:] {
			_, _ = read() // kept for who enters it, errors too
		}
	}()
}

func readEntries(from source, dir string) ([]entry, error) {
	found, err := from.readDir(dir)
	if err != nil {
		return nil, err
	}
	return statusOf(found), nil
}

// fewest is how many entries are worth a goroutine.
const fewest = 256

// statusOf asks for the status of all entries of a directory. It is most of what
// a context costs that did not change, so all processors do it.
func statusOf(found []fs.DirEntry) []entry {
	out := make([]entry, len(found))
	share := max(fewest, (len(found)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	var all sync.WaitGroup
	for from := 0; from < len(found); from += share {
		part := func() {
			for i := from; i < min(from+share, len(found)); i++ {
				info, err := found[i].Info()
				out[i] = entry{found[i].Name(), info, err}
			}
		}
		if from+share >= len(found) {
			part() // the last one needs nobody else
			break
		}
		all.Go(part)
	}
	all.Wait()
	return out
}
