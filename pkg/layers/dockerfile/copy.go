package dockerfile

import (
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// transfer is what COPY and ADD have in common. It copies what it needs: a
// typed instruction is shared between calls.
type transfer struct {
	instructions.SourcesAndDest
	from, chown, chmod, checksum string
	link, parents, add           bool
	exclude                      []string
	keepGit, unpack              *bool
}

func copyOf(c *instructions.CopyCommand) transfer {
	return transfer{
		SourcesAndDest: c.SourcesAndDest, from: c.From, chown: c.Chown, chmod: c.Chmod,
		link: c.Link, parents: c.Parents, exclude: c.ExcludePatterns,
	}
}

func addOf(c *instructions.AddCommand) transfer {
	return transfer{
		SourcesAndDest: c.SourcesAndDest, chown: c.Chown, chmod: c.Chmod, checksum: c.Checksum,
		link: c.Link, add: true, exclude: c.ExcludePatterns, keepGit: c.KeepGitDir, unpack: c.Unpack,
	}
}

// copyStep adds a COPY or ADD with what it sees.
func (c *collector) copyStep(in instruction, t transfer) error {
	words, err := c.copyFlags(t)
	if err != nil {
		return err
	}
	sources, set, remote, err := c.copySources(t)
	if err != nil {
		return err
	}
	dest, err := c.destination(t.DestPath)
	if err != nil {
		return err
	}
	inline, err := c.inlineFiles(t)
	if err != nil {
		return err
	}
	words = append(append(append(words, sources...), inline...), dest)
	f := c.fact(in, strings.Join(words, " "))
	f.Untracked = remote && t.checksum == ""
	c.files = append(c.files, f)
	return c.copyInput(in, t, set)
}

// copyInput adds what the step reads: a stage, an image, or the context.
func (c *collector) copyInput(in instruction, t transfer, set SourceSet) error {
	if t.from == "" {
		if len(set.Patterns) > 0 {
			c.files = append(c.files, c.sources(in, set))
		}
		return nil
	}
	ref, err := c.ref(t.from, c.index, in.line)
	if err != nil {
		return err
	}
	f := c.input("copy", ref, in.step)
	f.Display = strings.ToUpper(in.node.Value) + " --from=" + t.from
	c.files = append(c.files, f)
	return nil
}

func (c *collector) sources(in instruction, set SourceSet) Fact {
	return Fact{
		Kind: Sources, Keyword: strings.ToUpper(in.node.Value), Text: strings.Join(set.Patterns, " "),
		Display: display(in.node.Original), Line: in.line, Step: in.step, Sources: set,
	}
}

// copyFlags returns the flags that count, in a fixed order.
func (c *collector) copyFlags(t transfer) ([]string, error) {
	var out []string
	if t.from != "" {
		out = append(out, "--from=*")
	}
	for _, f := range []struct{ name, raw string }{{"chown", t.chown}, {"chmod", t.chmod}, {"checksum", t.checksum}} {
		v, err := c.x.word(f.raw, c.scope)
		if err != nil {
			return nil, err
		}
		if v.text != "" {
			out = append(out, "--"+f.name+"="+v.String())
		}
	}
	for _, f := range []struct {
		name string
		on   bool
	}{{"link", t.link}, {"parents", t.parents}} {
		if f.on {
			out = append(out, "--"+f.name)
		}
	}
	for _, f := range []struct {
		name string
		on   *bool
	}{{"keep-git-dir", t.keepGit}, {"unpack", t.unpack}} {
		if f.on != nil {
			out = append(out, "--"+f.name+"="+strconv.FormatBool(*f.on))
		}
	}
	for _, e := range t.exclude {
		out = append(out, "--exclude="+plain(e).String())
	}
	return out, nil
}

// copySources returns the sources as words, and what of the context they
// select; remote is true when one of them is fetched and not pinned by itself.
func (c *collector) copySources(t transfer) (words []string, set SourceSet, remote bool, err error) {
	set = SourceSet{Exclude: knownExcludes(t.exclude), Parents: t.parents, Follow: true, Wildcards: true}
	for _, raw := range t.SourcePaths {
		v, err := c.x.word(raw, c.scope)
		if err != nil {
			return nil, set, false, err
		}
		switch {
		case t.add && v.symbolic:
			// It may be a file of the context or something remote.
			words, remote = append(words, v.String()), remote || remoteSource(raw)
			set.Patterns = append(set.Patterns, ".")
		case v.symbolic:
			words = append(words, v.String())
			set.Patterns = append(set.Patterns, ".")
		case t.add && remoteSource(v.text):
			words, remote = append(words, v.String()), remote || !pinnedCommit(v.text)
		default:
			words = append(words, plain(sourcePath(v.text, t.parents)).String())
			set.Patterns = append(set.Patterns, contextPath(v.text))
		}
	}
	return words, set, remote, nil
}

// knownExcludes drops patterns that a builder might expand: excluding less is
// the safe side.
func knownExcludes(list []string) []string {
	var out []string
	for _, e := range list {
		if !strings.Contains(e, "$") {
			out = append(out, e)
		}
	}
	return out
}

var (
	remotePattern = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*://|[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:)`)
	commitPattern = regexp.MustCompile(`#[0-9a-f]{40}([0-9a-f]{24})?(:|$)`)
)

func remoteSource(s string) bool { return remotePattern.MatchString(s) }

// pinnedCommit reports whether a git source names a whole commit.
func pinnedCommit(s string) bool { return commitPattern.MatchString(s) }

// sourcePath returns the one spelling of a source. With --parents the point
// after which the directories are kept ("/./") counts.
func sourcePath(p string, parents bool) string {
	if parents {
		if before, after, ok := strings.Cut(p, "/./"); ok {
			return contextPath(before) + "/./" + contextPath(after)
		}
	}
	return contextPath(p)
}

// contextPath returns p relative to the context's root, which is ".".
func contextPath(p string) string {
	p = strings.TrimPrefix(path.Join("/", p), "/")
	if p == "" {
		return "."
	}
	return p
}

// destination returns where the step writes. Whether it is written as a
// directory counts.
func (c *collector) destination(raw string) (string, error) {
	v, err := c.x.word(raw, c.scope)
	if err != nil {
		return "", err
	}
	d := c.resolve(v)
	if d.symbolic {
		return d.String(), nil
	}
	s := v.text
	if s == "" || s == "." || strings.HasSuffix(s, "/") || strings.HasSuffix(s, "/.") {
		d.text = strings.TrimSuffix(d.text, "/") + "/"
	}
	return d.String(), nil
}

// inlineFiles returns the here-documents: name and content.
func (c *collector) inlineFiles(t transfer) ([]string, error) {
	var out []string
	for _, s := range t.SourceContents {
		v := plain(s.Data)
		if s.Expand {
			var err error
			if v, err = c.x.content(s.Data, c.scope); err != nil {
				return nil, err
			}
		}
		text := v.text
		if !v.symbolic {
			text = strconv.Quote(text)
		}
		out = append(out, "<<"+plain(s.Path).String(), text)
	}
	return out, nil
}

// workdir adds a WORKDIR: a setting, and a step that makes a directory for the
// user of the moment.
func (c *collector) workdir(in instruction, cmd *instructions.WorkdirCommand) error {
	v, err := c.x.word(cmd.Path, c.scope)
	if err != nil {
		return err
	}
	dir := c.resolve(v)
	c.see(classUser)
	if c.epoch() {
		c.useBuiltin(epochArg, in)
	}
	f := c.fact(in, dir.String())
	c.config = append(c.config, f)
	c.files = append(c.files, f)
	c.all = append(without(c.all, classWorkdir), state{classWorkdir, f})
	c.pending = without(c.pending, classWorkdir)
	c.dir = dir
	if !path.IsAbs(dir.text) {
		c.dir = value{symbolic: true}
	}
	return nil
}
