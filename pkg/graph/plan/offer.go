package plan

// considerOffer turns a build into a pull when a registry has the image. What
// was refreshed here does not fall back to what others have, neither in its own
// image nor in one that holds it; and what is too old already is left.
func (m *maker) considerOffer(n node, s *Step) {
	img, rec, ok := m.byKey(n, m.policy.Offered)
	if !ok || len(img.Names) == 0 || m.standsOnOwn(n) {
		return
	}
	if s.Salt != "" && s.Salt != rec.Salt {
		return
	}
	if age, ok := m.policy.MaxAge[n.ID]; ok && m.policy.Now.Sub(img.Created) > age {
		return
	}
	s.Action, s.Found, s.Salt, s.Source, s.Changed = Pull, img.ID, rec.Salt, img.Names[0], nil
	m.records[n.at] = rec
}

// standsOnOwn reports whether what a layer holds must be made here.
func (m *maker) standsOnOwn(n node) bool {
	for in := range m.layerInputs(n) {
		if !in.Builder && m.own[in.at] {
			return true
		}
	}
	return false
}
