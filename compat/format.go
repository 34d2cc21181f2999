package compat

// formatPool holds usual strings of the formats; the validator's own check decides which of them count.
var formatPool = []string{
	"2026-02-03T04:05:06Z", "2026-02-03", "04:05:06Z", "P1D", "ann@example.com", "example.com", "192.0.2.1", "2001:db8::1",
	"https://example.com/a", "/a", "a", "", "6f2b1d0e-4a3c-4c1e-9d2a-1b2c3d4e5f60", "/a/0", "0/a", "{a}", "^a$", "e30=", "{}", "MQ==",
	"2026-12-31T23:59:59.5+01:00", "12:30:00+02:00", "PT1H30M", "a@b.co", "localhost", "10.0.0.1", "::1", "urn:a:b", "https://example.com/a?b=c#d", "http://a",
	"^(a|b)[0-9]+$", "2000-01-01", "1999-12-31", "00:00:00Z", "P1Y2M3DT4H5M6S", "P2W", "00000000-0000-0000-0000-000000000000", "A", "no", " ",
}

// usual is the first value of the pool that the check accepts: what a person would expect to read there.
func (s *store) usual(n *node) (string, bool) {
	c := s.stringCheck(n)
	if c == nil {
		return "", false
	}
	if n.kind == kFormat {
		for _, preferred := range formatExamples[n.name] {
			if c(preferred) {
				return preferred, true
			}
		}
	}
	for _, v := range formatPool {
		if v != "" && c(v) {
			return v, true
		}
	}
	return "", false
}

// formatExamples are the values that examples show.
var formatExamples = map[string][]string{
	"date-time":             {"2026-02-03T04:05:06Z"},
	"date":                  {"2026-02-03"},
	"time":                  {"04:05:06Z"},
	"duration":              {"P1D"},
	"email":                 {"ann@example.com"},
	"hostname":              {"example.com"},
	"ipv4":                  {"192.0.2.1"},
	"ipv6":                  {"2001:db8::1"},
	"uri":                   {"https://example.com/a"},
	"uri-reference":         {"/a"},
	"iri":                   {"https://example.com/a"},
	"iri-reference":         {"/a"},
	"uuid":                  {"6f2b1d0e-4a3c-4c1e-9d2a-1b2c3d4e5f60"},
	"json-pointer":          {"/a/0"},
	"uri-template":          {"https://example.com/{id}"},
	"regex":                 {"^a$"},
	"relative-json-pointer": {"0/a"},
}
