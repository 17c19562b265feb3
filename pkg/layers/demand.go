package layers

import (
	"slices"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

// drawUsers draws the user's layers, and of the built-in ones those that
// something needs.
func (d *drawing) drawUsers() error {
	for _, u := range d.spec.Layers {
		if err := d.drawUser(u); err != nil {
			return err
		}
	}
	names, err := d.referred()
	if err != nil {
		return err
	}
	// What L0 holds depends on all that stands on it, so that must be known
	// before anything is drawn.
	for _, name := range names {
		d.expect(name)
	}
	for _, name := range names {
		if err := d.need(name); err != nil {
			return err
		}
	}
	return nil
}

// referred are the names of everything that is asked for or referred to.
func (d *drawing) referred() ([]string, error) {
	var names []string
	if !d.spec.NoL1 {
		names = append(names, string(L1ID))
	}
	for _, tool := range d.spec.Sidecars {
		names = append(names, string(SidecarID(tool)))
	}
	for _, id := range d.spec.Wanted {
		names = append(names, string(id))
	}
	for i := range d.layers {
		if err := d.readFacts(&d.layers[i]); err != nil {
			return nil, err
		}
		err := eachRef(d.layers[i].facts, func(_ string, ref dockerfile.Ref) error {
			names = append(names, ref.External)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

// expect notes that a layer will stand on L0.
func (d *drawing) expect(name string) {
	switch id, tool := d.builtIn(name); {
	case id == L1ID:
		d.spec.NoL1 = false
	case IsSidecar(id) && !slices.Contains(d.spec.Sidecars, tool):
		d.spec.Sidecars = append(slices.Clone(d.spec.Sidecars), tool)
	}
}

// need draws the built-in layer that a name means, with what it stands on. A
// name of something else is left alone.
func (d *drawing) need(name string) error {
	id, entry := d.builtIn(name)
	if id == "" || d.has(id) {
		return nil
	}
	if err := d.needFamily(); err != nil {
		return err
	}
	switch {
	case id == L0ID:
		return d.drawL0()
	case id == FetchID:
		return d.drawFetch()
	case IsPart(id):
		_, err := d.drawPart(entry)
		return err
	}
	if err := d.need(string(L0ID)); err != nil {
		return err
	}
	if id == L1ID {
		return d.drawL1()
	}
	return d.drawSidecar(entry, len(d.asked.sidecars) > 0 && d.asked.sidecars[0] == entry)
}

// builtIn tells which built-in layer a name means: its own or that of its
// image. "" is none.
func (d *drawing) builtIn(name string) (id graph.ID, entry string) {
	bare := strings.TrimPrefix(name, "localhost/")
	repo, _ := splitTag(bare)
	switch {
	case bare == string(L0ID), repo == repositoryL0:
		return L0ID, ""
	case bare == string(FetchID), repo == repositoryFetch:
		return FetchID, ""
	case bare == string(L1ID), repo == repositoryL1:
		return L1ID, ""
	}
	if tool, ok := strings.CutPrefix(bare, string(SidecarID(""))); ok {
		return SidecarID(tool), tool
	}
	for _, entry := range d.roster.Names() {
		e, _ := d.roster.Lookup(entry)
		switch {
		case bare == string(PartID(e)), repo == partPrefix+e.Part()+"-"+entry:
			return PartID(e), entry
		case bare == d.tag(SidecarTag(d.spec.Base)+"-"+entry):
			return SidecarID(entry), entry
		}
	}
	return "", ""
}

func (d *drawing) has(id graph.ID) bool {
	return slices.ContainsFunc(d.layers, func(l layer) bool { return l.id == id })
}

// needFamily makes sure that the base's family is known, which built-in layers
// depend on.
func (d *drawing) needFamily() error {
	if d.spec.Family != "" {
		return nil
	}
	_, err := FamilyOf(d.spec.Base)
	return err
}
