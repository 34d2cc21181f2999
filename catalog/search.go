package catalog

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxHits is the most that one search returns, and MaxQueryTerms how many of its words count.
const (
	MaxHits       = 50
	MaxQueryTerms = 8
)

// Entry is something that can be found. Kind and Filters are matched by filter words, the rest by plain ones.
type Entry struct {
	Kind    string // event, command, state, type, field, service, channel, flow, domain, team
	Name    string
	Subject string // for a field: where it stands
	Version int
	Address string
	Title   string
	Aliases []string
	Text    string   // description
	Values  []string // enum values
	Owner   string
	// Filters hold what field:, owner:, pii:, service:, topic:, status: and type: may say of the entry, in lower case.
	Filters map[string][]string
}

// Hit is an entry that was found; Fuzzy says that only its spelling is near.
type Hit struct {
	Entry
	Fuzzy bool

	score int
}

// Found is the answer to a search.
type Found struct {
	Hits    []Hit
	More    int      // hits beyond MaxHits
	Unknown []string // filter words that are not known and were searched as text
}

// filterWords are the filters of a query.
var filterWords = []string{"field", "owner", "pii", "service", "topic", "status", "type"}

// How well a term fits, best first.
const (
	scoreExact = iota
	scorePrefix
	scoreField
	scoreAlias
	scoreText
	scoreFuzzy
)

// posting says that an entry has a word, and how much that is worth.
type posting struct {
	entry int
	score int
}

// Index finds entries by the beginnings of words and, for a word of three letters or more that begins nothing, by
// similar spelling. It is built once and not changed after; the zero value finds nothing. Safe for concurrent use.
type Index struct {
	entries  []Entry
	words    []string // sorted
	postings map[string][]posting
	trigrams map[string][]int // words by trigram
}

// NewIndex indexes entries. The cost per entry does not grow with their number, sorting of words aside.
func NewIndex(entries []Entry) *Index {
	x := &Index{entries: entries, postings: map[string][]posting{}, trigrams: map[string][]int{}}
	for i, e := range entries {
		name := scorePrefix
		if e.Kind == "field" {
			name = scoreField
		}
		x.add(i, name, e.Name)
		x.add(i, scoreAlias, e.Aliases...)
		x.add(i, scoreAlias, e.Title)
		x.add(i, scoreText, e.Text, e.Address, e.Owner)
		x.add(i, scoreText, e.Values...)
	}
	for w := range x.postings {
		x.words = append(x.words, w)
	}
	slices.Sort(x.words)
	for i, w := range x.words {
		for _, t := range trigramsOf(w) {
			x.trigrams[t] = append(x.trigrams[t], i)
		}
	}
	return x
}

func (x *Index) add(entry, score int, texts ...string) {
	for _, text := range texts {
		for _, w := range wordsOf(text) {
			list := x.postings[w]
			if n := len(list); n > 0 && list[n-1].entry == entry {
				list[n-1].score = min(list[n-1].score, score)
				continue
			}
			x.postings[w] = append(list, posting{entry, score})
		}
	}
}

// wordsOf splits a text into lower-case words: whole runs, their parts at dots and dashes, and the humps of names
// such as OrderPlaced.
func wordsOf(text string) []string {
	var words []string
	for _, run := range strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(`,;:()[]{}"'<>|/`, r)
	}) {
		words = append(words, strings.ToLower(run))
		parts := strings.FieldsFunc(run, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		for _, part := range parts {
			words = append(words, strings.ToLower(part))
			for _, hump := range humps(part) {
				words = append(words, strings.ToLower(hump))
			}
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// humps splits a name where a capital follows a small letter; nil for a name without.
func humps(name string) []string {
	var parts []string
	start, before := 0, rune(0)
	for i, r := range name {
		if unicode.IsUpper(r) && (unicode.IsLower(before) || unicode.IsDigit(before)) {
			parts = append(parts, name[start:i])
			start = i
		}
		before = r
	}
	if parts == nil {
		return nil
	}
	return append(parts, name[start:])
}

func trigramsOf(word string) []string {
	if utf8.RuneCountInString(word) < 3 {
		return nil
	}
	runes := []rune(" " + word + " ")
	var out []string
	for i := 0; i+3 <= len(runes); i++ {
		out = append(out, string(runes[i:i+3]))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Search finds what has every word of the query, best first: exact name, prefix of a name, field name, alias or
// title, description. Words such as owner:team-orders filter. An empty query finds nothing.
func (x *Index) Search(query string) Found {
	var found Found
	terms, filters, unknown := parseQuery(query)
	found.Unknown = unknown
	if len(terms)+len(filters) == 0 || x == nil {
		return found
	}
	best := map[int]Hit{}
	if len(terms) == 0 {
		for i, e := range x.entries {
			best[i] = Hit{Entry: e, score: scoreText}
		}
	}
	for n, term := range terms {
		matched := x.match(term)
		if n == 0 {
			best = matched
			continue
		}
		for i, h := range best {
			m, ok := matched[i]
			if !ok {
				delete(best, i)
				continue
			}
			h.score += m.score
			h.Fuzzy = h.Fuzzy || m.Fuzzy
			best[i] = h
		}
	}
	whole := strings.ToLower(strings.Join(terms, " "))
	for _, h := range best {
		if !h.passes(filters) {
			continue
		}
		if strings.ToLower(h.Name) == whole && h.Kind != "field" {
			h.score = scoreExact
		}
		found.Hits = append(found.Hits, h)
	}
	slices.SortFunc(found.Hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(kindOrder(a.Kind), kindOrder(b.Kind)),
			strings.Compare(a.Name, b.Name), strings.Compare(a.Subject, b.Subject), strings.Compare(a.Address, b.Address))
	})
	if len(found.Hits) > MaxHits {
		found.More = len(found.Hits) - MaxHits
		found.Hits = found.Hits[:MaxHits]
	}
	return found
}

func kindOrder(kind string) int {
	return slices.Index([]string{"event", "command", "state", "service", "flow", "channel", "domain", "type", "team", "field"}, kind)
}

type filter struct{ word, value string }

func parseQuery(query string) (terms []string, filters []filter, unknown []string) {
	for w := range strings.FieldsSeq(strings.ToLower(query)) {
		if len(terms)+len(filters) == MaxQueryTerms {
			break
		}
		word, value, colon := strings.Cut(w, ":")
		switch {
		case colon && value != "" && slices.Contains(filterWords, word):
			filters = append(filters, filter{word, value})
		case colon && value != "" && word != "":
			unknown = append(unknown, word+":")
			terms = append(terms, word, value)
		default:
			if w = strings.Trim(w, `:"'`); w != "" {
				terms = append(terms, w)
			}
		}
	}
	return terms, filters, unknown
}

// match returns the entries that have a word beginning with term, else those with a word spelt like it.
func (x *Index) match(term string) map[int]Hit {
	hits := map[int]Hit{}
	take := func(word string, fuzzy bool) {
		for _, p := range x.postings[word] {
			score := p.score
			if fuzzy {
				score += scoreFuzzy
			} else if word != term {
				score++ // a whole word before the beginning of one
			}
			if h, ok := hits[p.entry]; !ok || score < h.score {
				hits[p.entry] = Hit{Entry: x.entries[p.entry], score: score, Fuzzy: fuzzy}
			}
		}
	}
	from, _ := slices.BinarySearch(x.words, term)
	for i := from; i < len(x.words) && strings.HasPrefix(x.words[i], term); i++ {
		take(x.words[i], false)
	}
	if len(hits) > 0 {
		return hits
	}
	wanted := trigramsOf(term)
	shared := map[int]int{}
	for _, t := range wanted {
		for _, w := range x.trigrams[t] {
			shared[w]++
		}
	}
	for w, n := range shared {
		// Dice's measure of the two sets of trigrams; half alike is near.
		if 2*2*n >= len(wanted)+len(trigramsOf(x.words[w])) {
			take(x.words[w], true)
		}
	}
	return hits
}

// passes says whether every filter holds; a filter's value is a prefix.
func (h Hit) passes(filters []filter) bool {
	for _, f := range filters {
		values := h.Filters[f.word]
		switch f.word {
		case "type":
			values = append(slices.Clone(values), h.Kind)
		case "owner":
			values = []string{h.Owner}
		case "field":
			if h.Kind == "field" {
				values = []string{h.Name}
			}
		}
		if !slices.ContainsFunc(values, func(v string) bool { return strings.HasPrefix(strings.ToLower(v), f.value) }) {
			return false
		}
	}
	return true
}
