package build

import (
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// A label has space for some 1,500 ingredients. Those of a larger layer are kept
// in full beside it, on the machine that built it, so that a later plan can name
// the one file; elsewhere it names the directory.
const (
	factRecord = "records"
	// maxRecords is how many are kept: a context of 100,000 files takes some 3
	// MB.
	maxRecords = 64
)

// recallRecord is a plan.Recall.
func (o Options) recallRecord(key graph.Key) string {
	whole, _ := recall[string](o, factRecord, string(key))
	return whole
}

// keepRecords keeps what the labels of these layers had to fold.
func (o Options) keepRecords(g *graph.Graph, built []graph.ID) {
	kept := false
	for _, id := range built {
		whole, err := g.NewRecord(id, "", nil).Whole()
		if err != nil || whole == "" {
			continue // the label has been written, so there is one to read
		}
		remember(o, factRecord, string(g.Keys(id).Image), whole)
		kept = true
	}
	if kept {
		forgetOldest(filepath.Dir(o.factFile(factRecord, "")), maxRecords)
	}
}

// forgetOldest removes the files of a directory that were written longest ago
// until no more than keep are left. What cannot be removed stays.
func forgetOldest(dir string, keep int) {
	list, err := os.ReadDir(dir)
	if err != nil || len(list) <= keep {
		return
	}
	age := make(map[string]time.Time, len(list))
	for _, f := range list {
		if info, err := f.Info(); err == nil {
			age[f.Name()] = info.ModTime()
		}
	}
	slices.SortFunc(list, func(a, b os.DirEntry) int { return age[a.Name()].Compare(age[b.Name()]) })
	for _, f := range list[:len(list)-keep] {
		_ = os.Remove(filepath.Join(dir, f.Name()))
	}
}
