package validator

import "bytes"

// isHostname: RFC 1123, section 2.1: labels of letters, digits and hyphens, which neither begin nor end with a hyphen.
func isHostname(s []byte) bool {
	if len(s) == 0 || len(s) > 253 {
		return false
	}
	label := 0 // where it begins
	for i := 0; i <= len(s); i++ {
		switch {
		case i == len(s) || s[i] == '.':
			if i == label || i-label > 63 || s[label] == '-' || s[i-1] == '-' {
				return false
			}
			label = i + 1
		case charKinds[s[i]]&charLabel == 0:
			return false
		}
	}
	return true
}

// isIPv4: RFC 2673, section 3.2: four numbers up to 255 without leading zeros.
func isIPv4(s []byte) bool {
	for part := 0; ; part++ {
		number, rest, more := bytes.Cut(s, []byte{'.'})
		if len(number) == 0 || len(number) > 3 || len(number) > 1 && number[0] == '0' {
			return false
		}
		n := 0
		for _, c := range number {
			if !isDigit(c) {
				return false
			}
			n = n*10 + int(c-'0')
		}
		if n > 255 {
			return false
		}
		if !more {
			return part == 3
		}
		if part == 3 {
			return false
		}
		s = rest
	}
}

// isIPv6: RFC 4291, section 2.2, without a zone.
func isIPv6(s []byte) bool {
	groups, gap := 0, false
	if bytes.HasPrefix(s, []byte("::")) {
		gap, s = true, s[2:]
		if len(s) == 0 {
			return true
		}
	}
	for {
		group, rest, more := bytes.Cut(s, []byte{':'})
		if !more && bytes.IndexByte(group, '.') >= 0 {
			groups += 2
			return isIPv4(group) && (groups == 8 && !gap || groups < 8 && gap)
		}
		if len(group) == 0 || len(group) > 4 {
			return false
		}
		for _, c := range group {
			if !isHex(c) {
				return false
			}
		}
		groups++
		if !more {
			return groups == 8 && !gap || groups < 8 && gap
		}
		if len(rest) > 0 && rest[0] == ':' {
			if gap {
				return false
			}
			gap, rest = true, rest[1:]
			if len(rest) == 0 {
				return groups < 8
			}
		}
		s = rest
	}
}

// isEmail: RFC 5321, section 4.1.2, Mailbox.
func isEmail(s []byte) bool {
	at := bytes.LastIndexByte(s, '@')
	if at < 1 || at > 64 {
		return false
	}
	return isLocalPart(s[:at]) && isMailDomain(s[at+1:])
}

func isLocalPart(s []byte) bool {
	if s[0] == '"' {
		return isQuotedLocal(s)
	}
	atom := 0 // where it begins
	for i, c := range s {
		switch {
		case charKinds[c]&charAtom != 0:
		case c != '.' || i == atom:
			return false
		default:
			atom = i + 1
		}
	}
	return atom < len(s)
}

func isQuotedLocal(s []byte) bool {
	if len(s) < 2 || s[len(s)-1] != '"' {
		return false
	}
	s = s[1 : len(s)-1]
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < ' ' || c > '~' || c == '"':
			return false
		case c == '\\':
			if i++; i == len(s) || s[i] < ' ' || s[i] > '~' {
				return false
			}
		}
	}
	return true
}

func isMailDomain(s []byte) bool {
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' {
		return isHostname(s)
	}
	s = s[1 : len(s)-1]
	if six, ok := bytes.CutPrefix(s, []byte("IPv6:")); ok {
		return isIPv6(six)
	}
	return isIPv4(s)
}
