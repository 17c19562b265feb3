package oracle_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// fileEdits are edits of the build context and of what of it is ignored.
var fileEdits = []kind{
	{"content of a file", func(p *project) bool { return p.anyFile("src/", func(n, s string) { p.put(n, s+"+") }) }},
	{"mode of a file", func(p *project) bool {
		return p.anyFile("src/d", func(n, s string) { p.put(n, strings.Replace(s, "0644", "0600", 1)) })
	}},
	{"setuid of a file", func(p *project) bool {
		return p.anyFile("src/d", func(n, s string) { p.put(n, strings.Replace(s, "0644", "0755", 1)) })
	}},
	{"file removed", func(p *project) bool {
		return p.anyFile("src/d", func(n, _ string) {
			if !strings.Contains(n, "/sub/") && !strings.Contains(n, "/turn/") {
				p.drop(n)
			}
		})
	}},
	{"file added", func(p *project) bool { p.put(fmt.Sprintf("src/d%d/new.txt", p.rand.IntN(3)), "0644 new"); return true }},
	{"directory added", func(p *project) bool {
		dir := fmt.Sprintf("src/d%d/more", p.rand.IntN(3))
		if _, there := p.Files[dir+"/new"]; there {
			return false
		}
		p.say(plan.FileAdded, dir, "", "")
		p.put(dir+"/new", "0644 in a new directory")
		return true
	}},
	{"program changed", func(p *project) bool { p.put("run.sh", p.Files["run.sh"]+"exit 0\n"); return true }},
	{"archive", func(p *project) bool {
		p.put("archive.tar", fmt.Sprint("tar other ", p.rand.IntN(1000)))
		return true
	}},
	{"target of a link", func(p *project) bool {
		p.put("src/d0/link", "link "+[]string{"f0.txt", staying, "nowhere"}[p.rand.IntN(3)])
		return true
	}},
	{"target of a followed link", func(p *project) bool {
		was := p.followed("lead")
		p.Files["lead"] = "link " + []string{"src/d1/" + staying, "fixed.txt"}[p.rand.IntN(2)]
		p.say(plan.FileChanged, "lead", was, p.followed("lead"))
		return true
	}},
	{"directory becomes a file", func(p *project) bool {
		const dir = "src/d2/turn"
		inner, is := p.Files[dir+"/inner.txt"]
		if !is {
			return false
		}
		delete(p.Dirs, dir)
		p.say(plan.FileRemoved, dir+"/inner.txt", digestOf(inner), "")
		delete(p.Files, dir+"/inner.txt")
		p.Files[dir] = "0644 a file now"
		p.say(plan.FileChanged, dir, "", digestOf(p.Files[dir]))
		return true
	}},
	{"file becomes a directory", func(p *project) bool {
		const dir = "src/d2/turn"
		text, is := p.Files[dir]
		if !is {
			return false
		}
		delete(p.Files, dir)
		p.say(plan.FileChanged, dir, digestOf(text), "")
		p.put(dir+"/inner.txt", "0644 again below a directory")
		return true
	}},
	{"mode of a directory", func(p *project) bool {
		dir := fmt.Sprintf("src/d%d", p.rand.IntN(3)) + []string{"", "/sub"}[p.rand.IntN(2)]
		if p.Dirs[dir] != 0 {
			return false
		}
		p.Dirs[dir], p.stale = 0o750, true
		p.say(plan.ModeChanged, dir, "0755", "0750")
		return true
	}},
	{"file nobody reads", func(p *project) bool { p.Files["unused/notes.txt"] += "!"; return true }},
	{"file written again", func(*project) bool { return true }},
	{"ignored what is read", func(p *project) bool {
		return p.anyFile("src/d", func(n, s string) {
			if !strings.Contains(n, "/sub/") && !slices.Contains(p.Ignore, n) {
				p.Ignore = append(p.Ignore, n)
				p.say(plan.FileRemoved, n, digestOf(s), "")
			}
		})
	}},
	{"not ignored any more", func(p *project) bool {
		n := fmt.Sprintf("src/d%d/hidden.txt", p.rand.IntN(3))
		if len(p.Ignore) == 0 || p.Files[n] == "" || slices.Contains(p.Ignore, "!"+n) {
			return false
		}
		p.Ignore = append(p.Ignore, "!"+n)
		p.say(plan.FileAdded, n, "", digestOf(p.Files[n]))
		return true
	}},
	{"ignored what nobody reads", func(p *project) bool { p.Ignore = append(p.Ignore, "unused"); return true }},
}

// unpack is the mode and content of a file, of "0644 text" or of "tar text", an
// archive of one file; of "link target", a symbolic link, it is those two.
func unpack(text string) (mode, content string) {
	mode, content, _ = strings.Cut(text, " ")
	if mode == "tar" {
		return "0644", archive(content)
	}
	return mode, content
}

// digestOf is how a plan shows the content of a file or the target of a link.
func digestOf(text string) string {
	mode, content := unpack(text)
	if mode == "link" {
		return short(graph.DigestOf("link", content))
	}
	h := graph.NewContentHash()
	_, _ = h.Write([]byte(content)) // a hash takes everything
	return short(graph.ContentDigest(h))
}

func short(digest string) string { return strings.TrimPrefix(digest, "sha256:")[:12] }

// followed is the content that a link leads to.
func (p *project) followed(link string) string {
	return digestOf(p.Files[strings.TrimPrefix(p.Files[link], "link ")])
}

// put writes a file and says what a plan must say of that.
func (p *project) put(name, text string) {
	was, there := p.Files[name]
	p.Files[name] = text
	oldMode, _, _ := strings.Cut(was, " ")
	mode, _, _ := strings.Cut(text, " ")
	switch {
	case !there:
		p.say(plan.FileAdded, name, "", digestOf(text))
	case was == text:
	case digestOf(was) == digestOf(text):
		p.say(plan.ModeChanged, name, oldMode, mode)
	default:
		p.say(plan.FileChanged, name, digestOf(was), digestOf(text))
	}
}

// drop removes a file and says so.
func (p *project) drop(name string) {
	p.say(plan.FileRemoved, name, digestOf(p.Files[name]), "")
	delete(p.Files, name)
}

// anyFile picks a file that may be edited.
func (p *project) anyFile(prefix string, change func(name, text string)) bool {
	var names []string
	for n, text := range p.Files {
		if strings.HasPrefix(n, prefix) && !strings.HasPrefix(text, "link ") && !strings.HasSuffix(n, staying) {
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return false
	}
	slices.Sort(names)
	name := names[p.rand.IntN(len(names))]
	change(name, p.Files[name])
	return true
}

// followsFiles allows for files of a directory that are read or not read any
// more.
func (p *project) followsFiles(dir string) {
	for n, text := range p.Files {
		if !strings.HasPrefix(n, dir+"/") {
			continue
		}
		p.follows(plan.FileAdded, n, "", digestOf(text))
		p.follows(plan.FileRemoved, n, digestOf(text), "")
		for at := n; strings.Contains(at, "/"); {
			at = at[:strings.LastIndexByte(at, '/')]
			p.follows(plan.FileAdded, at, "", "")
			p.follows(plan.FileRemoved, at, "", "")
		}
	}
}
