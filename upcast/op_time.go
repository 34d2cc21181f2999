package upcast

import (
	"bytes"
	"math"
	"strconv"
	"time"
)

// moment writes a point in time in another way.
type moment struct {
	always
	at       pointer
	was, now string
}

// The ways to write a time. Epochs count from 1970-01-01T00:00:00Z and are integers.
const (
	epochMillis  = "epochMillis"
	epochSeconds = "epochSeconds"
	rfc3339      = "rfc3339"
)

// timeFineness is how many nanoseconds the smallest step of each way is.
var timeFineness = map[string]time.Duration{epochMillis: time.Millisecond, epochSeconds: time.Second, rfc3339: 1}

func (o moment) up(r *run, scope *node) *UpcastError   { return o.run(r, scope, o.was, o.now) }
func (o moment) down(r *run, scope *node) *UpcastError { return o.run(r, scope, o.now, o.was) }

func (o moment) run(r *run, scope *node, was, now string) *UpcastError {
	value, _, _, err := o.at.find(scope)
	if value == nil || err != nil || value.kind == null {
		return err
	}
	if k := timeKinds[was]; value.kind != k {
		return o.at.fault("is of type %s, not %s", value.kind, k)
	}
	t, utc, ok := readTime(value, was)
	if !ok {
		return o.at.fault("is not a time as %s with a year of 0 to 9999", was)
	}
	fineness := timeFineness[now]
	if !utc || t.Nanosecond()%int(fineness) != 0 {
		r.lose(value)
	}
	switch now {
	case rfc3339:
		value.set(text, quote(nil, []byte(t.Format(time.RFC3339Nano))))
	case epochSeconds:
		value.set(number, strconv.AppendInt(nil, t.Unix(), 10))
	default:
		value.set(number, strconv.AppendInt(nil, t.UnixMilli(), 10))
	}
	return nil
}

// readTime reads a time; utc says whether it was written without an offset.
func readTime(value *node, was string) (t time.Time, utc, ok bool) {
	if was == rfc3339 {
		s := value.string()
		t, err := time.Parse(time.RFC3339Nano, string(bytes.ToUpper(s)))
		if err != nil || len(s) < len("2006-01-02T15:04:05Z") || s[10]|0x20 != 't' || bytes.IndexByte(s, ',') >= 0 {
			return time.Time{}, false, false
		}
		return t.UTC(), s[len(s)-1]|0x20 == 'z', inYears(t.UTC())
	}
	d, over := parseDecimal(value.raw)
	if over != "" || !d.whole() {
		return time.Time{}, false, false
	}
	raw, ok := d.print()
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if !ok || err != nil || n > math.MaxInt64/1000 || n < math.MinInt64/1000 {
		return time.Time{}, false, false
	}
	if was == epochSeconds {
		t = time.Unix(n, 0).UTC()
	} else {
		t = time.UnixMilli(n).UTC()
	}
	return t, true, inYears(t)
}

// inYears says whether a time can be written by RFC 3339, which has four digits for the year.
func inYears(t time.Time) bool { return t.Year() >= 0 && t.Year() <= 9999 }

var timeKinds = map[string]kind{epochMillis: number, epochSeconds: number, rfc3339: text}

func (o moment) effects() effects {
	var e effects
	if timeFineness[o.now] > timeFineness[o.was] {
		e.lostUp = []string{o.at.text}
	}
	if timeFineness[o.was] > timeFineness[o.now] {
		e.lostDown = []string{o.at.text}
	}
	return e
}
