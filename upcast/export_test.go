package upcast

// Scale multiplies the text of a JSON number by 10^exp10, for tests against other arithmetic; "" if it refuses.
func Scale(number string, exp10 int, whole, round bool) string {
	d, over := parseDecimal([]byte(number))
	if over != "" {
		return ""
	}
	if len(d.digits) > 0 {
		d.exp += exp10
	}
	if whole && !d.whole() {
		if !round {
			return ""
		}
		d = d.round()
	}
	out, ok := d.print()
	if !ok {
		return ""
	}
	return string(out)
}

// SameNumber compares the texts of two JSON numbers.
func SameNumber(a, b string) bool { return sameNumber([]byte(a), []byte(b)) }
