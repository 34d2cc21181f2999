package validator

import (
	"bytes"
	"strings"
)

func isURI(s []byte) bool          { return parseURI(s, false, true) }
func isURIReference(s []byte) bool { return parseURI(s, false, false) }
func isIRI(s []byte) bool          { return parseURI(s, true, true) }
func isIRIReference(s []byte) bool { return parseURI(s, true, false) }

// parseURI: RFC 3986, section 3 and 4.1; with iri RFC 3987, section 2.2, where characters outside ASCII are allowed.
func parseURI(s []byte, iri, absolute bool) bool {
	s, fragment, _ := bytes.Cut(s, []byte{'#'})
	s, query, _ := bytes.Cut(s, []byte{'?'})
	if !uriChars(fragment, ":@/?", iri) || !uriChars(query, ":@/?", iri) {
		return false
	}
	scheme := schemeEnd(s)
	if scheme < 0 && absolute {
		return false
	}
	rest := s[scheme+1:]
	if after, ok := bytes.CutPrefix(rest, []byte("//")); ok {
		slash := bytes.IndexByte(after, '/')
		if slash < 0 {
			slash = len(after)
		}
		return isAuthority(after[:slash], iri) && uriChars(after[slash:], ":@/", iri)
	}
	if scheme < 0 { // the first segment of a relative path has no colon
		segment, _, _ := bytes.Cut(rest, []byte{'/'})
		if bytes.IndexByte(segment, ':') >= 0 {
			return false
		}
	}
	return uriChars(rest, ":@/", iri)
}

// schemeEnd is the position of the colon behind a scheme, or -1.
func schemeEnd(s []byte) int {
	for i, c := range s {
		switch {
		case isLetter(c):
		case i > 0 && (isDigit(c) || c == '+' || c == '-' || c == '.'):
		case i > 0 && c == ':':
			return i
		default:
			return -1
		}
	}
	return -1
}

func isAuthority(s []byte, iri bool) bool {
	if at := bytes.LastIndexByte(s, '@'); at >= 0 {
		if !uriChars(s[:at], ":", iri) {
			return false
		}
		s = s[at+1:]
	}
	host, port := s, []byte(nil)
	if len(s) > 0 && s[0] == '[' {
		end := bytes.IndexByte(s, ']')
		if end < 0 || !isIPLiteral(s[1:end]) {
			return false
		}
		host, port = nil, s[end+1:]
		if len(port) > 0 && port[0] != ':' {
			return false
		}
		port = bytes.TrimPrefix(port, []byte{':'})
	} else if before, after, ok := bytes.Cut(s, []byte{':'}); ok {
		host, port = before, after
	}
	for _, c := range port {
		if !isDigit(c) {
			return false
		}
	}
	return uriChars(host, "", iri)
}

// isIPLiteral: an IPv6 address, or v, hexadecimal digits, a dot, and some text.
func isIPLiteral(s []byte) bool {
	if len(s) == 0 || s[0]|0x20 != 'v' {
		return isIPv6(s)
	}
	version, text, ok := bytes.Cut(s[1:], []byte{'.'})
	for _, c := range version {
		ok = ok && isHex(c)
	}
	return ok && len(version) > 0 && len(text) > 0 && bytes.IndexByte(text, '%') < 0 && uriChars(text, ":", false)
}

// uriChars reports whether all of s is unreserved, a sub-delimiter, percent-encoded, or among the others given.
func uriChars(s []byte, others string, iri bool) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case charKinds[c]&charURI != 0:
		case c == '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return false
			}
			i += 2
		case c >= 0x80:
			if !iri {
				return false
			}
		case strings.IndexByte(others, c) < 0:
			return false
		}
	}
	return true
}

// isURITemplate: RFC 6570, section 2, with erratum 6937, which allows the apostrophe.
func isURITemplate(s []byte) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '{':
			end := bytes.IndexByte(s[i:], '}')
			if end < 0 || !isExpression(s[i+1:i+end]) {
				return false
			}
			i += end
		case c == '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return false
			}
			i += 2
		case c <= ' ' || c == 0x7f || bytes.IndexByte([]byte("\"<>\\^`|}"), c) >= 0:
			return false
		}
	}
	return true
}

func isExpression(s []byte) bool {
	if len(s) > 0 && bytes.IndexByte([]byte("+#./;?&=,!@|"), s[0]) >= 0 {
		s = s[1:]
	}
	for {
		variable, rest, more := bytes.Cut(s, []byte{','})
		if !isVariable(variable) {
			return false
		}
		if !more {
			return true
		}
		s = rest
	}
}

// isVariable: a name with dots inside, then perhaps * or a length of up to four digits.
func isVariable(s []byte) bool {
	s, star := bytes.CutSuffix(s, []byte{'*'})
	s, length, hasLength := bytes.Cut(s, []byte{':'})
	if hasLength && (star || len(length) == 0 || len(length) > 4 || length[0] == '0') {
		return false
	}
	for _, c := range length {
		if !isDigit(c) {
			return false
		}
	}
	dot := true
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.':
			if dot {
				return false
			}
			dot = true
			continue
		case isLetter(c) || isDigit(c) || c == '_':
		case c == '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return false
			}
			i += 2
		default:
			return false
		}
		dot = false
	}
	return !dot
}
