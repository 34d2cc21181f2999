package catalog_test

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/accordhq/accord/catalog"
)

func TestCanonical(t *testing.T) {
	for _, c := range []struct{ name, in, want, normal string }{
		{"white space goes, order stays", " { \"b\" : 1 ,\r\n\t\"a\" : [ true , null ] } ", `{"b":1,"a":[true,null]}`, `{"a":[true,null],"b":1}`},
		{"boolean", " true\n", `true`, `true`},
		{"empty object", `{ }`, `{}`, `{}`},
		{"integers as written", `{"a":100000000000000000000,"b":-1,"c":-0}`, `{"a":100000000000000000000,"b":-1,"c":0}`, ``},
		{
			"decimals as Java prints them", `{"a":1.10,"b":1e3,"c":0.0000001,"d":1.5E2,"e":-0.0,"f":0e5,"g":0.10,"h":0.000001,"i":12.5e-10,"j":1e0,"k":1.0e1,"l":100e-2,"m":0.00e1,"n":-1.25e+30}`,
			`{"a":1.10,"b":1E+3,"c":1E-7,"d":1.5E+2,"e":0.0,"f":0E+5,"g":0.10,"h":0.000001,"i":1.25E-9,"j":1,"k":10,"l":1.00,"m":0.0,"n":-1.25E+30}`, ``,
		},
		{"strings escape only what must be", `{"a":"\u00e9\/\"\\\b\f\n\r\t\u0001\u001f\u007f\ud83d\ude00"}`, `{"a":"é/\"\\\b\f\n\r\t\u0001\u001F` + "\x7f" + `😀"}`, ``},
		{"UTF-16 order", `{"\ufb01":1,"😀":2,"a":{"c":1,"b":2}}`, `{"ﬁ":1,"😀":2,"a":{"c":1,"b":2}}`, `{"a":{"b":2,"c":1},"😀":2,"ﬁ":1}`},
	} {
		got, err := catalog.Canonical(c.in, false)
		if err != nil || got != c.want {
			t.Errorf("%s: Canonical(%s) = %s, %v, want %s", c.name, c.in, got, err, c.want)
		}
		if again, err := catalog.Canonical(got, false); again != got || err != nil {
			t.Errorf("%s: Canonical(%s) = %s, %v, want the same", c.name, got, again, err)
		}
		if c.normal == "" {
			continue
		}
		if got, err := catalog.Canonical(c.in, true); err != nil || got != c.normal {
			t.Errorf("%s: Canonical(%s, normalize) = %s, %v, want %s", c.name, c.in, got, err, c.normal)
		}
	}
}

func TestCanonicalRefuses(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 70) + `1` + strings.Repeat(`}`, 70)
	for _, c := range []struct{ in, pointer, detail string }{
		{``, "", "nothing there"},
		{`{"a":1,"b":{"x":1,"x":2}}`, "/b/x", "twice"},
		{`{"a":1,"\u0061":2}`, "/a", "twice"},
		{`{"a/b":[1,{"~":NaN}]}`, "/a~1b/1/~0", "not JSON at offset 15"},
		{`{"a":"\ud800"}`, "/a", "surrogate"},
		{`{"a":"\ud800\u0041"}`, "/a", "surrogate"},
		{`{"a":"` + "\xff" + `"}`, "/a", "UTF-8"},
		{`{} {}`, "", "text after the document at offset 3"},
		{`[1]`, "", "object or a boolean"},
		{`"x"`, "", "object or a boolean"},
		{`[1`, "", "ends at offset 2"},
		{`{"a":01}`, "/a", "not JSON"},
		{`{"a":1.}`, "/a", "not JSON"},
		{`{"a":1e}`, "/a", "not JSON"},
		{`{"a":-}`, "/a", "not JSON"},
		{`{"a":1e9999999999}`, "/a", "exponent"},
		{`{"a":"\u00g0"}`, "/a", "not JSON"},
		{`{"a":"\u+041"}`, "/a", "not JSON"},
		{"{\"a\":\"\n\"}", "/a", "not JSON"},
		{`{"a":1,}`, "", "not JSON"},
		{`{"a" 1}`, "/a", "not JSON"},
		{`{a:1}`, "", "not JSON"},
		{deep, strings.Repeat("/a", 65), "deeper"},
	} {
		_, err := catalog.Canonical(c.in, false)
		e, ok := errors.AsType[*catalog.Error](err)
		if !ok || !errors.Is(err, catalog.InvalidSchema) || e.Pointer != c.pointer || !strings.Contains(e.Detail, c.detail) {
			t.Errorf("Canonical(%.60s) = %v, want InvalidSchema at %q with %q", c.in, err, c.pointer, c.detail)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{`{"a":[1.10,1e3,"\u00e9"],"b":{}}`, `true`, `{"a":"\ud83d\ude00"}`, `{"a":-0}`, `{"a":0.00000012e-3}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, err := catalog.Canonical(in, false)
		if err != nil {
			return
		}
		if again, err := catalog.Canonical(got, false); err != nil || again != got {
			t.Fatalf("Canonical(%q) = %q; again %q, %v", in, got, again, err)
		}
		parse := func(s string) any {
			d := json.NewDecoder(strings.NewReader(s))
			d.UseNumber()
			var v any
			if err := d.Decode(&v); err != nil {
				t.Fatalf("%q is not JSON: %v", s, err)
			}
			return floats(v)
		}
		if a, b := parse(in), parse(got); !reflect.DeepEqual(a, b) {
			t.Fatalf("Canonical(%q) = %q: another value", in, got)
		}
	})
}

// floats makes numbers comparable; the smallest and largest fall together, which is enough here.
func floats(v any) any {
	switch v := v.(type) {
	case json.Number:
		f, _ := v.Float64()
		return f + 0 // no negative zero
	case []any:
		for i := range v {
			v[i] = floats(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = floats(v[name])
		}
	}
	return v
}

// TestGUID compares with MD5 over bytes put together by hand.
func TestGUID(t *testing.T) {
	for _, c := range []struct {
		name   string
		schema catalog.Schema
		bytes  string
	}{
		{"text alone", catalog.Schema{Text: `{"type":"string"}`}, `{"type":"string"}`},
		{"reference", catalog.Schema{Text: `{}`, References: []catalog.Reference{{Name: "a.json", Subject: "A", Version: 258}}}, "{}a.jsonA\x00\x00\x01\x02"},
		{"empty metadata is not none", catalog.Schema{Text: `{}`, Metadata: &catalog.Metadata{}}, "{}\x01"},
		{"metadata, sorted", catalog.Schema{Text: `{}`, Metadata: &catalog.Metadata{
			Tags:       map[string][]string{"z": {"b", "a", "b"}, "y": {"c"}},
			Properties: map[string]string{"q": "2", "p": "1"},
			Sensitive:  []string{"t", "s"},
		}}, "{}\x01" + "yc" + "zab" + "p1q2" + "st"},
		{"rules, in order", catalog.Schema{Text: `{}`, RuleSet: &catalog.RuleSet{
			Domain:    []catalog.Rule{{Name: "d", Doc: "why", Kind: "CONDITION", Mode: "WRITE", Type: "CEL", Tags: []string{"u", "t"}, Params: map[string]string{"k": "v"}, Expr: "x", OnSuccess: "NONE", OnFailure: "DLQ", Disabled: true}},
			Migration: []catalog.Rule{{Name: "m"}},
			EnableAt:  "soon",
		}}, "{}\x01" + "m" + "dwhyCONDITIONWRITECELtukvxNONEDLQ\x01" + "soon"},
	} {
		sum := md5.Sum([]byte(c.bytes))
		x := hex.EncodeToString(sum[:])
		want := x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
		if got := c.schema.GUIDOf(); got != want {
			t.Errorf("%s: GUIDOf() = %s, want %s", c.name, got, want)
		}
	}
	// One vector with the digest itself, so that the test cannot agree with a wrong MD5: RFC 1321, appendix A.5, "abc".
	if got, want := (catalog.Schema{Text: "abc"}).GUIDOf(), "90015098-3cd2-4fb0-d696-3f7d28e17f72"; got != want {
		t.Errorf("GUIDOf(abc) = %s, want %s", got, want)
	}
}

func TestParseName(t *testing.T) {
	for _, c := range []struct {
		in   string
		want catalog.Name
		out  string
	}{
		{"orders-value", catalog.Name{Subject: "orders-value"}, "orders-value"},
		{":.:orders", catalog.Name{Subject: "orders"}, "orders"},
		{":.eu:orders:x/y", catalog.Name{Context: ".eu", Subject: "orders:x/y"}, ":.eu:orders:x/y"},
		{":.eu:", catalog.Name{Context: ".eu"}, ":.eu:"},
		{":.__GLOBAL:", catalog.Name{Context: catalog.GlobalContext}, ":.__GLOBAL:"},
		{":.::x", catalog.Name{Subject: ":x"}, ":.::x"},
		{"", catalog.Name{}, ""},
	} {
		got, err := catalog.ParseName(c.in)
		if err != nil || got != c.want || got.String() != c.out {
			t.Errorf("ParseName(%q) = %+v (%q), %v, want %+v (%q)", c.in, got, got, err, c.want, c.out)
		}
	}
	for _, in := range []string{":x", ":eu:x", "a\x00b", "\xff", strings.Repeat("x", catalog.MaxSubjectBytes+1)} {
		if got, err := catalog.ParseName(in); !errors.Is(err, catalog.InvalidSubject) {
			t.Errorf("ParseName(%.20q) = %+v, %v, want InvalidSubject", in, got, err)
		}
	}
}
