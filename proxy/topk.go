package proxy

// A topK keeps counts of the keys that are seen most, in bounded space: Space-Saving. A key beyond the bound takes the place
// of the one with the smallest rank, and inherits its rank, so that whoever comes often gets in; its own counts begin at
// nothing and the other's are handed back, so that sums stay true. Source: Metwally, Agrawal, El Abbadi, "Efficient
// Computation of Frequent and Top-k Elements in Data Streams" (2005).
type topK[K comparable, V any] struct {
	most int
	rows map[K]*topRow[K, V]
	heap []*topRow[K, V] // by rank, smallest first; nil until the bound is reached
}

type topRow[K comparable, V any] struct {
	key   K
	value V
	rank  int64
	at    int // in heap
}

func newTopK[K comparable, V any](most int) *topK[K, V] {
	return &topK[K, V]{most: most, rows: map[K]*topRow[K, V]{}}
}

// add returns the counts of a key that was seen n times more, whether they begin now, and the counts that made room, if any.
func (t *topK[K, V]) add(k K, n int64) (value *V, fresh bool, gone *V) {
	if row := t.rows[k]; row != nil {
		row.rank += n
		if t.heap != nil {
			t.down(row.at)
		}
		return &row.value, false, nil
	}
	row := &topRow[K, V]{key: k, rank: n}
	t.rows[k] = row
	if len(t.rows) <= t.most {
		return &row.value, true, nil
	}
	if t.heap == nil {
		delete(t.rows, k)
		for _, r := range t.rows {
			r.at = len(t.heap)
			t.heap = append(t.heap, r)
		}
		for i := len(t.heap)/2 - 1; i >= 0; i-- {
			t.down(i)
		}
		t.rows[k] = row
	}
	smallest := t.heap[0]
	delete(t.rows, smallest.key)
	row.rank += smallest.rank
	t.heap[0] = row
	t.down(0)
	return &row.value, true, &smallest.value
}

// down lets a row whose rank has grown sink to its place.
func (t *topK[K, V]) down(i int) {
	for {
		least := i
		for _, child := range []int{2*i + 1, 2*i + 2} {
			if child < len(t.heap) && t.heap[child].rank < t.heap[least].rank {
				least = child
			}
		}
		if least == i {
			return
		}
		t.heap[i], t.heap[least] = t.heap[least], t.heap[i]
		t.heap[i].at, t.heap[least].at = i, least
		i = least
	}
}

// each goes over all keys, in no order.
func (t *topK[K, V]) each(yield func(K, *V) bool) {
	for k, row := range t.rows {
		if !yield(k, &row.value) {
			return
		}
	}
}
