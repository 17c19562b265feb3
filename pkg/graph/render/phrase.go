package render

import (
	"fmt"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// foldFiles is from how many file reasons on a plan counts instead of listing.
const foldFiles = 8

// Phrases are a step's reasons in words, most telling first as planned; many
// changed files are folded into counts.
func Phrases(s *plan.Step) []string {
	var out []string
	if s.Kind == graph.KindBase {
		word := short(s.Digest)
		if s.Unchecked {
			word += " (as recorded, not checked)"
		}
		out = append(out, word)
	}
	files := map[plan.Code]int{}
	total := 0
	for _, r := range s.Reasons {
		if isFile(r.Code) {
			files[r.Code]++
			total++
		}
	}
	for _, r := range s.Reasons {
		if isFile(r.Code) && total >= foldFiles {
			continue
		}
		out = append(out, Phrase(r))
	}
	if total >= foldFiles {
		out = append(out, foldedFiles(files, s.Reasons))
	}
	for _, u := range s.Unpinned {
		out = append(out, "unpinned: "+u)
	}
	return out
}

func isFile(c plan.Code) bool {
	switch c {
	case plan.FileAdded, plan.FileChanged, plan.FileRemoved, plan.ModeChanged:
		return true
	default:
		return false
	}
}

func foldedFiles(n map[plan.Code]int, reasons []plan.Reason) string {
	var parts []string
	for _, c := range []struct {
		code plan.Code
		word string
	}{
		{plan.FileChanged, "changed"},
		{plan.FileAdded, "added"},
		{plan.FileRemoved, "removed"},
		{plan.ModeChanged, "with another mode"},
	} {
		if n[c.code] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[c.code], c.word))
		}
	}
	for _, r := range reasons {
		if isFile(r.Code) {
			return "files: " + strings.Join(parts, ", ") + " (" + r.Subject + ", …)"
		}
	}
	return ""
}

// Phrase is one reason in words.
func Phrase(r plan.Reason) string {
	switch r.Code {
	case plan.NoImage:
		return "no image"
	case plan.ForeignImage:
		if r.From != "" && !isHex(r.From) {
			return r.Subject + " holds the image of " + r.From
		}
		return r.Subject + " holds an image that is not ours (" + r.From + ")"
	case plan.RecordUnreadable:
		return "the record of " + r.Subject + " cannot be read"
	case plan.RecordFormat:
		return "the record of " + r.Subject + " has another format"
	case plan.InstructionChanged:
		if r.Subject == "order" {
			return "order of instructions changed"
		}
		return fromTo("changed: ", r)
	case plan.InstructionAdded:
		return "added: " + oneLine(r.To)
	case plan.InstructionRemoved:
		return "removed: " + oneLine(r.From)
	case plan.FileChanged:
		return r.Subject + " changed"
	case plan.FileAdded:
		return r.Subject + " added"
	case plan.FileRemoved:
		return r.Subject + " removed"
	case plan.ModeChanged:
		return fmt.Sprintf("%s mode %s → %s", r.Subject, r.From, r.To)
	case plan.ArgChanged:
		return fromTo("arg "+r.Subject+" ", r)
	case plan.VersionChanged:
		return fromTo("version ", r)
	case plan.BaseMoved:
		if strings.Contains(r.From, "@") { // another reference with the same tag
			return "base " + shortRef(r.From) + " → " + shortRef(r.To)
		}
		return fmt.Sprintf("base moved %s → %s", short(r.From), short(r.To))
	case plan.InputChanged:
		return r.Subject + " changes"
	case plan.InputRebuilt:
		return r.Subject + " is made again"
	case plan.PlatformChanged:
		return fromTo("platform ", r)
	case plan.RefreshRequested:
		return "refresh asked for"
	case plan.RebuildRequested:
		return "rebuild asked for"
	case plan.Expired:
		return "built " + r.From + ", older than " + r.To
	case plan.TagMissing:
		return "name " + r.Subject + " is missing"
	default:
		return strings.TrimSpace(string(r.Code) + " " + r.Subject)
	}
}

func fromTo(prefix string, r plan.Reason) string {
	from, to := oneLine(r.From), oneLine(r.To)
	switch {
	case from == "":
		return prefix + "added " + to
	case to == "":
		return prefix + from + " removed"
	}
	a, b := trimCommon(from, to)
	return prefix + a + " → " + b
}

// trimCommon shortens two long texts to where they differ.
func trimCommon(a, b string) (string, string) {
	const keep, long = 18, 60
	if len(a) <= long && len(b) <= long {
		return a, b
	}
	ra, rb := []rune(a), []rune(b)
	i := 0
	for i < len(ra) && i < len(rb) && ra[i] == rb[i] {
		i++
	}
	j := 0
	for j < len(ra)-i && j < len(rb)-i && ra[len(ra)-1-j] == rb[len(rb)-1-j] {
		j++
	}
	cut := func(r []rune) string {
		from, to := max(0, i-keep), min(len(r), len(r)-j+keep)
		if to-from > 2*long {
			to = from + 2*long
		}
		s := string(r[from:to])
		if from > 0 {
			s = "…" + s
		}
		if to < len(r) {
			s += "…"
		}
		return s
	}
	return cut(ra), cut(rb)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func short(digest string) string {
	hex, ok := strings.CutPrefix(digest, "sha256:")
	if !ok || len(hex) <= 12 {
		return digest
	}
	return "sha256:" + hex[:12] + "…"
}

func shortRef(s string) string {
	ref, digest, _ := strings.Cut(s, "@")
	return ref + " " + short(digest)
}

func isHex(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdef") == ""
}
