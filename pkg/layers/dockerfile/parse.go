package dockerfile

import (
	"bytes"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// instruction is one instruction with the node it was read from. The node is
// kept because some typed forms are changed by expanding them: facts of a RUN
// with mounts start from the node each time.
type instruction struct {
	cmd       instructions.Command
	node      *parser.Node
	line, end int
	step      int
}

// stage is one parsed stage.
type stage struct {
	from      *instructions.Stage
	line, end int
	steps     []instruction
}

// Parse reads a Dockerfile; name is for messages. The grammar is BuildKit's.
// Errors are *ParseError.
func Parse(name string, src []byte) (*File, error) {
	f := &File{Name: name, src: bytes.Clone(src)}
	res, err := parser.Parse(bytes.NewReader(f.src))
	if err != nil {
		return nil, f.wrap(0, err)
	}
	f.escape = res.EscapeToken
	for _, n := range res.AST.Children {
		if err := f.add(n); err != nil {
			return nil, err
		}
	}
	if len(f.parsed) == 0 {
		return nil, f.errorf(0, "no FROM: there is nothing to build")
	}
	return f, nil
}

// add appends the instruction of n.
func (f *File) add(n *parser.Node) error {
	typed, err := instructions.ParseInstruction(n)
	if err != nil {
		return f.wrap(n.StartLine, err)
	}
	if from, ok := typed.(*instructions.Stage); ok {
		f.parsed = append(f.parsed, stage{from: from, line: n.StartLine, end: n.EndLine})
		f.Stages = append(f.Stages, StageText{Name: from.Name, Instructions: []InstructionText{textOf(n)}})
		return nil
	}
	cmd, ok := typed.(instructions.Command)
	if !ok {
		return f.errorf(n.StartLine, "%s is not an instruction of a stage", strings.ToUpper(n.Value))
	}
	in := instruction{cmd: cmd, node: n, line: n.StartLine, end: n.EndLine}
	if len(f.parsed) == 0 {
		if _, isArg := cmd.(*instructions.ArgCommand); !isArg {
			return f.errorf(n.StartLine, "%s before the first FROM: only ARG may stand there", strings.ToUpper(n.Value))
		}
		f.globals = append(f.globals, in)
		return nil
	}
	last := len(f.parsed) - 1
	in.step = len(f.parsed[last].steps) + 1
	f.parsed[last].steps = append(f.parsed[last].steps, in)
	f.Stages[last].Instructions = append(f.Stages[last].Instructions, textOf(n))
	return nil
}

// Source returns the text that was parsed.
func (f *File) Source() []byte { return bytes.Clone(f.src) }

func textOf(n *parser.Node) InstructionText {
	return InstructionText{Keyword: strings.ToUpper(n.Value), Text: display(n.Original), Line: n.StartLine, EndLine: n.EndLine}
}

// display returns the one-line text for people of an instruction.
func display(original string) string {
	words := strings.Fields(original)
	if len(words) == 0 {
		return ""
	}
	words[0] = strings.ToUpper(words[0])
	return strings.Join(words, " ")
}
