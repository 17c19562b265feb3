package roster

import (
	"bytes"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"sort"
	"strconv"

	"github.com/terok-ai/terok-agent/pkg/layers/yamlfile"
)

var (
	variable     = regexp.MustCompile(`\{\{[^}]*\}\}`)
	packageName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+:~_=@()-]*$`)
	commandName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	// safePath keeps what a shell or a Dockerfile would read as its own out of
	// paths.
	safePath = regexp.MustCompile(`^[A-Za-z0-9._@+%~,=:/-]+$`)
)

var kinds = []string{string(Native), string(Adapter), string(OpenCode), string(Bridge), string(Tool), string(Runtime)}

var entryKeys = []string{
	"kind", "label", "default", "depends_on", "needs", "install", "commands", "files", "links", "env", "prepare", "probe",
	"help", "sidecar", "families", "platforms", "state",
}

// readEntry reads the text of one entry's file and returns all mistakes.
func readEntry(file, name string, text []byte) (Entry, []error) {
	r := newReader(file)
	e := Entry{Name: name, File: file, Kind: Native, Label: name, Default: true, Platforms: AllPlatforms(), at: r.At}
	doc, ok := r.Document(text)
	if !ok {
		return e, r.Errs
	}
	m := r.Mapping(doc, entryKeys...)
	r.readHead(m, &e)
	r.readContent(m, &e)
	r.readRun(m, &e)
	r.checkTargets(e)
	r.checkSteps(m, &e)
	e.addNeeds()
	if len(r.Errs) == 0 && len(e.Install)+len(e.Commands)+len(e.Files)+len(e.Links) == 0 {
		r.Errorf(doc.Pos, "give it install, commands, files or links", "entry %q puts nothing into an image", name)
	}
	return e, r.Errs
}

func (r *reader) readHead(m map[string]value, e *Entry) {
	if v, ok := m["kind"]; ok {
		e.Kind = Kind(r.Text(v))
		r.oneOf(m, "kind", []string{string(e.Kind)}, kinds...)
	}
	if v, ok := m["label"]; ok {
		e.Label = r.Text(v)
	}
	if v, ok := m["default"]; ok {
		e.Default = r.Bool(v)
	}
	e.DependsOn = r.textOrTexts(m, "depends_on")
	e.Needs = r.textOrTexts(m, "needs")
	r.readState(m, e)
	e.Families = r.optionalTexts(m, "families")
	r.oneOf(m, "families", e.Families, "deb", "rpm")
	if _, ok := m["platforms"]; ok {
		e.Platforms = r.optionalTexts(m, "platforms")
		r.oneOf(m, "platforms", e.Platforms, AllPlatforms()...)
		sort.Strings(e.Platforms)
	}
	for _, key := range []string{"families", "platforms"} {
		if v, ok := m[key]; ok && len(r.optionalTexts(m, key)) == 0 {
			r.Errorf(v.Pos, "leave it out to allow all", "%q is empty", key)
		}
	}
	if v, ok := m["help"]; ok {
		h := r.Mapping(v, "label", "section")
		e.Help = Help{Label: r.optional(h, "label"), Section: r.optional(h, "section")}
		if e.Help.Section != "" {
			r.oneOf(h, "section", []string{e.Help.Section}, SectionAgent, SectionDevTool)
		}
	}
	if e.Help.Section == "" {
		e.Help.Section = SectionAgent
	}
	if v, ok := m["sidecar"]; ok {
		e.Sidecar = &Sidecar{}
		if s := r.Mapping(v, "env_map"); s["env_map"].IsSet() {
			e.Sidecar.EnvMap = r.TextMap(s["env_map"])
			r.checkNames(s["env_map"], e.Sidecar.EnvMap, variableName, "variable")
		}
	}
}

func (r *reader) readState(m map[string]value, e *Entry) {
	v, ok := m["state"]
	if !ok {
		return
	}
	s := r.Mapping(v, "dirs", "env")
	r.need(v, s, "dirs")
	e.State.Dirs = r.optionalTexts(s, "dirs")
	for _, dir := range e.State.Dirs {
		if !isInside(dir) || !safePath.MatchString(dir) {
			r.Errorf(s["dirs"].Pos, "write it relative to the home directory, such as .codex", "state %q is no directory of the home directory", dir)
		}
	}
	if env, ok := s["env"]; ok {
		e.State.Env = r.TextMap(env)
		r.checkNames(env, e.State.Env, variableName, "variable")
	}
}

func (r *reader) readContent(m map[string]value, e *Entry) {
	if v, ok := m["install"]; ok {
		e.Install = r.steps(v)
	}
	if v, ok := m["commands"]; ok {
		e.Commands = r.templateMap(v)
		r.checkNames(v, e.Commands, commandName, "command")
		for name, target := range e.Commands {
			if !isInside(target) && !isAbsolute(plainTemplate(target)) {
				r.Errorf(r.At[yamlfile.Join(v.Path, name)], "", "command %q: %q is neither a path below the prefix nor an absolute one", name, target)
			}
		}
	}
	if v, ok := m["files"]; ok {
		for _, f := range r.Elements(v) {
			e.Files = append(e.Files, r.readFile(f, e))
		}
	}
	if v, ok := m["links"]; ok {
		e.Links = r.templateMap(v)
		for from, to := range e.Links {
			if !isAbsolute(from) || !safePath.MatchString(plainTemplate(to)) {
				r.Errorf(r.At[yamlfile.Join(v.Path, from)], "", "link %q must be an absolute path with a plain path as its target", from)
			}
		}
	}
	if v, ok := m["env"]; ok {
		e.Env = r.templateMap(v)
		r.checkNames(v, e.Env, variableName, "variable")
	}
}

func (r *reader) readRun(m map[string]value, e *Entry) {
	if v, ok := m["prepare"]; ok {
		p := r.Mapping(v, "run", "env")
		r.need(v, p, "run")
		e.Prepare = &Run{Run: r.templates(p, "run"), Pos: v.Pos}
		if env, ok := p["env"]; ok {
			e.Prepare.Env = r.templateMap(env)
			r.checkNames(env, e.Prepare.Env, variableName, "variable")
		}
		r.checkCommand(p, e.Prepare.Run)
	}
	if v, ok := m["probe"]; ok {
		p := r.Mapping(v, "run", "expect")
		r.need(v, p, "run")
		e.Probe = &Probe{Run: r.templates(p, "run"), Expect: r.template(p, "expect"), Pos: v.Pos}
		r.checkCommand(p, e.Probe.Run)
	}
}

func (r *reader) checkCommand(m map[string]value, run []string) {
	if v, ok := m["run"]; ok && (len(run) == 0 || run[0] == "") {
		r.Errorf(v.Pos, "", "%q needs a command", v.Path)
	}
}

// checkTargets reports paths that the entry itself writes twice.
func (r *reader) checkTargets(e Entry) {
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(e.Commands)) {
		seen[path.Join(CommandDir, name)] = true
	}
	report := func(to string, pos Pos) {
		if seen[to] {
			r.Errorf(pos, "", "%q is written twice", to)
		}
		seen[to] = true
	}
	for _, f := range e.Files {
		report(f.To, f.Pos)
	}
	for _, link := range slices.Sorted(maps.Keys(e.Links)) {
		report(link, r.At[yamlfile.Join("links", link)])
	}
}

// readFile reads one element of files; put is found later.
func (r *reader) readFile(v value, e *Entry) File {
	m := r.Mapping(v, "put", "to", "mode")
	r.need(v, m, "put", "to")
	put := r.optional(m, "put")
	r.insides(m, "put", []string{put})
	f := File{Source: path.Join(path.Dir(path.Dir(e.File)), "scripts", "agents", e.Name, put), To: r.optional(m, "to"), Pos: v.Pos}
	if _, ok := m["to"]; ok && !isAbsolute(f.To) {
		r.Errorf(m["to"].Pos, "", "%q must be an absolute path", m["to"].Path)
	}
	if mode, ok := m["mode"]; ok {
		text := r.Text(mode)
		bits, err := strconv.ParseUint(text, 8, 32)
		if err != nil || bits == 0 || bits > 0o777 {
			r.Errorf(mode.Pos, `such as "0644"`, "%q is not a file's mode", text)
		}
		f.Mode = fs.FileMode(bits)
	}
	return f
}

// findFiles looks for the files that the entry names and sets the modes it
// leaves open.
func (e Entry) findFiles(fsys fs.FS) []error {
	var errs []error
	for i := range e.Files {
		f := &e.Files[i]
		text, err := fs.ReadFile(fsys, f.Source)
		if err != nil {
			errs = append(errs, &Error{File: e.File, Line: f.Line, Column: f.Column, Message: "there is no file " + strconv.Quote(f.Source)})
			continue
		}
		if f.Mode == 0 {
			f.Mode = 0o644
			if bytes.HasPrefix(text, []byte("#!")) {
				f.Mode = 0o755
			}
		}
	}
	return errs
}

// isAbsolute tells whether a path is absolute and has no detours.
func isAbsolute(p string) bool {
	return path.IsAbs(p) && path.Clean(p) == p && p != "/" && safePath.MatchString(p)
}

// isInside tells whether a template is a clean path that stays below where it
// starts.
func isInside(p string) bool {
	p = plainTemplate(p)
	return fs.ValidPath(p) && p != "." && safePath.MatchString(p)
}

// checkSteps reports steps that do not fit together: an entry has one native
// lock of each kind, its virtual environment stands on an interpreter, and what
// packages bring is not there where a probe runs.
func (r *reader) checkSteps(m map[string]value, e *Entry) {
	count := map[string]int{}
	for _, s := range e.Install {
		kind := s.Kind()
		if count[kind]++; count[kind] == 2 && (kind == "npm" || kind == "pypi") {
			r.Errorf(s.Pos, "", "an entry has one %s step", kind)
		}
		if s.Pypi != nil && s.Pypi.Python != "" && !slices.Contains(e.DependsOn, s.Pypi.Python) {
			r.Errorf(s.Pos, "", "an image with %s needs its interpreter: add depends_on: [%s]", e.Name, s.Pypi.Python)
		}
		if s.Packages != nil && e.Probe != nil {
			r.Errorf(m["probe"].Pos, "", "packages go into l0, so nothing can be asked where the part is made")
		}
	}
}

// addNeeds adds what the steps install with.
func (e *Entry) addNeeds() {
	add := func(name string) {
		if name != "" && !slices.Contains(e.Needs, name) {
			e.Needs = append(e.Needs, name)
		}
	}
	for _, s := range e.Install {
		if s.Npm != nil {
			add(s.Npm.Node)
		}
		if s.Pypi != nil {
			add(s.Pypi.Python)
		}
	}
	slices.Sort(e.Needs)
}
