package validator

import "unicode/utf8"

// string judges the string from i to end by length, pattern, format and content.
func (r *run) string(t *textRules, i, end int, escaped bool) bool {
	from := len(r.buf)
	s := r.text[i+1 : end-1]
	if escaped {
		r.buf = appendUnescaped(r.buf, s)
		s = r.buf[from:]
	}
	ok := t.lengthHolds(s) && (t.pattern == nil || t.pattern.Match(s)) && (t.format == nil || t.format(s)) && r.content(t, s) == ""
	r.buf = r.buf[:from]
	return ok
}

// lengthHolds counts code points (RFC 8259, section 7: a surrogate pair is one).
func (t *textRules) lengthHolds(s []byte) bool {
	if t.minLength <= 0 && t.maxLength < 0 {
		return true
	}
	n := int64(utf8.RuneCount(s))
	return n >= t.minLength && (t.maxLength < 0 || n <= t.maxLength)
}

// content judges contentEncoding, contentMediaType and contentSchema (draft-07, validation, section 8). It returns the
// keyword that does not hold, "" if all do.
func (r *run) content(t *textRules, s []byte) string {
	if t.base64 {
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
	outer, at, chain := r.text, r.nodeAt, r.chain
	r.text, r.nodeAt, r.chain = append([]byte(nil), s...), -1, 0
	end := r.value(t.contentSchema, skipSpace(r.text, 0), noMarks)
	r.text, r.nodeAt, r.chain = outer, at, chain
	if end < 0 {
		return "contentSchema"
	}
	return ""
}
