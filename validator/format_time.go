package validator

import "bytes"

// two is the number of the two digits at s[i], or -1.
func two(s []byte, i int) int {
	tens, ones := s[i]-'0', s[i+1]-'0'
	if tens > 9 || ones > 9 {
		return -1
	}
	return int(tens)*10 + int(ones)
}

// isDate: RFC 3339, section 5.6, full-date.
func isDate(s []byte) bool {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return false
	}
	century, year, month, day := two(s, 0), two(s, 2), two(s, 5), two(s, 8)
	if century|year|month|day < 0 || month < 1 || month > 12 || day < 1 {
		return false
	}
	if day <= 28 {
		return true
	}
	days := int(daysOf[month])
	if month == 2 && year%4 == 0 && (year != 0 || century%4 == 0) {
		days++
	}
	return day <= days
}

// daysOf has the days of a month, from 1 on, in a year without a leap day.
const daysOf = "\x00\x1f\x1c\x1f\x1e\x1f\x1e\x1f\x1f\x1e\x1f\x1e\x1f"

// isTime: RFC 3339, section 5.6, full-time. A leap second is allowed where it is 23:59:60 in UTC.
func isTime(s []byte) bool {
	if len(s) < 9 || s[2] != ':' || s[5] != ':' {
		return false
	}
	hour, minute, second := two(s, 0), two(s, 3), two(s, 6)
	if hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 {
		return false
	}
	s = s[8:]
	if s[0] == '.' {
		n := 1
		for n < len(s) && isDigit(s[n]) {
			n++
		}
		if n == 1 {
			return false
		}
		s = s[n:]
	}
	offset, ok := timeOffset(s)
	return ok && (second < 60 || (hour*60+minute-offset+2*24*60)%(24*60) == 23*60+59)
}

// timeOffset is an offset in minutes: Z or +hh:mm.
func timeOffset(s []byte) (minutes int, ok bool) {
	if len(s) == 1 && s[0]|0x20 == 'z' {
		return 0, true
	}
	if len(s) != 6 || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return 0, false
	}
	hour, minute := two(s, 1), two(s, 4)
	if hour < 0 || hour > 23 || minute < 0 || minute > 59 {
		return 0, false
	}
	minutes = hour*60 + minute
	if s[0] == '-' {
		minutes = -minutes
	}
	return minutes, true
}

// isDateTime: RFC 3339, section 5.6.
func isDateTime(s []byte) bool {
	return len(s) > 11 && s[10]|0x20 == 't' && isDate(s[:10]) && isTime(s[11:])
}

// wholeDate and wholeDateTime judge a string from the byte behind its opening quote on: see textRules.whole.
func wholeDate(text []byte, i int) int {
	if end := i + len("2026-01-02"); end < len(text) && text[end] == '"' && isDate(text[i:end]) {
		return end + 1
	}
	return -1
}

func wholeDateTime(text []byte, i int) int {
	end := i + len("2026-01-02T03:04:05")
	if end >= len(text) {
		return -1
	}
	if text[end] == '.' {
		end = skipDigits(text, end+1)
	}
	if end < len(text) && text[end] != 'Z' {
		end += len("+01:0")
	}
	if end++; end < len(text) && text[end] == '"' && isDateTime(text[i:end]) {
		return end + 1
	}
	return -1
}

// isDuration: RFC 3339, appendix A: weeks alone, or a run of neighbours of years, months, days, and after T of hours,
// minutes, seconds.
func isDuration(s []byte) bool {
	if len(s) < 3 || s[0] != 'P' {
		return false
	}
	s = s[1:]
	if date, ok := durationPart(s, "W"); ok && len(date) == 0 {
		return true
	}
	date, clock, hasClock := bytes.Cut(s, []byte{'T'})
	if len(date) > 0 {
		if rest, ok := durationPart(date, "YMD"); !ok || len(rest) > 0 {
			return false
		}
	}
	if !hasClock {
		return len(date) > 0
	}
	rest, ok := durationPart(clock, "HMS")
	return ok && len(rest) == 0
}

// durationPart reads numbers with units, each unit the one after the last; at least one.
func durationPart(s []byte, units string) (rest []byte, ok bool) {
	next := -1
	for len(s) > 0 {
		n := 0
		for n < len(s) && isDigit(s[n]) {
			n++
		}
		if n == 0 || n == len(s) {
			return s, false
		}
		unit := bytes.IndexByte([]byte(units), s[n])
		if unit < 0 || next >= 0 && unit != next {
			return s, false
		}
		next, s = unit+1, s[n+1:]
	}
	return s, next >= 0
}

// isPeriod: RFC 3339, appendix A: two of which at least one is a date-time.
func isPeriod(s []byte) bool {
	from, to, ok := bytes.Cut(s, []byte{'/'})
	return ok && (isDateTime(from) && (isDateTime(to) || isDuration(to)) || isDuration(from) && isDateTime(to))
}
