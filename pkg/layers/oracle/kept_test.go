package oracle_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// keptDir holds edits for which a plan was once wrong. An edit and not a seed,
// since the same seed makes other edits as soon as there is another kind.
const keptDir = "testdata/kept"

// keptEdit is a project before and after an edit, and what the edit says of
// itself.
type keptEdit struct {
	Seed   uint64
	Kind   string
	Was    state
	Is     state
	Causes []plan.Reason `json:",omitempty"`
	Also   []plan.Reason `json:",omitempty"`
	Wide   bool          `json:",omitempty"`
	Stale  bool          `json:",omitempty"`
}

// keep writes the edit that has just failed beside those that failed before.
func (p *project) keep(t *testing.T, kind string, was state) {
	t.Helper()
	k := keptEdit{Seed: p.seed, Kind: kind, Was: was, Is: p.state, Causes: p.causes, Also: p.also, Wide: p.wide, Stale: p.stale}
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	out.SetIndent("", "\t")
	if err := out.Encode(k); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	// Digests of images are another machine's.
	for ref, last := range p.Bases {
		for n := range last + 1 {
			text = strings.ReplaceAll(text, p.image(ref, n), fmt.Sprintf("<image %d of %s>", n, ref))
		}
	}
	file := filepath.Join(keptDir, fmt.Sprintf("%s-%d.json", strings.ReplaceAll(kind, " ", "-"), p.seed))
	if err := os.MkdirAll(keptDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("the edit is kept in %s: TestKept tries it again", file)
}

var imageWords = regexp.MustCompile(`<image (\d+) of ([^>]*)>`)

// TestKept tries every edit again for which a plan was once wrong.
func TestKept(t *testing.T) {
	buildkittest.Require(t)
	files, err := filepath.Glob(filepath.Join(keptDir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("nothing is kept in %s (%v)", keptDir, err)
	}
	o := &oracle{daemon: newDaemon(t), stages: newTally(), images: newTally()}
	t.Run("edit", func(t *testing.T) {
		for i, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
				t.Parallel()
				o.tryKept(t, file, uint64(i))
			})
		}
	})
	t.Logf("%d edits; stages: %s; images: %s; %d causes wrong", o.edits, o.stages, o.images, o.wrong)
}

// ownSeeds is beyond those of random projects: a kept one finds nothing of theirs
// in the cache.
const ownSeeds = 1 << 40

func (o *oracle) tryKept(t *testing.T, file string, number uint64) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	seed := ownSeeds + number
	image := func(ref string, n int) string { return o.image(t, seed, ref, n).config }
	text = imageWords.ReplaceAllFunc(text, func(w []byte) []byte {
		m := imageWords.FindSubmatch(w)
		n, err := strconv.Atoi(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		return []byte(image(string(m[2]), n))
	})
	var k keptEdit
	if err := json.Unmarshal(text, &k); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	p := newProject(seed, filepath.Join(t.TempDir(), "p"), image)
	p.state = k.Was.clone(t)
	p.write(t)
	was := built{graph: o.draw(t, p), outcome: o.build(t, p), seen: map[graph.Key]bool{}}
	was.note()
	p.state = k.Is.clone(t)
	p.edit = edit{causes: k.Causes, also: k.Also, wide: k.Wide, stale: k.Stale}
	o.edited(t, p, k.Kind, &was)
}
