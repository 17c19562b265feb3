package graph

import (
	"errors"
	"strconv"
	"strings"
)

// What a record holds instead of ingredients that are too many.
const (
	// Tree is a directory whose files are folded into one digest; Name is its
	// path, "." for a list's all.
	Tree IngredientKind = "tree"
	// Folded is all ingredients of one kind, or all stages, as one digest: Name
	// is their kind, Attr how many they are.
	Folded IngredientKind = "folded"
)

// FoldedStages is the Name of stages that are folded.
const FoldedStages = "stage"

// kindLetters are the kinds as a record spells them.
var kindLetters = map[IngredientKind]string{
	Instruction: "I", File: "F", Arg: "A", Version: "V", Locked: "L", Base: "B", FromInput: "N", Option: "O", Tree: "T", Folded: "D",
}

var kindOfLetter = func() map[string]IngredientKind {
	m := map[string]IngredientKind{}
	for k, l := range kindLetters {
		m[l] = k
	}
	return m
}()

// folding says how a record is made smaller. With a depth, files below a
// directory of that depth become one Tree.
type folding struct {
	depth     int
	dropNotes bool
	whole     bool // all files become one Tree
	kinds     bool // so does each other kind
	stages    bool // and all stages
}

// foldings are tried in turn: files are folded first, deepest directories
// first, then texts are dropped. The last one fits whatever there is.
var foldings = []folding{
	{},
	{depth: 6},
	{depth: 4},
	{depth: 3},
	{depth: 2},
	{depth: 1},
	{depth: 1, dropNotes: true},
	{whole: true},
	{whole: true, dropNotes: true},
	{whole: true, kinds: true},
	{whole: true, kinds: true, stages: true},
}

func (f folding) list(list []Ingredient) []wireFact {
	if f.whole {
		list = FoldFiles(list, wholeContext)
	}
	if f.kinds {
		list = FoldKinds(list, foldAll)
	}
	if f.depth > 0 {
		list = FoldFiles(list, func(name string) (string, bool) { return dirAtDepth(name, f.depth) })
	}
	out := make([]wireFact, len(list))
	for i, in := range list {
		out[i] = f.fact(in)
	}
	return out
}

func (f folding) fact(in Ingredient) wireFact {
	digest, note := in.Digest, in.Note
	if in.Kind != Base && len(digest) > len("sha256:")+shortHex {
		digest = digest[:len("sha256:")+shortHex]
	}
	if in.Kind == Instruction {
		if len(note) > maxNote {
			note = strings.ToValidUTF8(note[:maxNote], "") + "…"
		}
		if f.dropNotes {
			note = ""
		}
	}
	w := wireFact{kindLetters[in.Kind], in.Name, in.Attr, strings.TrimPrefix(digest, "sha256:")}
	if note != "" {
		w = append(w, note)
	}
	return w
}

func plainFacts(list []wireFact) ([]Ingredient, error) {
	out := make([]Ingredient, len(list))
	for i, w := range list {
		if len(w) != 4 && len(w) != 5 {
			return nil, errors.New("an ingredient has the wrong number of fields")
		}
		kind, ok := kindOfLetter[w[0]]
		if !ok {
			return nil, errors.New("an ingredient has an unknown kind")
		}
		out[i] = Ingredient{Kind: kind, Name: w[1], Attr: w[2]}
		if w[3] != "" {
			out[i].Digest = "sha256:" + w[3]
		}
		if len(w) == 5 {
			out[i].Note = w[4]
		}
	}
	return out, nil
}

// dirAtDepth returns the directory of name that is depth levels deep, when
// name lies below it.
func dirAtDepth(name string, depth int) (string, bool) {
	at := 0
	for ; depth > 0; depth-- {
		i := strings.IndexByte(name[at:], '/')
		if i < 0 {
			return "", false
		}
		at += i + 1
	}
	return name[:at-1], true
}

// FoldFiles returns the list with every file for which dir answers true
// replaced, at the place of the first, by one Tree per directory whose digest
// covers the names, attributes and digests of the files in it.
func FoldFiles(list []Ingredient, dir func(name string) (string, bool)) []Ingredient {
	var out []Ingredient
	trees := map[string]int{}
	members := map[string][]string{}
	for _, in := range list {
		d, fold := "", false
		if in.Kind == File {
			d, fold = dir(in.Name)
		}
		if !fold {
			out = append(out, in)
			continue
		}
		if _, seen := trees[d]; !seen {
			trees[d] = len(out)
			out = append(out, Ingredient{Kind: Tree, Name: d, Step: in.Step})
		}
		members[d] = append(members[d], in.Name, in.Attr, in.Digest)
	}
	for d, at := range trees {
		out[at].Digest = DigestOf(members[d]...)
	}
	return out
}

// wholeContext folds all files into one Tree.
func wholeContext(string) (string, bool) { return ".", true }

func foldAll(k IngredientKind) bool { return k != Tree && k != Folded }

// FoldKinds returns the list with all ingredients of each kind for which fold
// answers true replaced, at the place of the first, by one Folded.
func FoldKinds(list []Ingredient, fold func(IngredientKind) bool) []Ingredient {
	var out []Ingredient
	at := map[IngredientKind]int{}
	members := map[IngredientKind][]string{}
	for _, in := range list {
		if !fold(in.Kind) {
			out = append(out, in)
			continue
		}
		if _, seen := at[in.Kind]; !seen {
			at[in.Kind] = len(out)
			out = append(out, Ingredient{Kind: Folded, Name: string(in.Kind)})
		}
		members[in.Kind] = append(members[in.Kind], in.Name, in.Attr, in.Digest)
	}
	for kind, i := range at {
		out[i].Attr, out[i].Digest = strconv.Itoa(len(members[kind])/3), DigestOf(members[kind]...)
	}
	return out
}

// FoldStages is what a record holds instead of a layer's stages when they are
// too many.
func (g *Graph) FoldStages(layer ID) Ingredient {
	return foldStages(g.NewRecord(layer, "", nil).Stages)
}

func foldStages(stages []StageRecord) Ingredient {
	var keys []string
	for _, s := range stages {
		keys = append(keys, string(s.Keys.Files), string(s.Keys.Config))
	}
	return Ingredient{Kind: Folded, Name: FoldedStages, Attr: strconv.Itoa(len(stages)), Digest: DigestOf(keys...)}
}
