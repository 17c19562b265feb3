package llb

import (
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/moby/buildkit/solver/pb"
)

// dump is a lowered recipe for people who look for why a step runs. Names are
// those of Image.Steps.
type dump struct {
	Ops    []dumpedOp      `json:"ops"`
	Config json.RawMessage `json:"config"`
}

type dumpedOp struct {
	Digest string `json:"digest"`
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	// Inputs are digests, with ":N" for an output that is not the first.
	Inputs []string `json:"inputs,omitempty"`
	Line   int      `json:"line,omitempty"`
	// One of these says what it does.
	Source string   `json:"source,omitempty"`
	Exec   *dumpRun `json:"exec,omitempty"`
	File   []string `json:"file,omitempty"`
}

type dumpRun struct {
	Args    []string `json:"args"`
	Env     []string `json:"env,omitempty"`
	Cwd     string   `json:"cwd,omitempty"`
	User    string   `json:"user,omitempty"`
	Network string   `json:"network,omitempty"`
	Mounts  []string `json:"mounts,omitempty"`
}

// WriteJSON writes operations, inputs first, and the image's configuration:
// the same bytes for the same recipe. The data of files is left out.
func (i *Image) WriteJSON(w io.Writer) error {
	d := dump{Ops: []dumpedOp{}, Config: i.Config}
	for _, v := range readOps(i.Definition) {
		op := dumpedOp{Digest: string(v.digest), Kind: opKind(v.op), Name: i.Steps[v.digest], Line: i.Lines[v.digest].Line}
		for _, in := range v.op.Inputs {
			text := in.Digest
			if in.Index > 0 {
				text += fmt.Sprintf(":%d", in.Index)
			}
			op.Inputs = append(op.Inputs, text)
		}
		op.describe(v.op)
		d.Ops = append(d.Ops, op)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(d)
}

func (d *dumpedOp) describe(op *pb.Op) {
	switch o := op.Op.(type) {
	case *pb.Op_Source:
		d.Source = o.Source.Identifier
	case *pb.Op_Exec:
		m := o.Exec.Meta
		d.Exec = &dumpRun{Args: m.Args, Env: m.Env, Cwd: m.Cwd, User: m.User}
		if o.Exec.Network != pb.NetMode_UNSET {
			d.Exec.Network = strings.ToLower(o.Exec.Network.String())
		}
		for _, mount := range o.Exec.Mounts {
			d.Exec.Mounts = append(d.Exec.Mounts, strings.ToLower(mount.MountType.String())+" "+mount.Dest)
		}
		sort.Strings(d.Exec.Mounts)
	case *pb.Op_File:
		for _, a := range o.File.Actions {
			d.File = append(d.File, describeAction(a))
		}
	}
}

// describeAction is one line: what is done, mode, from where, to where.
func describeAction(a *pb.FileAction) string {
	switch x := a.Action.(type) {
	case *pb.FileAction_Copy:
		return fmt.Sprintf("copy %s %s", x.Copy.Src, x.Copy.Dest)
	case *pb.FileAction_Mkdir:
		return fmt.Sprintf("mkdir %04o %s", x.Mkdir.Mode, x.Mkdir.Path)
	case *pb.FileAction_Mkfile:
		return fmt.Sprintf("mkfile %04o %s (%d bytes)", x.Mkfile.Mode, x.Mkfile.Path, len(x.Mkfile.Data))
	case *pb.FileAction_Symlink:
		return fmt.Sprintf("symlink %s %s", x.Symlink.Oldpath, x.Symlink.Newpath)
	case *pb.FileAction_Rm:
		return "rm " + x.Rm.Path
	}
	return "unknown"
}
