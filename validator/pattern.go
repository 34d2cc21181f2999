package validator

import "regexp"

// pattern is one regular expression: RE2 syntax as Go's regexp reads it, unanchored.
type pattern struct {
	source string
	slow   *regexp.Regexp
	fixed  *template  // nil where there is none
	fast   *automaton // likewise
	tried  bool       // both were asked for
}

// quoted judges a JSON string from the byte behind its opening quote on, and scans it on the way. It returns the end
// behind the closing quote, of a string that does not match where that was seen; unknown, where the string or the
// expression needs a slower look.
func (p *pattern) quoted(text []byte, i int) (end int, m match) {
	if p.fixed != nil {
		if end = p.fixed.run(text, i); end >= 0 {
			return end, matchYes
		}
	}
	if p.fast == nil {
		return 0, matchUnknown
	}
	return p.fast.runQuoted(text, i)
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
