package validator

import "unicode/utf8"

// stringWay is the first way to judge a string: most strings need no other.
type stringWay uint8

const (
	wayPlain   stringWay = iota // nothing is asked of it
	wayAmong                    // it stands as one of a few literals
	wayPattern                  // a pattern reads it on the way to its closing quote
	wayWhole                    // a format does
	wayLength                   // only its length counts
	wayAny
)

func wayOf(t *textRules, v *valueSet) stringWay {
	switch {
	case t == nil && v == nil:
		return wayPlain
	case t == nil:
		return wayAmong
	case v != nil:
		return wayAny
	case t.pattern != nil:
		return wayPattern
	case t.whole != nil:
		return wayWhole
	case t.format == nil && !t.content:
		return wayLength
	}
	return wayAny
}

// str judges the string at i: its bytes, its length, pattern, format and content, const and enum.
func (r *run) str(n *node, i int) int {
	t := n.text
	switch n.way {
	case wayAmong:
		if k := among(n.values.strings, r.text, i); k >= 0 {
			return i + len(n.values.strings[k].text)
		}
	case wayPattern:
		if end, m := t.pattern.quoted(r.text, i+1); m != matchUnknown {
			r.steps -= (end - i) / 8
			if m == matchNo || t.more && (!t.holds(r.text[i+1:end-1], end-i-2) || r.content(t, r.text[i+1:end-1]) != "") {
				return -1
			}
			return end
		}
	case wayWhole:
		if end := t.whole(r.text, i+1); end >= 0 {
			r.steps -= (end - i) / 8
			return end
		}
	}
	end, f := scanString(r.text, i)
	if end < 0 {
		return r.malformed()
	}
	r.escapes += int(f & formEscaped)
	switch {
	case n.way == wayPlain:
		return end
	case n.way == wayLength && f == 0:
		r.steps -= (end - i) / 8
		if length := int64(end - i - 2); length < t.minLength || t.maxLength >= 0 && length > t.maxLength {
			return -1
		}
		return end
	}
	r.steps -= (end - i) / 8
	if v := n.values; v != nil && !r.stringAmong(v, i, end, f) || t != nil && !r.stringHolds(t, i, end, f) {
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
	if f == 0 {
		return t.holds(s, len(s)) && (t.pattern == nil || t.pattern.matches(s, &r.counts)) && r.content(t, s) == ""
	}
	from := len(r.buf)
	if f&formEscaped != 0 {
		r.buf = appendUnescaped(r.buf, s)
		s = r.buf[from:]
	}
	ok := t.holds(s, codePoints(s)) && (t.pattern == nil || t.pattern.matches(s, &r.counts)) && r.content(t, s) == ""
	r.buf = r.buf[:from]
	return ok
}

// holds judges a string by its length in code points (RFC 8259, section 7: a surrogate pair is one) and its format.
func (t *textRules) holds(s []byte, length int) bool {
	return int64(length) >= t.minLength && (t.maxLength < 0 || int64(length) <= t.maxLength) && (t.format == nil || t.format(s))
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

// content judges contentEncoding, contentMediaType and contentSchema (draft-07, validation, section 8). It returns the
// keyword that does not hold, "" if all do.
func (r *run) content(t *textRules, s []byte) string {
	if !t.content {
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
	outer, depth, at, remembered := r.text, r.depth, r.nodeAt, r.memo
	r.text, r.depth, r.nodeAt, r.memo = append([]byte(nil), s...), 0, -1, memo{below: r.memo.below}
	end := r.try(t.contentSchema, skipSpace(r.text, 0), noMarks)
	r.text, r.depth, r.nodeAt, r.memo = outer, depth, at, remembered
	if end < 0 {
		return "contentSchema"
	}
	return ""
}
