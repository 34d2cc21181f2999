package validator

import (
	"bytes"
	"cmp"
	"slices"
)

// array judges the array at start: every item, then what concerns the array as a whole.
func (r *run) array(a *arrayRules, start int, own marks) int {
	if !r.open() {
		return -1
	}
	text, spans, escapes := r.text, len(r.spans), r.escapes
	count, matches := 0, int64(0)
	i := skipSpace(text, start+1)
	if i < len(text) && text[i] == ']' {
		return r.items(a, start, i, count, matches, spans, r.escapes > escapes)
	}
	for {
		item := i
		if i = r.item(a, item, count, own); i < 0 {
			return -1
		}
		if a.contains != nil {
			if r.try(a.contains, item, noMarks) >= 0 {
				matches++
				if a.containsMarks {
					r.mark(own, count)
				}
			} else if r.fault != "" {
				return -1
			}
		}
		if a.unique {
			r.spans = append(r.spans, span{item, i, count})
		}
		count++
		if i = skipSpace(text, i); i >= len(text) {
			return r.malformed()
		}
		switch text[i] {
		case ',':
			i = skipSpace(text, i+1)
		case ']':
			return r.items(a, start, i, count, matches, spans, r.escapes > escapes)
		default:
			return r.malformed()
		}
	}
}

// item judges one item by the schema of its place.
func (r *run) item(a *arrayRules, i, index int, own marks) int {
	n := a.items
	if index < len(a.prefix) {
		n = a.prefix[index]
	}
	if n == nil {
		return r.skip(i)
	}
	r.mark(own, index)
	return r.value(n, i, noMarks)
}

// items judges what concerns an array as a whole, whose bracket is at i, and returns its end. From spans on stand
// the places of its items; escaped tells whether any string among them has escapes.
func (r *run) items(a *arrayRules, start, i, count int, matches int64, spans int, escaped bool) int {
	if int64(count) < a.minItems || a.maxItems >= 0 && int64(count) > a.maxItems {
		return -1
	}
	if a.contains != nil && (matches < a.minContains || a.maxContains >= 0 && matches > a.maxContains) {
		return -1
	}
	if a.unique {
		items := r.spans[spans:]
		r.spans = r.spans[:spans]
		if len(items) > 1 && (escaped || !r.plainlyDiffer(items)) {
			if first, _ := r.equalItems(start); first >= 0 || r.fault != "" {
				return -1
			}
		}
	}
	r.depth--
	return i + 1
}

// fewItems is up to how many strings are compared each with each.
const fewItems = 16

// plainlyDiffer reports whether items are a few values of one spelling each that all differ: strings, none of which has
// escapes, and integers but for -0. A no says nothing.
func (r *run) plainlyDiffer(items []span) bool {
	if len(items) > fewItems {
		return false
	}
	for k, a := range items {
		text := r.text[a.start:a.end]
		if text[0] != '"' && !isPlainInteger(text) {
			return false
		}
		for _, b := range items[:k] {
			if bytes.Equal(text, r.text[b.start:b.end]) {
				return false
			}
		}
	}
	return true
}

// isPlainInteger reports whether a value is an integer of digits, but not -0.
func isPlainInteger(text []byte) bool {
	if text[0] == '-' && len(text) > 1 && text[1] != '0' {
		text = text[1:]
	}
	return skipDigits(text, 0) == len(text)
}

// equalItems returns the indexes of two equal items of an array that a walk has passed, those whose second comes
// first; -1 if all differ. Equal items have equal canonical bytes, and sorted they are neighbours.
func (r *run) equalItems(i int) (first, second int) {
	fromBuf, fromSpans := len(r.buf), len(r.spans)
	item, ok := firstItem(r.text, i)
	for n := 0; ok; n++ {
		start := len(r.buf)
		var end int
		r.buf, end = appendCanonical(r.buf, r.text, item)
		r.spans = append(r.spans, span{start, len(r.buf), n})
		if !r.spend(1 + (end-item)/8) {
			break
		}
		item, ok = nextItem(r.text, end)
	}
	spans := r.spans[fromSpans:]
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(bytes.Compare(r.buf[a.start:a.end], r.buf[b.start:b.end]), cmp.Compare(a.index, b.index))
	})
	first, second = -1, -1
	for n := 1; n < len(spans); n++ {
		a, b := spans[n-1], spans[n]
		if bytes.Equal(r.buf[a.start:a.end], r.buf[b.start:b.end]) && (second < 0 || b.index < second) {
			first, second = a.index, b.index
		}
	}
	r.buf, r.spans = r.buf[:fromBuf], r.spans[:fromSpans]
	return first, second
}
