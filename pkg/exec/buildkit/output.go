package buildkit

import (
	"bytes"
	"io"
	"os"
	"strings"
)

// outputFile is the path of what a daemon of our own says.
type outputFile string

const tailBytes = 64 << 10

// lines are the last lines, without stack traces.
func (f outputFile) lines() []string {
	var out []string
	for _, l := range bytes.Split(bytes.TrimSpace(f.tail()), []byte("\n")) {
		if len(l) > 0 && l[0] != '\t' && !bytes.HasPrefix(l, []byte("github.com/")) && !bytes.HasPrefix(l, []byte("main.")) {
			out = append(out, string(l))
		}
	}
	return out[max(0, len(out)-20):]
}

// tail is the end of the file; a file that cannot be read has none.
func (f outputFile) tail() []byte {
	file, err := os.Open(string(f))
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err == nil && info.Size() > tailBytes {
		_, _ = file.Seek(-tailBytes, io.SeekEnd)
	}
	text, _ := io.ReadAll(file)
	return text
}

// reason is the daemon's last word.
func (f outputFile) reason() string {
	for _, l := range f.lines() {
		if rest, ok := strings.CutPrefix(l, "buildkitd: "); ok {
			return rest
		}
	}
	return ""
}
