package validator

import "unicode/utf8"

// str judges the string at i: its bytes, its length, pattern, format and content, const and enum.
func (r *run) str(n *node, i int) int {
	t, text := n.text, r.text
	switch {
	case n.values != nil && t == nil:
		for k := range n.values.strings {
			if l := &n.values.strings[k]; l.at(text, i) {
				return i + len(l.text)
			}
		}
	case t != nil && t.pattern != nil && t.pattern.fast != nil && n.values == nil:
		end, verdict := t.pattern.fast.runQuoted(text, i+1)
		if verdict == matchUnknown {
			break
		}
		r.steps -= (end - i) / 8
		if verdict == matchNo || !t.plainHolds(text[i+1:end-1]) || r.content(t, text[i+1:end-1]) != "" {
			return -1
		}
		return end
	}
	end, f := scanString(text, i)
	if end < 0 {
		return r.malformed()
	}
	if t != nil || n.values != nil {
		r.steps -= (end - i) / 8
	}
	if n.values != nil && !r.stringAmong(n.values, i, end, f) || t != nil && !r.stringHolds(t, i, end, f) {
		return -1
	}
	return end
}

// stringAmong judges const and enum for the string from i to end.
func (r *run) stringAmong(v *valueSet, i, end int, f form) bool {
	if f&formEscaped == 0 {
		return v.allowed[string(r.text[i:end])] // nothing to resolve: it is canonical
	}
	return r.asValue(v, i, end)
}

// stringHolds judges a scanned string by all rules of its text.
func (r *run) stringHolds(t *textRules, i, end int, f form) bool {
	s := r.text[i+1 : end-1]
	from := len(r.buf)
	if f&formEscaped != 0 {
		r.buf = appendUnescaped(r.buf, s)
		s = r.buf[from:]
	}
	length := len(s)
	if f != 0 && (t.minLength > 0 || t.maxLength >= 0) {
		length = codePoints(s)
	}
	ok := t.lengthHolds(length) && (t.pattern == nil || t.pattern.matches(s, &r.counts)) && (t.format == nil || t.format(s)) && r.content(t, s) == ""
	r.buf = r.buf[:from]
	return ok
}

// codePoints counts the characters of valid UTF-8: every byte that does not continue one begins one.
func codePoints(s []byte) int {
	n := 0
	for _, c := range s {
		if utf8.RuneStart(c) {
			n++
		}
	}
	return n
}

// plainHolds judges a string of ASCII without escapes, whose pattern holds, by length and format.
func (t *textRules) plainHolds(s []byte) bool {
	return t.lengthHolds(len(s)) && (t.format == nil || t.format(s))
}

// lengthHolds judges a length in code points (RFC 8259, section 7: a surrogate pair is one).
func (t *textRules) lengthHolds(n int) bool {
	return int64(n) >= t.minLength && (t.maxLength < 0 || int64(n) <= t.maxLength)
}

// content judges contentEncoding, contentMediaType and contentSchema (draft-07, validation, section 8). It returns the
// keyword that does not hold, "" if all do.
func (r *run) content(t *textRules, s []byte) string {
	if !t.base64 && !t.json && t.contentSchema == nil {
		return ""
	}
	if t.base64 {
		r.counts[fellBase64]++
		decoded, ok := decodeBase64(s)
		if !ok {
			return "contentEncoding"
		}
		s = decoded
	}
	if !t.json && t.contentSchema == nil {
		return ""
	}
	if !r.scanner.check(s, MaxEventBytes) {
		if t.json {
			return "contentMediaType"
		}
		return "contentSchema"
	}
	if t.contentSchema == nil {
		return ""
	}
	// The content is a text of its own: positions begin anew, and s must not move while it is judged.
	outer, depth, at := r.text, r.depth, r.nodeAt
	r.text, r.depth, r.nodeAt = append([]byte(nil), s...), 0, -1
	end := r.try(t.contentSchema, skipSpace(r.text, 0), noMarks)
	r.text, r.depth, r.nodeAt = outer, depth, at
	if end < 0 {
		return "contentSchema"
	}
	return ""
}
