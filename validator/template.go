package validator

import "regexp/syntax"

// template is an expression that fixes the class of every character of a text, and so its length, such as ^[A-Z]{2}$ or
// ^[0-9a-f]{32}$. No step waits for the last one, which makes it some times faster than an automaton. A no says nothing.
type template struct {
	wanted []uint8    // by position: the bit of its class
	lacks  [256]uint8 // by byte: the bits of the classes that it is not in
}

// templateClasses is how many classes fit in the bits of a byte.
const templateClasses = 8

// run matches a JSON string from the byte behind its opening quote on, and returns the end behind the closing one, or -1.
func (t *template) run(text []byte, i int) int {
	if len(text)-i <= len(t.wanted) {
		return -1
	}
	text = text[i : i+len(t.wanted)+1]
	faults := uint8(0)
	for k, bit := range t.wanted {
		faults |= t.lacks[text[k]] & bit
	}
	if faults != 0 || text[len(t.wanted)] != '"' {
		return -1
	}
	return i + len(text)
}

// newTemplate makes the template of a parsed and simplified expression, or nil if it has none.
func newTemplate(re *syntax.Regexp) *template {
	if re.Op != syntax.OpConcat || len(re.Sub) < 2 || re.Sub[0].Op != syntax.OpBeginText || re.Sub[len(re.Sub)-1].Op != syntax.OpEndText {
		return nil
	}
	t := &template{}
	for c := range t.lacks {
		t.lacks[c] = 1<<templateClasses - 1
	}
	bits := map[[256]bool]uint8{}
	for _, sub := range re.Sub[1 : len(re.Sub)-1] {
		if !t.add(sub, 1, bits) {
			return nil
		}
	}
	return t
}

// add appends an expression so many times.
func (t *template) add(re *syntax.Regexp, times int, bits map[[256]bool]uint8) bool {
	switch re.Op {
	case syntax.OpCapture:
		return t.add(re.Sub[0], times, bits)
	case syntax.OpConcat:
		for range times {
			for _, sub := range re.Sub {
				if !t.add(sub, 1, bits) {
					return false
				}
			}
		}
		return true
	case syntax.OpRepeat:
		return re.Min == re.Max && t.add(re.Sub[0], times*re.Min, bits)
	case syntax.OpLiteral:
		for range times {
			for _, r := range re.Rune {
				if re.Flags&syntax.FoldCase != 0 || !t.class([]rune{r, r}, 1, bits) {
					return false
				}
			}
		}
		return true
	case syntax.OpCharClass:
		return t.class(re.Rune, times, bits)
	}
	return false
}

// class appends positions of one class, which holds characters that stand in JSON strings as they are, and only such.
func (t *template) class(ranges []rune, times int, bits map[[256]bool]uint8) bool {
	if len(t.wanted)+times > MaxPatternStates {
		return false
	}
	var members [256]bool
	for k := 0; k < len(ranges); k += 2 {
		for r := ranges[k]; r <= ranges[k+1]; r++ {
			if r < ' ' || r == '"' || r == '\\' || r >= 0x80 {
				return false
			}
			members[r] = true
		}
	}
	bit, ok := bits[members]
	if !ok {
		if len(bits) == templateClasses {
			return false
		}
		bit = 1 << len(bits)
		bits[members] = bit
		for c, in := range members {
			if in {
				t.lacks[c] &^= bit
			}
		}
	}
	for range times {
		t.wanted = append(t.wanted, bit)
	}
	return true
}
