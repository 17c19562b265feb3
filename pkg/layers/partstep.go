package layers

import (
	"path"
	"slices"

	"github.com/terok-ai/terok-agent/pkg/layers/roster"
)

// stepData is one install step for the template of parts: exactly one of its
// pointers is set.
type stepData struct {
	Artefact *artefactData
	Npm      *npmData
	Pypi     *pypiData
	Script   *scriptData
}

// artefactData is a download; N numbers the arguments that pin it.
type artefactData struct {
	N int
	roster.Artefact
}

// npmData is a tree of packages; Lock is a path in the context.
type npmData struct {
	Lock, CPU     string
	Omit, Require []string
}

// pypiData is a virtual environment; Lock and Build are paths in the context.
type pypiData struct{ Package, Python, Lock, Build string }

type scriptData struct{ Shell, Run string }

// addStep adds one step. Packages of the distribution are not among them: they
// go into L0.
func (d *partData) addStep(s roster.ResolvedStep) {
	step := stepData{}
	switch {
	case s.Artefact != nil:
		step.Artefact = &artefactData{N: len(d.Artefacts) + 1, Artefact: *s.Artefact}
		if step.Artefact.Digest == "" {
			step.Artefact.Digest = unpinnedDigest
		}
		d.Artefacts = append(d.Artefacts, step.Artefact)
	case s.Step.Npm != nil:
		step.Npm = &npmData{Lock: s.Tree.File, CPU: nodeArch(d.GnuArch), Omit: s.Step.Npm.Omit, Require: s.Require}
	case s.Step.Pypi != nil:
		p := s.Step.Pypi
		step.Pypi = &pypiData{
			Package: p.Package, Lock: s.Tree.File, Build: s.Tree.Build.File,
			Python: path.Join(path.Dir(d.Prefix), p.Python, "bin/python3"),
		}
	case s.Step.Script != nil:
		step.Script = &scriptData{Shell: s.Step.Script.Shell, Run: s.Step.Script.Run}
	default:
		return
	}
	d.Steps = append(d.Steps, step)
}

// unpinnedDigest is what the fetching script takes for a file that nobody can
// check.
const unpinnedDigest = "unpinned"

// nodeArch spells a processor as npm does.
func nodeArch(gnu string) string {
	if gnu == "x86_64" {
		return "x64"
	}
	return "arm64"
}

// addLocks puts native locks into a context.
func addLocks(files map[string][]byte, t *roster.Tree) {
	if t == nil {
		return
	}
	files[t.File] = t.Text
	if t.Build.File != "" {
		files[t.Build.File] = t.Build.Text
	}
}

// wantedPackages are the distribution's packages that the entries of L1 and of
// the sidecars ask for, sorted.
func (d *drawing) wantedPackages() ([]string, error) {
	var names []string
	if !d.spec.NoL1 {
		selected, _, err := d.spec.selection(d.roster)
		if err != nil {
			return nil, err
		}
		names = selected
	}
	for _, tool := range d.spec.Sidecars {
		if _, ok := d.roster.Lookup(tool); !ok {
			continue // reported where the sidecar is drawn
		}
		more, err := d.roster.Expand([]string{tool})
		if err != nil {
			return nil, err
		}
		names = append(names, more...)
	}
	var packages []string
	for _, name := range names {
		e, _ := d.roster.Lookup(name)
		for _, s := range e.Install {
			if s.Packages != nil && s.Packages.Family == string(d.spec.Family) {
				packages = append(packages, s.Packages.Names...)
			}
		}
	}
	slices.Sort(packages)
	return slices.Compact(packages), nil
}
