package validator

import (
	"bytes"
	"cmp"
	"slices"
)

// array judges the array at i.
func (r *run) array(n *node, i int, seen marks) int {
	if n.types&TypeArray == 0 {
		return -1
	}
	own := r.marksFor(i, seen, n.array != nil && n.array.unevaluated != nil)
	end := r.items(n.array, i, own)
	if end < 0 || !r.asValue(n, i, end) || !r.inPlace(n, i, own) {
		return -1
	}
	if n.array != nil && n.array.unevaluated != nil {
		if !r.unevaluatedItems(n.array.unevaluated, i, own) {
			return -1
		}
		r.markAll(seen)
	}
	return end
}

// items judges every item, then what concerns the array as a whole.
func (r *run) items(a *arrayRules, i int, own marks) int {
	if a == nil {
		return r.skip(i)
	}
	count, matches := 0, int64(0)
	item, ok := firstItem(r.text, i)
	for ok {
		end := -1
		switch {
		case count < len(a.prefix):
			end = r.value(a.prefix[count], item, noMarks)
		case a.items != nil:
			end = r.value(a.items, item, noMarks)
		default:
			end = r.skip(item)
		}
		if end < 0 {
			return -1
		}
		if count < len(a.prefix) || a.items != nil {
			r.mark(own, count)
		}
		if a.contains != nil && r.value(a.contains, item, noMarks) >= 0 {
			matches++
			if a.containsMarks {
				r.mark(own, count)
			}
		}
		if r.fault != "" {
			return -1
		}
		count++
		item, ok = nextItem(r.text, end)
	}
	if int64(count) < a.minItems || a.maxItems >= 0 && int64(count) > a.maxItems {
		return -1
	}
	if a.contains != nil && (matches < a.minContains || a.maxContains >= 0 && matches > a.maxContains) {
		return -1
	}
	if a.unique {
		if first, _ := r.equalItems(i); first >= 0 || r.fault != "" {
			return -1
		}
	}
	return item
}

// equalItems returns the indexes of two equal items, those whose second comes first; -1 if all differ. Equal items have
// equal canonical bytes, and sorted they are neighbours.
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
