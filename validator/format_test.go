package validator_test

import (
	"strings"
	"testing"

	"github.com/accordhq/accord/validator"
)

// TestFormats adds to the official suite's cases what other libraries get wrong, and the edges of each grammar.
func TestFormats(t *testing.T) {
	label := strings.Repeat("a", 63)
	for format, c := range map[string]struct{ yes, no string }{
		"date-time":             {"2024-01-01T00:00:00Z 2024-02-29t23:59:60z 2024-01-01T01:59:60+02:00 1990-12-31T15:59:60.5-08:00 2024-01-01T00:00:00.123456789+23:59", "2024-01-01T+1:+2:+3Z 2024-01-01T23:59:60+00:01 2023-02-29T00:00:00Z 2024-01-01T24:00:00Z 2024-01-01T00:00:00 2024-01-01T00:00:00.Z 2024-01-01T00:00:00+24:00 2024-1-1T00:00:00Z T"},
		"date":                  {"2000-02-29 0000-02-29 9999-12-31", "1900-02-29 2024-00-10 2024-13-01 2024-01-32 2024-01-00 24-01-01 2024-01-1x"},
		"duration":              {"P1Y P1M2D PT1H P4W P1Y2M3DT4H5M6S PT0S", "P PT P1 1Y P1D1Y P1W2D PT1D P1Y2D P1.5D P-1D PT1S1H"},
		"period":                {"2024-01-01T00:00:00Z/P1D P1D/2024-01-01T00:00:00Z 2024-01-01T00:00:00Z/2024-01-02T00:00:00Z", "P1D/P1D P1D 2024-01-01T00:00:00Z/"},
		"email":                 {"a@b a.b+c@example.com \"a\\\"b@c\"@d.e a@[127.0.0.1] a@[IPv6:::1]", "a a@ @b .a@b a.@b a..b@c a@-b \"a@b a@[1.2.3] a@[::1] a\u00e9@b " + strings.Repeat("a", 65) + "@b"},
		"hostname":              {"a a-b.c " + label + " 1.2", "a.-b -a a- a..b .a a_b \u00e9 " + label + "a " + strings.Repeat("a.", 127)},
		"ipv4":                  {"0.0.0.0 255.255.255.255", "+1.2.3.4 00.0.0.0 256.0.0.0 1.2.3 1.2.3.4.5 1.2.3. 1.2.3.4/8 0x1.0.0.0"},
		"ipv6":                  {":: ::1 1:: 1:2:3:4:5:6:7:8 1::8 ::ffff:1.2.3.4 1:2:3:4:5:6:1.2.3.4 a:B::", "1:2:3:4:5:6:7 1:2:3:4:5:6:7:8:9 1::2::3 ::12345 fe80::1%eth0 1:2:3:4:5:6:7:1.2.3.4 :1 1: ::1.2.3 ::: 1:2:3:4::5:6:7:8"},
		"uuid":                  {"2eb8aa08-aa98-11ea-b4aa-73b441d16380 2EB8AA08-AA98-11EA-B4AA-73B441D16380", "2eb8aa08aa9811eab4aa73b441d16380 2eb8aa08-aa98-11ea-b4aa-73b441d1638 2eb8aa08-aa98-11ea-b4aa-73b441d1638g 2eb8aa08_aa98-11ea-b4aa-73b441d16380"},
		"uri":                   {"http://a.b/c?d=e#f urn:a:b a: http://u:p@[::1]:80/ http://[v1.a]/ file:///x a:b%20c", "//a /b a http://a\\b http://[::1 http://[zz]/ a:% a:%g0 1a:b http://a:b:c/ a:\u00e9 a:b{c}"},
		"iri":                   {"http://\u00e9.b/\u4e2d", "\u00e9 http://a\\b"},
		"uri-reference":         {"//a/b a/b?c ?a #b ../x a%41", "a:b:c\\d 1:2 a%4 :a"},
		"uri-template":          {"a{b} {+a,b*} {a:3} {?a.b} {%41} a'b", "{ } {a {a}} {} {a:0} {a:10000} {a b} {.} {a..b} {^a} a<b %4"},
		"json-pointer":          {"/a~0b/~1 / /a/", "a /~ /~2 #/a"},
		"relative-json-pointer": {"0 0# 1/a 10", "01 -1 # 1a /a 0##"},
		"regex":                 {"^a{2,3}$ (?i)x \\d+", "( [ a{2,1} (?=x) \\cX"},
	} {
		for s := range strings.FieldsSeq(c.yes) {
			if !validator.HasFormat(format, s) {
				t.Errorf("%s refuses %q", format, s)
			}
		}
		for s := range strings.FieldsSeq(c.no) {
			if validator.HasFormat(format, s) {
				t.Errorf("%s accepts %q", format, s)
			}
		}
	}
	if validator.HasFormat("date", "") || validator.HasFormat("uri", "") || !validator.HasFormat("uri-reference", "") || !validator.HasFormat("json-pointer", "") {
		t.Error("the empty string is judged wrongly")
	}
}

// TestFormatsNeverPanic on arbitrary bytes, cut at every length.
func TestFormatsNeverPanic(t *testing.T) {
	for _, s := range []string{"2024-01-01T00:00:00.5+00:00", "P1Y2M3DT4H5M6S", "\"a\\\"b\"@[IPv6:::1]", "http://u:p@[v1.a]:80/%41?b#c", "{+a:3,b*}%41", "1:2:3:4:5:6:1.2.3.4", "10/~0", "\xff\x00~%{[@"} {
		for _, format := range validator.Formats() {
			for n := range len(s) + 1 {
				validator.HasFormat(format, s[:n])
				validator.HasFormat(format, s[n:])
			}
		}
	}
}
