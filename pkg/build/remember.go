package build

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
)

// The kinds of facts about external images that are kept between runs. They
// belong to an image's config digest and never change.
const (
	factInherited = "inherited"
	factOSRelease = "os-release"
)

// fact is what a file of the cache holds. It is a cache: whatever goes wrong with
// it, the image can be asked again.
type fact[T any] struct {
	Digest string
	Fact   T
}

func (o Options) factFile(kind, digest string) string {
	return filepath.Join(buildkit.CacheDir(o.Getenv), kind, strings.TrimPrefix(digest, "sha256:")+".json")
}

// recall returns what is remembered of an image.
func recall[T any](o Options, kind, digest string) (T, bool) {
	var known fact[T]
	text, err := os.ReadFile(o.factFile(kind, digest))
	if err != nil || json.Unmarshal(text, &known) != nil || known.Digest != digest {
		return *new(T), false
	}
	return known.Fact, true
}

func remember[T any](o Options, kind, digest string, known T) {
	text, err := json.Marshal(fact[T]{digest, known})
	if err != nil {
		return
	}
	file := o.factFile(kind, digest)
	if os.MkdirAll(filepath.Dir(file), 0o700) != nil {
		return
	}
	part := fmt.Sprintf("%s.%d", file, os.Getpid())
	if os.WriteFile(part, text, 0o600) == nil {
		_ = os.Rename(part, file)
	}
}
