package llb

import (
	"strings"

	bkllb "github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
)

// place returns the instruction of the original text that line n of the ready
// text belongs to. What was put in belongs to the FROM above it.
func (t *text) place(n int) (Place, bool) {
	for i, s := range t.salted.Stages {
		from := s.Instructions[0]
		if i == 0 && n > 0 && n < from.Line {
			return Place{File: t.file.Name, Line: n}, true // an ARG above all stages
		}
		for j, in := range s.Instructions {
			if n < in.Line || n > in.EndLine {
				continue
			}
			line, _ := t.origin.Line(i+1, j+1)
			if line == 0 {
				line, _ = t.origin.Line(i+1, 1)
			}
			p, ok := t.byLine[line]
			return p, ok
		}
	}
	return Place{}, false
}

// places finds the instruction that each vertex comes from.
func (t *text) places(def *bkllb.Definition, p *parents) map[digest.Digest]Place {
	out := map[digest.Digest]Place{}
	for sum, list := range def.Source.GetLocations() {
		for _, l := range list.Locations {
			if len(l.Ranges) == 0 || l.Ranges[0].Start == nil {
				continue
			}
			if at, ok := t.place(int(l.Ranges[0].Start.Line)); ok {
				out[digest.Digest(sum)] = at
			}
		}
	}
	for _, v := range readOps(def) {
		one := p.ofSource(v.op.GetSource())
		if _, known := out[v.digest]; known || one == nil {
			continue
		}
		if at, ok := t.byLine[one.line]; ok {
			out[v.digest] = at
		}
	}
	return out
}

// ofSource returns the parent that a source operation reads, or nil.
func (p *parents) ofSource(op *pb.SourceOp) *parent {
	if op == nil {
		return nil
	}
	_, sum, ok := strings.Cut(op.Identifier, "@")
	if !ok {
		return nil
	}
	return p.withDigest(digest.Digest(sum))
}

// restoreSource makes the source map of a definition one of the text as
// written, so that what a daemon says of lines is true. It is no part of what
// vertices are identified by.
func (t *text) restoreSource(def *bkllb.Definition) {
	for _, info := range def.Source.GetInfos() {
		info.Data = t.file.Source()
	}
	for _, list := range def.Source.GetLocations() {
		for i, l := range list.Locations {
			// The ranges are those of the state too, and must stay there.
			list.Locations[i] = &pb.Location{SourceIndex: l.SourceIndex, Ranges: t.restored(l.Ranges)}
		}
	}
}

func (t *text) restored(ranges []*pb.Range) []*pb.Range {
	if len(ranges) == 0 || ranges[0].Start == nil {
		return ranges
	}
	first := ranges[0].Start.Line
	at, ok := t.place(int(first))
	if !ok {
		return nil
	}
	moved := first - int32(at.Line) //nolint:gosec // lines of a file that fits in memory
	var out []*pb.Range
	for _, r := range ranges {
		if r.Start == nil || r.End == nil {
			continue
		}
		out = append(out, &pb.Range{
			Start: &pb.Position{Line: r.Start.Line - moved, Character: r.Start.Character},
			End:   &pb.Position{Line: r.End.Line - moved, Character: r.End.Character},
		})
	}
	return out
}

// vertex is one operation of a definition.
type vertex struct {
	digest digest.Digest
	op     *pb.Op
	meta   bkllb.OpMetadata
}

// readOps reads the operations of a definition, inputs first. The last, which
// only names the result, is left out.
func readOps(def *bkllb.Definition) []vertex {
	var out []vertex
	for _, data := range def.Def {
		op := &pb.Op{}
		if op.UnmarshalVT(data) != nil || op.Op == nil {
			continue
		}
		sum := digest.FromBytes(data)
		out = append(out, vertex{digest: sum, op: op, meta: def.Metadata[sum]})
	}
	return out
}

// stepNames names every vertex, the node first.
func stepNames(node string, def *bkllb.Definition, p *parents) map[digest.Digest]string {
	out := map[digest.Digest]string{}
	for _, v := range readOps(def) {
		name := v.meta.Description["llb.customname"]
		if one := p.ofSource(v.op.GetSource()); one != nil {
			name = "[parent] " + one.ref
		}
		if name == "" {
			name = opKind(v.op)
		}
		if rest, ok := strings.CutPrefix(name, "["); ok {
			out[v.digest] = "[" + node + " " + rest
		} else {
			out[v.digest] = "[" + node + "] " + name
		}
	}
	return out
}

// opKind says in one word what an operation is.
func opKind(op *pb.Op) string {
	switch op.Op.(type) {
	case *pb.Op_Source:
		return "source"
	case *pb.Op_Exec:
		return "exec"
	case *pb.Op_File:
		return "file"
	case *pb.Op_Merge:
		return "merge"
	case *pb.Op_Diff:
		return "diff"
	case *pb.Op_Build:
		return "build"
	}
	return "unknown"
}
