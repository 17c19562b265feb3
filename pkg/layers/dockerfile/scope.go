package dockerfile

// scope is what the words of an instruction can name.
type scope struct {
	vars map[string]variable
	// complete is true when a name that is not in vars is known to be unset;
	// otherwise an image outside may define it.
	complete bool
}

// variable is a name's value as environment and as argument.
type variable struct {
	env, arg       value
	hasEnv, hasArg bool
	// argLast is true when the argument was declared after the environment
	// variable, inherited when a parent stage declared it. Builders disagree on
	// what such a name means.
	argLast, inherited bool
}

// knowledge says what is known of a name.
type knowledge int

const (
	unknown knowledge = iota
	unset
	known
)

func newScope(complete bool) *scope {
	return &scope{vars: map[string]variable{}, complete: complete}
}

// child returns the scope of a stage built on the one with this scope.
func (s *scope) child() *scope {
	c := newScope(s.complete)
	for n, v := range s.vars {
		v.inherited = v.hasArg
		c.vars[n] = v
	}
	return c
}

func (s *scope) setEnv(name, val value) {
	if name.symbolic {
		s.doubt()
		return
	}
	v := s.vars[name.text]
	v.env, v.hasEnv, v.argLast = val, true, false
	s.vars[name.text] = v
}

// doubt makes every value symbolic: a variable whose name cannot be told may
// have changed any of them.
func (s *scope) doubt() {
	s.complete = false
	for n, v := range s.vars {
		v.env = value{text: "$maybe(" + v.env.String() + ")", symbolic: true}
		v.arg = value{text: "$maybe(" + v.arg.String() + ")", symbolic: true}
		s.vars[n] = v
	}
}

func (s *scope) setArg(name string, val value) {
	v := s.vars[name]
	v.arg, v.hasArg, v.argLast, v.inherited = val, true, v.hasEnv, false
	s.vars[name] = v
}

// get returns the value of name. Where builders disagree it is symbolic and
// holds both.
func (s *scope) get(name string) (value, knowledge) {
	v, ok := s.vars[name]
	switch {
	case !ok && s.complete:
		return value{}, unset
	case !ok:
		return value{}, unknown
	case v.hasEnv && (!v.hasArg || !v.argLast || v.env == v.arg):
		return v.env, known
	case v.hasEnv && v.inherited:
		return value{text: "$env(" + v.env.String() + ")parent(" + v.arg.String() + ")", symbolic: true}, known
	case v.hasEnv:
		return value{text: "$env(" + v.env.String() + ")arg(" + v.arg.String() + ")", symbolic: true}, known
	case v.inherited:
		return value{text: "$parent(" + v.arg.String() + ")", symbolic: true}, known
	}
	return v.arg, known
}
