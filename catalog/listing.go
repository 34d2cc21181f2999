package catalog

import "context"

// listKey is a Query that can be compared.
type listKey struct {
	context string
	all     bool // of all contexts
	prefix  string
	include Include
	after   Name
	limit   int
	expand  Expand
}

// listed is a page of subjects.
type listed struct {
	page []Subject
	rev  Rev // newest revision that was visible
}

// keyOf is the key of a page, and bounds its limit.
func (q *Query) keyOf() listKey {
	if q.Limit <= 0 || q.Limit > MaxPage {
		q.Limit = MaxPage
	}
	k := listKey{prefix: q.Prefix, include: q.Include, after: q.After, limit: q.Limit, expand: q.Expand, all: q.Context == nil}
	if q.Context != nil {
		k.context = *q.Context
	}
	return k
}

// keeps says whether pages may be kept: what is observed changes without a revision.
func (q *Query) keeps() bool { return q.Expand&ExpandUsage == 0 }

// Subjects lists subjects, sorted by context and name; see Query. A page is kept while changes are heard of, until one
// touches any subject or policy; one with usage never is. What it returns is shared: it must not be changed.
func (r *Registry) Subjects(ctx context.Context, q Query) ([]Subject, error) {
	k := q.keyOf()
	at, ok := r.hearing.current(ctx)
	if ok = ok && q.keeps(); !ok {
		l, err := r.list(ctx, q)
		return l.page, err
	}
	if l, ok := r.lists.get(k); ok && r.hearing.untouchedSince(l.rev) {
		r.metrics.hits.Inc()
		return l.page, nil
	}
	era := r.hearing.now()
	l, err := r.listedSince(ctx, k, at, q)
	if err != nil || len(l.page) == 0 { // that there is nothing is never kept
		return nil, err
	}
	cost := overhead
	for i := range l.page {
		cost += l.page[i].size()
	}
	r.hearing.keep(era, l.rev, func() { r.lists.put(k, l, cost) })
	return l.page, nil
}

// listedSince reads a page together with all who ask for it, as it was at a revision or later.
func (r *Registry) listedSince(ctx context.Context, k listKey, at Rev, q Query) (*listed, error) {
	l, err := r.listing.do(ctx, k, func(ctx context.Context) (*listed, error) { return r.list(ctx, q) })
	if err == nil && l.rev < at { // it joined a reading that began before what this question must see, or found nothing
		return r.list(ctx, q)
	}
	return l, err
}

// pageKey is a page of subjects as it was printed.
type pageKey struct {
	listKey
	form *Form
}

// printedPage is a page that is bytes already.
type printedPage struct {
	Answer
	rev Rev // newest revision that was visible
}

// SubjectsAnswer lists subjects as Subjects does, printed: while changes are heard of and none touches any subject or
// policy, a page that was asked for before is the same bytes.
func (r *Registry) SubjectsAnswer(ctx context.Context, q Query, f *Form) (Answer, error) {
	k := pageKey{q.keyOf(), f}
	at, ok := r.hearing.current(ctx)
	if ok = ok && q.keeps(); ok {
		if p, ok := r.pages.get(k); ok && r.hearing.untouchedSince(p.rev) {
			r.metrics.hits.Inc()
			return p.Answer, nil
		}
	}
	era := r.hearing.now()
	var l *listed
	var err error
	if ok {
		l, err = r.listedSince(ctx, k.listKey, at, q)
	} else {
		l, err = r.list(ctx, q)
	}
	if err != nil {
		return Answer{}, err
	}
	if len(l.page) == 0 {
		return f.Subjects(nil, r.Status().Revision, q)
	}
	a, err := f.Subjects(l.page, l.rev, q)
	if err == nil && ok {
		r.hearing.keep(era, l.rev, func() { r.pages.put(k, &printedPage{a, l.rev}, 2*overhead+len(a.Body)) })
	}
	return a, err
}

// list reads a page from the store.
func (r *Registry) list(ctx context.Context, q Query) (*listed, error) {
	r.metrics.misses.Inc()
	page, err := r.store.Subjects(ctx, q)
	l := &listed{page: page}
	if len(page) > 0 {
		l.rev = page[0].Head.Rev // all pages are one view
		r.hear(l.rev)
	}
	return l, err
}

// untouchedSince says whether no change that was applied since a revision is shown by lists of subjects.
func (h *hearing) untouchedSince(rev Rev) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return rev >= h.touched
}

// size is about how many bytes a subject takes in memory.
func (s *Subject) size() int {
	n := overhead + len(s.Subject) + s.Policies.Subject.Config.size() + s.Policies.Context.Config.size() + s.Policies.Global.Config.size()
	for i := range s.Versions {
		n += s.Versions[i].size()
	}
	if s.Latest != nil {
		n += s.Latest.size()
	}
	return n
}

// size is about how many bytes a version takes in memory; names are shared with the subject.
func (v *Version) size() int {
	n := v.Schema.size() + len(v.By)
	if v.Lens != nil {
		n += overhead + len(v.Lens.Lens) + len(v.Lens.Report)
	}
	return n
}

// size is about how many bytes a schema takes in memory.
func (s *Schema) size() int {
	n := 2*overhead + len(s.Text) + len(s.GUID) + len(s.Broken) + len(s.References)*overhead
	return n + s.Metadata.size() + s.RuleSet.size()
}

func (m *Metadata) size() int {
	if m == nil {
		return 0
	}
	n := overhead
	for name, value := range m.Properties {
		n += overhead + len(name) + len(value)
	}
	for name, values := range m.Tags {
		n += overhead + len(name)
		for _, value := range values {
			n += len(value) + 16
		}
	}
	for _, name := range m.Sensitive {
		n += len(name) + 16
	}
	return n
}

func (s *RuleSet) size() int {
	if s == nil {
		return 0
	}
	n := overhead
	for _, rules := range [][]Rule{s.Migration, s.Domain, s.Encoding} {
		for _, r := range rules {
			n += 2*overhead + len(r.Name) + len(r.Doc) + len(r.Expr) + len(r.Params)*overhead
			for name, value := range r.Params {
				n += len(name) + len(value)
			}
		}
	}
	return n
}

func (c *Config) size() int {
	return c.DefaultMetadata.size() + c.OverrideMetadata.size() + c.DefaultRuleSet.size() + c.OverrideRuleSet.size()
}
