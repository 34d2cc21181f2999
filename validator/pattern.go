package validator

import "regexp"

// pattern is one regular expression: RE2 syntax as Go's regexp reads it, unanchored.
type pattern struct {
	source string
	slow   *regexp.Regexp
	fast   *automaton // nil where there is none
}

// matches judges a text that is UTF-8.
func (p *pattern) matches(s []byte, c *counters) bool {
	if p.fast != nil {
		if verdict := p.fast.run(s); verdict != matchUnknown {
			return verdict == matchYes
		}
	}
	c[fellRegexp]++
	return p.slow.Match(s)
}
