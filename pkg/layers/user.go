package layers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/distribution/reference"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/content"
)

// UserLayer is an image that the user declares: a Dockerfile, and what it is
// built with. What it stands on is read from the Dockerfile.
type UserLayer struct {
	// Name is the node's name.
	Name string
	// Dockerfile is the path of the Dockerfile and Context that of the directory
	// it is built in; both as this process finds them.
	Dockerfile, Context string
	// Target is the stage to build; "" means the last one.
	Target string
	// Args are the build arguments passed.
	Args map[string]string
	// Tags are the names the image is published under, each with its tag.
	Tags []string
	// MaxAge is how old the image may be; 0 means any age.
	MaxAge time.Duration
}

// reservedNames cannot be names of user layers: they mean something else in a
// Dockerfile or in a plan.
var reservedNames = map[string]string{
	string(BaseID): "it is the base", string(L0ID): "it is built in", string(L1ID): "it is built in", string(FetchID): "it is built in",
	"scratch": "it is the empty image", "context": "builders call the build context so",
}

// CheckLayerName says why a user layer cannot have this name, or "".
func CheckLayerName(name string) string {
	if why := reservedNames[name]; why != "" {
		return why
	}
	if strings.Trim(name, "0123456789") == "" {
		return "a number is a stage"
	}
	return ""
}

// ParseTag reads the name of an image to be: a reference without a digest. One
// without a tag is given "latest".
func ParseTag(text string) (string, error) {
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return "", refError(text, err)
	}
	if _, pinned := named.(reference.Digested); pinned {
		return "", fmt.Errorf("reading the name %q of an image to be: it has a digest", text)
	}
	if _, tagged := named.(reference.Tagged); !tagged {
		text += ":latest"
	}
	return text, nil
}

// userRecipe is what a user's layer has beside its Dockerfile.
type userRecipe struct {
	UserLayer
	// dir is the context as every directory finds it, exclude what of it is not
	// seen, and tree what is.
	dir     string
	exclude []string
	tree    *content.Tree
}

// drawUser reads a user's Dockerfile and opens its context.
func (d *drawing) drawUser(u UserLayer) error {
	text, err := os.ReadFile(u.Dockerfile)
	if err != nil {
		return fmt.Errorf("layer %q: reading its Dockerfile: %w", u.Name, err)
	}
	r := &userRecipe{UserLayer: u}
	rules, err := content.IgnorePatterns(u.Context, u.Dockerfile)
	if err != nil {
		return fmt.Errorf("layer %q: %w", u.Name, err)
	}
	r.exclude = append([]string{}, rules...) // never nil: no builder need look
	if r.dir, err = filepath.Abs(u.Context); err != nil {
		return fmt.Errorf("layer %q: %w", u.Name, err)
	}
	if r.tree, err = content.OpenDir(u.Context, r.exclude, d.digestsOf(r.dir)); err != nil {
		return fmt.Errorf("layer %q: %w", u.Name, err)
	}
	l := layer{id: graph.ID(u.Name), file: u.Dockerfile, text: text, user: r}
	for _, tag := range u.Tags {
		l.tags = append(l.tags, d.tag(tag))
	}
	d.layers = append(d.layers, l)
	return nil
}

// digestsOf are the digests that are remembered of a context; layers that share
// it share them.
func (d *drawing) digestsOf(dir string) *content.Digests {
	if d.spec.CacheDir == "" {
		return nil
	}
	if d.digests[dir] == nil {
		d.digests[dir] = content.OpenDigests(d.spec.CacheDir, dir)
	}
	return d.digests[dir]
}
