package plan

// settings are the instructions that hold until the next of their kind. What a
// step saw of them is an ingredient where it first saw it.
var settings = map[string]bool{"USER": true, "SHELL": true, "WORKDIR": true, "VOLUME": true}

// withoutEchoes drops what only follows from another reason. When a setting
// changes, one of the same kind that was not seen before, because it said the
// same, is now, or no more; and one that a step saw first can be seen first by
// another step when that one is gone.
func withoutEchoes(reasons []Reason) []Reason {
	var out []Reason
	for i, r := range reasons {
		if !isEcho(reasons, i) {
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return reasons // somebody moved a setting, and did nothing else
	}
	return out
}

func isEcho(reasons []Reason, i int) bool {
	r := reasons[i]
	if !settings[r.Subject] || (r.Code != InstructionAdded && r.Code != InstructionRemoved) {
		return false
	}
	for k, q := range reasons {
		if k == i || q.Subject != r.Subject {
			continue
		}
		switch q.Code {
		case InstructionChanged:
			if text := r.From + r.To; text == q.From || text == q.To {
				return true
			}
		case InstructionAdded, InstructionRemoved:
			if q.From == r.To && q.To == r.From {
				return true
			}
		default:
		}
	}
	return false
}
