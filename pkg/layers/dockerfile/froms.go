package dockerfile

import "strings"

// NameFroms returns the source with other names for what is outside: every FROM
// of a stage in facts that resolves to a key of names is written with its value
// instead. No line moves.
func (f *File) NameFroms(facts *Facts, names map[string]string) []byte {
	lines := strings.Split(string(f.src), "\n")
	for i := range facts.Stages {
		s := &facts.Stages[i]
		name := names[s.From.External]
		if s.From.Stage >= 0 || name == "" {
			continue
		}
		from := f.Stages[s.Index].Instructions[0]
		words := strings.Fields(from.Text)
		for w := 1; w < len(words); w++ {
			if !strings.HasPrefix(words[w], "--") {
				words[w] = name
				break
			}
		}
		lines[from.Line-1] = strings.Join(words, " ")
		for n := from.Line; n < from.EndLine; n++ {
			lines[n] = ""
		}
	}
	return []byte(strings.Join(lines, "\n"))
}

// HasStage reports whether a stage is called name.
func (f *File) HasStage(name string) bool {
	for _, s := range f.Stages {
		if s.Name != "" && strings.EqualFold(s.Name, name) {
			return true
		}
	}
	return false
}
