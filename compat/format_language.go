package compat

import (
	"fmt"
	"strings"
	"sync"
)

// formatLanguage is what is known of a format as a set of strings. Every string of the format has the pattern outer,
// every string with the pattern inner is of the format; the two are equal where the format is a pattern. Lengths are in
// code points; longest is -1 if there is none.
type formatLanguage struct {
	outer, inner      string
	shortest, longest int64
	// capped says that the format is outer cut at longest: what is not of the format does not have outer, or is longer.
	capped bool
	// table names the automaton that is the format itself, where no pattern of a reasonable size is; "" if there is none.
	table string
}

// exact reports whether the patterns, and the cap, say all there is.
func (f *formatLanguage) exact() bool { return f.outer == f.inner }

// formatLanguages are the formats whose strings are a regular language, as the validator checks them: RFC 3339 for
// times, RFC 2673 and 4291 for addresses, RFC 1123 for hosts, RFC 5321 for mailboxes, RFC 4122, RFC 6901, RFC 3986, 3987
// and 6570. A mailbox counts its host's characters apart from its labels', which makes an automaton of 30,000 states: it
// is held from both sides instead. What stands in no line, regex above all, is judged by the validator's check alone.
var formatLanguages = sync.OnceValue(func() map[string]*formatLanguage {
	uri, reference := uriPatterns("")
	iri, iriReference := uriPatterns(`|[^\x00-\x7F]`)
	const pointer = `(?:/(?:[^~/]|~[01])*)*`
	period := func(moment string) string {
		return fmt.Sprintf(`^(?:%[1]s/(?:%[1]s|%[2]s)|%[2]s/%[1]s)$`, moment, durationPattern)
	}
	out := map[string]*formatLanguage{
		"date":     same(datePattern, 10, 10),
		"time":     {outer: `^` + looseTime + `$`, inner: `^` + plainTime + `$`, shortest: 9, longest: -1, table: "time"},
		"duration": same(durationPattern, 3, -1),
		"date-time": {
			outer: `^` + datePattern + `[Tt]` + looseTime + `$`, inner: `^` + datePattern + `[Tt]` + plainTime + `$`, shortest: 20, longest: -1, table: "date-time",
		},
		"period":                {outer: period(datePattern + `[Tt]` + looseTime), inner: period(datePattern + `[Tt]` + plainTime), shortest: 24, longest: -1},
		"ipv4":                  same(ipv4Pattern, 7, 15),
		"ipv6":                  same(ipv6Pattern(), 2, 45),
		"uuid":                  same(`[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}`, 36, 36),
		"hostname":              same(hostPattern, 1, 253),
		"email":                 mailbox(),
		"json-pointer":          same(pointer, 0, -1),
		"relative-json-pointer": same(`(?:0|[1-9][0-9]*)(?:#|`+pointer+`)`, 1, -1),
		"uri":                   same(uri, 2, -1),
		"uri-reference":         same(reference, 0, -1),
		"iri":                   same(iri, 2, -1),
		"iri-reference":         same(iriReference, 0, -1),
		"uri-template":          same(templatePattern, 0, -1),
	}
	out["hostname"].capped = true
	out["ip-address"], out["uriref"] = out["ipv4"], out["uri-reference"]
	return out
})

// same is a format that a pattern describes.
func same(pattern string, shortest, longest int64) *formatLanguage {
	pattern = `^(?:` + pattern + `)$`
	return &formatLanguage{outer: pattern, inner: pattern, shortest: shortest, longest: longest}
}

// Dates and times. A leap second counts only where it is 23:59:60 in UTC: looseTime has it everywhere, plainTime nowhere,
// the table of timeTable where it belongs.
const (
	leapYear    = `(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)`
	datePattern = `(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|` + leapYear + `-02-29)`

	minutes   = `(?:[01][0-9]|2[0-3]):[0-5][0-9]`
	fraction  = `(?:\.[0-9]+)?`
	offset    = `(?:[Zz]|[+-]` + minutes + `)`
	looseTime = minutes + `:(?:[0-5][0-9]|60)` + fraction + offset
	plainTime = minutes + `:[0-5][0-9]` + fraction + offset

	durationDate    = `(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)`
	durationTime    = `T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)`
	durationPattern = `P(?:[0-9]+W|` + durationDate + `(?:` + durationTime + `)?|` + durationTime + `)`
)

// Addresses and hosts.
const (
	octet       = `(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])`
	ipv4Pattern = `(?:(?:` + octet + `\.){3}` + octet + `)`
	hostLabel   = `[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?`
	hostPattern = `(?:(?:` + hostLabel + `\.)*` + hostLabel + `)`
)

// ipv6Pattern is eight groups, or fewer with one gap; an IPv4 address at the end counts as two.
func ipv6Pattern() string {
	const group = `[0-9A-Fa-f]{1,4}`
	groups := func(n int, more string) string {
		return strings.Repeat(group+":", n) + more
	}
	alternatives := []string{groups(7, group), groups(6, ipv4Pattern)}
	for before := range 8 {
		front := "::"
		if before > 0 {
			front = groups(before-1, group) + "::"
		}
		tails := []string{""}
		for after := 1; before+after <= 7; after++ {
			tails = append(tails, groups(after-1, group))
		}
		for after := 0; before+after+2 <= 7; after++ {
			tails = append(tails, groups(after, ipv4Pattern))
		}
		alternatives = append(alternatives, front+`(?:`+strings.Join(tails, "|")+`)`)
	}
	return `(?:` + strings.Join(alternatives, "|") + `)`
}

// mailbox: at most 64 characters before the last @, at most 253 behind it. From outside the counts of the two are left
// out, from inside both are so short that they cannot matter.
func mailbox() *formatLanguage {
	const atom = "[0-9A-Za-z!#$%&'*+\\-/=?^_`{|}~]"
	const quoted = `"(?:[ !#-\[\]-~]|\\[ -~])*"`
	return &formatLanguage{
		outer:    `^(?:` + atom + `+(?:\.` + atom + `+)*|` + quoted + `)@(?:` + hostPattern + `|\[(?:` + ipv4Pattern + `|IPv6:` + ipv6Pattern() + `)\])$`,
		inner:    `^` + atom + `(?:\.?` + atom + `){0,31}@[0-9A-Za-z](?:[.-]?[0-9A-Za-z]){0,31}$`,
		shortest: 3, longest: 318,
	}
}

// uriPatterns are the patterns of a URI and of a reference, with more alternatives for one character.
func uriPatterns(more string) (uri, reference string) {
	chars := func(others string) string {
		return `(?:[0-9A-Za-z\-._~!$&'()*+,;=` + others + `]|%[0-9A-Fa-f]{2}` + more + `)`
	}
	const (
		scheme = `[A-Za-z][0-9A-Za-z+\-.]*:`
		port   = `(?::[0-9]*)?`
		future = `[Vv][0-9A-Fa-f]+\.[0-9A-Za-z\-._~!$&'()*+,;=:]+`
	)
	segment := chars(":@")
	rest := `(?:` + segment + `|/)*`
	authority := `//(?:` + chars(":") + `*@)?(?:` + chars("") + `*|\[(?:` + ipv6Pattern() + `|` + future + `)\])` + port + `(?:/` + rest + `)?`
	rooted := `/(?:` + segment + rest + `)?`
	end := `(?:\?` + chars(":@/?") + `*)?(?:#` + chars(":@/?") + `*)?`
	absolute := scheme + `(?:` + authority + `|` + rooted + `|(?:` + segment + rest + `)?)`
	relative := `(?:` + authority + `|` + rooted + `|(?:` + chars("@") + `+(?:/` + rest + `)?)?)`
	return absolute + end, `(?:` + absolute + `|` + relative + `)` + end
}

const (
	templateName    = `(?:[0-9A-Za-z_]|%[0-9A-Fa-f]{2})+`
	templateVar     = templateName + `(?:\.` + templateName + `)*(?:\*|:[1-9][0-9]{0,3})?`
	templatePattern = "(?:[^\\x00-\\x20\\x7F\"<>\\\\^`|{}%]|%[0-9A-Fa-f]{2}|\\{[+#./;?&=,!@|]?" + templateVar + "(?:," + templateVar + ")*\\})*"
)

// tableMark begins the name of a table where patterns are listed: no pattern has it, since it is not UTF-8.
const tableMark = "\xff"

// table is a deterministic automaton written as code: too many states for a pattern, few enough for a slice. State 0 is
// the start; -1 leads nowhere.
type table struct {
	alphabet string // what it reads, each a letter of its own
	next     [][]int32
	accept   []bool
}

func (t *table) step(state int32, r rune) int32 {
	if state < 0 {
		return -1
	}
	i := strings.IndexRune(t.alphabet, r)
	if i < 0 {
		return -1
	}
	return t.next[state][i]
}

// tables are built when the first question needs one.
var tables = sync.OnceValue(func() map[string]*table {
	clock := timeTable()
	return map[string]*table{"time": clock, "date-time": afterDate(clock)}
})

// moment is where a text of a time is being read: at which place, what the minutes of the day are so far, and, after 60
// seconds, which offset would make it 23:59 in UTC; -1 where that no longer matters.
type moment struct{ place, value int }

// The places of a time with an offset: 12:34:56.7+08:00.
const (
	placeHour = iota
	placeHour2
	placeColon
	placeMinute
	placeMinute2
	placeColon2
	placeSecond
	placeSecond2
	placeLeap // the second digit of 60
	placeAfter
	placePoint
	placeFraction
	placeOffset
	placeOffset2
	placeOffsetColon
	placeOffsetMinute
	placeOffsetMinute2
	placeEnd
)

const day = 24 * 60

// read is the next moment; ok is false where the rune cannot stand.
func (m moment) read(r rune) (moment, bool) {
	digit := int(r - '0')
	isDigit := digit >= 0 && digit <= 9
	free := m.value < 0
	to := func(place, value int) (moment, bool) { return moment{place, value}, true }
	switch m.place {
	case placeHour:
		if isDigit && digit <= 2 {
			return to(placeHour2, digit)
		}
	case placeHour2:
		if hour := m.value*10 + digit; isDigit && hour < 24 {
			return to(placeColon, hour)
		}
	case placeColon, placeColon2, placeOffsetColon:
		if r == ':' {
			return to(m.place+1, m.value)
		}
	case placeMinute:
		if isDigit && digit <= 5 {
			return to(placeMinute2, m.value*60+digit*10)
		}
	case placeMinute2:
		if isDigit {
			return to(placeColon2, m.value+digit)
		}
	case placeSecond:
		if isDigit && digit <= 5 {
			return to(placeSecond2, -1)
		}
		if digit == 6 {
			return to(placeLeap, m.value)
		}
	case placeSecond2:
		if isDigit {
			return to(placeAfter, -1)
		}
	case placeLeap:
		if digit == 0 {
			return to(placeAfter, m.value)
		}
	case placeAfter, placeFraction:
		switch {
		case r == '.' && m.place == placeAfter:
			return to(placePoint, m.value)
		case isDigit && m.place == placeFraction:
			return m, true
		case r == 'Z' || r == 'z':
			return moment{placeEnd, -1}, free || m.value == day-1
		case r == '+' && !free: // the offset that is ahead of UTC: local - offset = 23:59
			return to(placeOffset, (m.value+1)%day)
		case r == '-' && !free:
			return to(placeOffset, day-1-m.value)
		case r == '+' || r == '-':
			return to(placeOffset, -1)
		}
	case placePoint:
		if isDigit {
			return to(placeFraction, m.value)
		}
	case placeOffset:
		switch {
		case !isDigit || digit > 2:
		case !free:
			return moment{placeOffset2, m.value % 600}, m.value/600 == digit
		default: // the second digit of a free offset depends on the first
			return to(placeOffset2, -1-digit)
		}
	case placeOffset2:
		if !free {
			return moment{placeOffsetColon, m.value % 60}, isDigit && m.value/60 == digit
		}
		if isDigit && (-1-m.value)*10+digit < 24 {
			return to(placeOffsetColon, -1)
		}
	case placeOffsetMinute:
		if !free {
			return moment{placeOffsetMinute2, m.value % 10}, isDigit && m.value/10 == digit
		}
		if isDigit && digit <= 5 {
			return to(placeOffsetMinute2, -1)
		}
	case placeOffsetMinute2:
		return moment{placeEnd, -1}, isDigit && (free || m.value == digit)
	}
	return moment{}, false
}

// timeTable lists the moments that can be reached.
func timeTable() *table {
	t := &table{alphabet: "0123456789:.+-Zz"}
	ids := map[moment]int32{}
	var order []moment
	id := func(m moment) int32 {
		i, ok := ids[m]
		if !ok {
			i = int32(len(order))
			ids[m] = i
			order = append(order, m)
		}
		return i
	}
	id(moment{})
	for i := 0; i < len(order); i++ {
		row := make([]int32, len(t.alphabet))
		for j, r := range t.alphabet {
			row[j] = -1
			if m, ok := order[i].read(r); ok {
				row[j] = id(m)
			}
		}
		t.next = append(t.next, row)
		t.accept = append(t.accept, order[i].place == placeEnd)
	}
	return t
}

// afterDate puts a date and a T before a table.
func afterDate(clock *table) *table {
	t := &table{alphabet: clock.alphabet + "Tt"}
	date, _ := product([]factor{{prog: program(`^` + datePattern + `$`)}}, MaxRegexStates, nil) // of some fifty states
	base := int32(len(date.next))
	for i := range date.next {
		row := make([]int32, 0, len(t.alphabet))
		for _, r := range t.alphabet {
			switch {
			case (r == 'T' || r == 't') && date.vector[i] == 1:
				row = append(row, base)
			case r == 'T' || r == 't':
				row = append(row, -1)
			default:
				row = append(row, date.read(int32(i), r))
			}
		}
		t.next = append(t.next, row)
		t.accept = append(t.accept, false)
	}
	for i, from := range clock.next {
		row := make([]int32, 0, len(t.alphabet))
		for _, to := range from {
			if to >= 0 {
				to += base
			}
			row = append(row, to)
		}
		t.next = append(t.next, append(row, -1, -1))
		t.accept = append(t.accept, clock.accept[i])
	}
	return t
}
