package oracle_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"
)

// state is all of a project that an edit may change, as it is kept.
type state struct {
	// Head are the lines before the first FROM.
	Head   []string `json:",omitempty"`
	Stages []stage
	// Files are paths with what unpack takes; Dirs are the modes of directories
	// other than 0755.
	Files  map[string]string
	Dirs   map[string]octal  `json:",omitempty"`
	Ignore []string          `json:",omitempty"`
	Args   map[string]string `json:",omitempty"`
	// Target is the stage that is built, "" for the last.
	Target string `json:",omitempty"`
	// Bases are the external images by reference; their number grows when one
	// moves.
	Bases map[string]int
}

// stage is one stage of a project; a line is an instruction, with its
// here-documents.
type stage struct {
	Name, From string
	Lines      []string
}

// octal is a mode, written as people write it.
type octal os.FileMode

func (o octal) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%04o", uint32(o)), nil }

func (o *octal) UnmarshalText(text []byte) error {
	bits, err := strconv.ParseUint(string(text), 8, 32)
	*o = octal(bits)
	return err
}

// clone is a copy that shares nothing.
func (s state) clone(t *testing.T) (out state) {
	t.Helper()
	text, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	if out.Dirs == nil {
		out.Dirs = map[string]octal{}
	}
	if out.Args == nil {
		out.Args = map[string]string{}
	}
	return out
}
