package validator

import (
	"encoding/binary"
	"regexp/syntax"
)

// formats are the formats that are asserted, in every draft; any other name asserts nothing. Each check gets the string
// with its escapes resolved, keeps nothing and allocates nothing, regex aside. period, ip-address and uriref are old
// names that jsonschema v5 keeps alive.
var formats = map[string]func([]byte) bool{
	"date-time":             isDateTime,
	"date":                  isDate,
	"time":                  isTime,
	"duration":              isDuration,
	"period":                isPeriod,
	"email":                 isEmail,
	"hostname":              isHostname,
	"ip-address":            isIPv4,
	"ipv4":                  isIPv4,
	"ipv6":                  isIPv6,
	"uuid":                  isUUID,
	"uri":                   isURI,
	"uri-reference":         isURIReference,
	"uriref":                isURIReference,
	"iri":                   isIRI,
	"iri-reference":         isIRIReference,
	"uri-template":          isURITemplate,
	"json-pointer":          isJSONPointer,
	"relative-json-pointer": isRelativePointer,
	"regex":                 isRegex,
}

// wholeFormats are the formats whose length is nearly fixed: they are judged while a string is scanned.
var wholeFormats = map[string]func(text []byte, i int) int{"uuid": wholeUUID, "date": wholeDate, "date-time": wholeDateTime}

// formatWords say what a format asks for, where its name does not.
var formatWords = map[string]string{
	"date-time": "a date-time (RFC 3339)", "date": "a date (RFC 3339)", "time": "a time with an offset (RFC 3339)",
	"duration": "a duration (RFC 3339)", "email": "an email address", "hostname": "a hostname", "ipv4": "an IPv4 address",
	"ip-address": "an IPv4 address", "ipv6": "an IPv6 address", "uuid": "a UUID", "uri": "a URI", "uri-reference": "a URI reference",
	"uriref": "a URI reference", "iri": "an IRI", "iri-reference": "an IRI reference", "uri-template": "a URI template",
	"json-pointer": "a JSON Pointer", "relative-json-pointer": "a relative JSON Pointer", "regex": "a regular expression (RE2)",
	"period": "a period (RFC 3339)",
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isHex(c byte) bool    { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// isUUID: RFC 4122, section 3.
func isUUID(s []byte) bool {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	four := func(i int) uint64 { return uint64(binary.LittleEndian.Uint32(s[i:])) }
	eight := func(i int) uint64 { return binary.LittleEndian.Uint64(s[i:]) }
	return areHex(eight(0)) && areHex(four(9)|four(14)<<32) && areHex(four(19)|four(24)<<32) && areHex(eight(28))
}

// wholeUUID is isUUID from the byte behind the opening quote on: see textRules.whole.
func wholeUUID(text []byte, i int) int {
	if end := i + 36; end < len(text) && text[end] == '"' && isUUID(text[i:end]) {
		return end + 1
	}
	return -1
}

// areHex reports whether all eight bytes of w are hexadecimal digits. Adding to a byte below 0x80 sets its high bit where
// the byte reaches a bound; no carry leaves it.
func areHex(w uint64) bool {
	const low = ^uint64(highBits)
	from := func(w uint64, c byte) uint64 { return w&low + uint64(0x80-c)*eachByte }
	digit := from(w, '0') &^ from(w, '9'+1)
	letter := from(w|0x20*eachByte, 'a') &^ from(w|0x20*eachByte, 'f'+1)
	return (digit|letter)&^w&highBits == highBits
}

// isJSONPointer: RFC 6901, section 3.
func isJSONPointer(s []byte) bool {
	if len(s) > 0 && s[0] != '/' {
		return false
	}
	for i, c := range s {
		if c == '~' && (i+1 == len(s) || s[i+1] != '0' && s[i+1] != '1') {
			return false
		}
	}
	return true
}

// isRelativePointer: draft-handrews-relative-json-pointer-01, section 3.
func isRelativePointer(s []byte) bool {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	if n == 0 || n > 1 && s[0] == '0' {
		return false
	}
	return string(s[n:]) == "#" || isJSONPointer(s[n:])
}

// isRegex: what a pattern may be here, RE2 syntax as Go's regexp reads it.
func isRegex(s []byte) bool {
	if len(s) > MaxRegexBytes {
		return false
	}
	_, err := syntax.Parse(string(s), syntax.Perl)
	return err == nil
}
