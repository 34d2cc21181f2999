package compat_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// joined is f of 0 to n-1.
func joined(n int, f func(i int) string, sep string) string {
	p := make([]string, n)
	for i := range p {
		p[i] = f(i)
	}
	return strings.Join(p, sep)
}

// ringChain is a ring of definitions that only its last one tells apart.
func ringChain(n int, leaf string) string {
	return `{"$ref":"#/definitions/T0","definitions":{` + joined(n, func(i int) string {
		v := ""
		if i == n-1 {
			v = `,"v":` + leaf
		}
		return fmt.Sprintf(`"T%d":{"type":"object","properties":{"n":{"$ref":"#/definitions/T%d"}%s}}`, i, (i+1)%n, v)
	}, ",") + `}}`
}

// refChain refers to itself in place, link by link.
func refChain(n int, leaf string) string {
	return `{"$ref":"#/definitions/T0","definitions":{` + joined(n, func(i int) string {
		if i == n-1 {
			return fmt.Sprintf(`"T%d":%s`, i, leaf)
		}
		return fmt.Sprintf(`"T%d":{"allOf":[{"$ref":"#/definitions/T%d"}],"minLength":%d}`, i, i+1, i)
	}, ",") + `}}`
}

// notChain is refChain with a negation at each link.
func notChain(n int, leaf string) string {
	return `{"$ref":"#/definitions/T0","definitions":{` + joined(n, func(i int) string {
		if i == n-1 {
			return fmt.Sprintf(`"T%d":%s`, i, leaf)
		}
		return fmt.Sprintf(`"T%d":{"not":{"allOf":[{"$ref":"#/definitions/T%d"},{"minLength":%d}]}}`, i, i+1, i)
	}, ",") + `}}`
}

// downChain is a member of a member, and so on.
func downChain(n int, leaf string) string {
	return `{"$ref":"#/definitions/T0","definitions":{` + joined(n, func(i int) string {
		if i == n-1 {
			return fmt.Sprintf(`"T%d":%s`, i, leaf)
		}
		return fmt.Sprintf(`"T%d":{"type":"object","required":["n"],"properties":{"n":{"$ref":"#/definitions/T%d"}}}`, i, i+1)
	}, ",") + `}}`
}

// twice has each part twice: events grow as powers of two.
func twice(n int, leaf string) string {
	return `{"$ref":"#/definitions/T0","definitions":{` + joined(n, func(i int) string {
		if i == n-1 {
			return fmt.Sprintf(`"T%d":%s`, i, leaf)
		}
		return fmt.Sprintf(`"T%d":{"type":"object","required":["a","b"],"properties":{"a":{"$ref":"#/definitions/T%d"},"b":{"$ref":"#/definitions/T%d"}}}`, i, i+1, i+1)
	}, ",") + `}}`
}

// clauses asks for members that satisfy random clauses of three.
func clauses(vars, clauses, seed int) string {
	random := rand.New(rand.NewPCG(uint64(seed), 11))
	return `{"type":"object","required":[` + joined(vars, func(i int) string { return fmt.Sprintf(`"a%d"`, i) }, ",") + `],"properties":{` + joined(vars, func(i int) string { return fmt.Sprintf(`"a%d":{"type":"boolean"}`, i) }, ",") + `},"allOf":[` + joined(clauses, func(int) string {
		return `{"anyOf":[` + joined(3, func(int) string {
			return fmt.Sprintf(`{"properties":{"a%d":{"const":%v}}}`, random.IntN(vars), random.IntN(2) == 0)
		}, ",") + `]}`
	}, ",") + `]}`
}

// multiples is clauses over the multiples of one number.
func multiples(vars, clauses, seed int) string {
	random := rand.New(rand.NewPCG(uint64(seed), 11))
	return `{"type":"integer","allOf":[` + joined(clauses, func(int) string {
		return `{"anyOf":[` + joined(3, func(int) string {
			m := fmt.Sprintf(`{"multipleOf":%d}`, []int{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37}[random.IntN(vars)])
			if random.IntN(2) == 0 {
				return `{"not":` + m + `}`
			}
			return m
		}, ",") + `]}`
	}, ",") + `],"minimum":100000000000000000}`
}

// patterns is clauses over the patterns of one string.
func patterns(vars, clauses, seed int) string {
	random := rand.New(rand.NewPCG(uint64(seed), 11))
	return `{"type":"string","maxLength":40,"allOf":[` + joined(clauses, func(int) string {
		return `{"anyOf":[` + joined(3, func(int) string {
			m := fmt.Sprintf(`{"pattern":"%c.{3}%c"}`, 'a'+random.IntN(vars), 'a'+random.IntN(vars))
			if random.IntN(2) == 0 {
				return `{"not":` + m + `}`
			}
			return m
		}, ",") + `]}`
	}, ",") + `]}`
}

func enumObjects(n int) string {
	return `{"enum":[` + joined(n, func(i int) string { return fmt.Sprintf(`{"id":%d,"k":"v%d"}`, i, i) }, ",") + `]}`
}

func uniqueEnum(n, m int) string {
	return fmt.Sprintf(`{"type":"array","uniqueItems":true,"minItems":%d,"items":{"enum":[%s]}}`, n, joined(m, func(i int) string { return fmt.Sprintf(`"v%d"`, i) }, ","))
}

func patternProducts(n int, f string, kid string) string {
	return `{"type":"object","patternProperties":{` + joined(n, func(i int) string { return fmt.Sprintf(`"`+f+`":`+kid, i+1, i) }, ",") + `}}`
}

// blowUp is a question that is expensive by nature.
type blowUp struct{ name, old, next string }

// blowUps are questions each of which once took seconds, or would if some loop were not counted.
func blowUps() []blowUp {
	str, strn := `{"type":"string"}`, `{"type":["string","null"]}`
	d20 := `"$schema":"https://json-schema.org/draft/2020-12/schema",`
	deep := strings.Repeat(`{"properties":{"a":`, 30) + `{"type":"string"}` + strings.Repeat(`}}`, 30)
	return []blowUp{
		{"circular oneOf, discriminated, same", circular(12, 5, true, `{"type":"string"}`), circular(12, 5, true, `{"type":"string"}`) + " "},
		{"circular oneOf, discriminated, leaf widened", circular(12, 5, true, `{"type":"string"}`), circular(12, 5, true, `{"type":["string","null"]}`)},
		{"circular oneOf, discriminated, leaf narrowed", circular(12, 5, true, `{"type":["string","null"]}`), circular(12, 5, true, `{"type":"string"}`)},
		{"circular oneOf, overlapping, leaf widened", circular(12, 5, false, `{"type":"string"}`), circular(12, 5, false, `{"type":["string","null"]}`)},
		{"circular oneOf, overlapping, leaf narrowed", circular(12, 5, false, `{"type":["string","null"]}`), circular(12, 5, false, `{"type":"string"}`)},
		{"nested oneOf, widened", nestedOneOf(4, `{"type":"string"}`), nestedOneOf(4, `{"type":["string","null"]}`)},
		{"nested oneOf, narrowed", nestedOneOf(4, `{"type":["string","null"]}`), nestedOneOf(4, `{"type":"string"}`)},
		{"10000 enum values, one more", enum(9_999, "v"), enum(10_000, "v")},
		{"10000 enum values, one less", enum(10_000, "v"), enum(9_999, "v")},
		{"10000 enum values, all others", enum(10_000, "v"), enum(10_000, "w")},
		{"many items asked for", `{"type":"array","minItems":1000000000}`, `{"type":"array","minItems":5}`},
		{"many items, another type", `{"type":"array","minItems":1000000000}`, `{"type":"array","minItems":1000000000,"items":{"type":"string"}}`},
		{"many items, impossible", `{"type":"array","minItems":1000000000,"items":false}`, `{"type":"string"}`},
		{"many members", `{"type":"object","minProperties":1000000000}`, `{"type":"object","minProperties":2}`},
		{"long strings", `{"type":"string","minLength":1000000000}`, `{"type":"string","minLength":1000000001}`},
		{"tiny multiples", `{"type":"number","multipleOf":1e-300}`, `{"type":"number","multipleOf":1e-299}`},
		{"tiny multiples, wider", `{"type":"number","multipleOf":1e-299}`, `{"type":"number","multipleOf":1e-300}`},
		{"30 overlapping patterns, widened", overlapping(30, `{"type":"string"}`), overlapping(30, `{"type":["string","null"]}`)},
		{"30 overlapping patterns, narrowed", overlapping(30, `{"type":["string","null"]}`), overlapping(30, `{"type":"string"}`)},
		{"pattern with many states", `{"type":"string","pattern":"^(a|b)*a(a|b){12}$"}`, `{"type":"string","pattern":"^(a|b)*a(a|b){12}$","maxLength":12}`},
		{"pattern with too many states", `{"type":"string","pattern":"^.*a.{18}$"}`, `{"type":"string","pattern":"^.*b.{18}$"}`},
		{"30 levels, leaf widened", deep, strings.Replace(deep, `"string"`, `["string","null"]`, 1)},
		{"30 levels, leaf narrowed", strings.Replace(deep, `"string"`, `["string","null"]`, 1), deep},
		{"20 unevaluated branches", unevaluated(20), unevaluated(20)[:len(unevaluated(20))-1] + `,"maxProperties":3}`},

		{"ring chain 1500", ringChain(1500, strn), ringChain(1500, str)},
		{"ref chain 1500", refChain(1500, strn), refChain(1500, str)},
		{"not chain 500", notChain(500, strn), notChain(500, str)},
		{"down chain 60", downChain(60, strn), downChain(60, str)},
		{"down chain 1500", downChain(1500, strn), downChain(1500, str)},
		{"binary 22", twice(22, strn), twice(22, str)},
		{"binary 22 wide", twice(22, str), twice(22, strn)},
		{"binary 60", twice(60, strn), twice(60, str)},
		{"clauses over members, same", clauses(30, 120, 1), clauses(30, 120, 1) + " "},
		{"130 clauses over 30 members", clauses(30, 130, 1), `false`},
		{"255 clauses over 60 members", clauses(60, 255, 2), `false`},
		{"clauses over members, others", clauses(60, 240, 2), clauses(60, 240, 3)},
		{"clauses over multiples", multiples(8, 40, 2), `false`},
		{"60 clauses over multiples", multiples(12, 60, 3), `false`},
		{"clauses over patterns", patterns(8, 20, 3), `false`},
		{"enum objects 10000", enumObjects(10000), `{"type":"object","required":["id","k"],"properties":{"id":{"type":"integer"},"k":{"pattern":"^v[0-9]*$"}},"additionalProperties":false}`},
		{"enum objects 10000 excluded", `{"type":"object"}`, `{"not":` + enumObjects(9000) + `}`},
		{"enum object not all", `{"type":"object","required":["id"],"properties":{"id":{"type":"integer","minimum":0,"maximum":8999}}}`, `{"not":` + enumObjects(9000) + `}`},
		{"unique enum 60", uniqueEnum(60, 64), uniqueEnum(60, 63)},
		{"unique enum 64", uniqueEnum(64, 63), `false`},
		{"unique enum 60 big", uniqueEnum(60, 9000), uniqueEnum(60, 8000)},
		{"patprops 12 products", patternProducts(12, `^.{%d}a%d`, `{"type":"string"}`), patternProducts(12, `^.{%d}a%d`, `{"minLength":1}`)},
		{"patprops big repeats", patternProducts(40, `(a{900}){0,1}b{%d}.%d`, `{"type":"string"}`), patternProducts(40, `(a{900}){0,1}b{%d}.%d`, `{"minLength":1}`)},
		{"pattern big repeats", `{"type":"string","pattern":"^(a{1,1000}|b{1,1000}|[c-z]{1,1000})*x(y|z){10}$"}`, `{"type":"string","pattern":"^(a{1,1000}|b{1,999}|[c-z]{1,1000})*x(y|z){10}$"}`},
		{"pattern unicode", `{"type":"string","pattern":"^(\\p{L}|\\p{N}|\\p{Greek}a{3,200}){1,4}.{3}x$"}`, `{"type":"string","pattern":"^(\\p{L}|\\p{N}|\\p{Greek}a{3,200}){1,4}.{2}x$"}`},
		{"pattern many enough", `{"type":"string","allOf":[` + joined(60, func(i int) string { return fmt.Sprintf(`{"pattern":"a.{%d}b"}`, i%8) }, ",") + `]}`, `{"pattern":"zzz"}`},
		{"number sieve", `{"type":"integer","minimum":1,"maximum":100000,"allOf":[` + joined(60, func(i int) string { return fmt.Sprintf(`{"not":{"multipleOf":%d}}`, i+2) }, ",") + `]}`, `{"maximum":61}`},
		{"number lattice tiny", `{"type":"number","multipleOf":1e-300,"minimum":0,"maximum":1e-295,"allOf":[` + joined(20, func(i int) string { return fmt.Sprintf(`{"not":{"multipleOf":%de-300}}`, i+2) }, ",") + `]}`, `false`},
		{"min strings 4096", `{"type":"string","minLength":200000,"pattern":"^(ab|ba)*$"}`, `{"pattern":"^(ab|ba|c)*$","maxLength":300000}`},
		{"wide anyOf 1000", `{"anyOf":[` + joined(1000, func(i int) string {
			return fmt.Sprintf(`{"properties":{"k":{"const":%d},"v":{"maxLength":%d}},"required":["k"]}`, i, i)
		}, ",") + `]}`, `{"anyOf":[` + joined(1000, func(i int) string {
			return fmt.Sprintf(`{"properties":{"k":{"const":%d},"v":{"maxLength":%d}},"required":["k"]}`, i, i+1)
		}, ",") + `]}`},
		{"wide oneOf 1000 overlap", `{"oneOf":[` + joined(1000, func(i int) string {
			return fmt.Sprintf(`{"properties":{"k%d":{"const":%d}},"required":["k%d"]}`, i, i, i)
		}, ",") + `]}`, `{"oneOf":[` + joined(1000, func(i int) string {
			return fmt.Sprintf(`{"properties":{"k%d":{"minimum":%d}},"required":["k%d"]}`, i, i, i)
		}, ",") + `]}`},
		{"wide oneOf 1000 overlap, other", `{"anyOf":[` + joined(1000, func(i int) string {
			return fmt.Sprintf(`{"properties":{"k%d":{"const":%d}},"required":["k%d"]}`, i, i, i)
		}, ",") + `]}`, `{"oneOf":[` + joined(1000, func(i int) string {
			return fmt.Sprintf(`{"properties":{"k%d":{"minimum":%d}},"required":["k%d"]}`, i, i, i)
		}, ",") + `]}`},
		{"wide anyOf numbers", `{"anyOf":[` + joined(1000, func(i int) string { return fmt.Sprintf(`{"type":"integer","minimum":%d,"maximum":%d}`, 10*i, 10*i+5) }, ",") + `]}`, `{"anyOf":[` + joined(1000, func(i int) string { return fmt.Sprintf(`{"type":"integer","minimum":%d,"maximum":%d}`, 10*i, 10*i+6) }, ",") + `]}`},
		{"long string", `{"type":"string","minLength":250000,"pattern":"^a*b"}`, `{"pattern":"^a*$"}`},
		{"big object witness", `{"type":"object","minProperties":9000}`, `{"maxProperties":8000}`},
		{"big array witness", `{"type":"array","minItems":9000,"items":{"type":"object","required":["a","b","c"]}}`, `{"maxItems":8000}`},
		{"big array witness strings", `{"type":"array","minItems":9000,"items":{"type":"string","minLength":20}}`, `{"maxItems":8000}`},
		{"nested oneOf 6", nestedOneOf(6, strn), nestedOneOf(6, str)},
		{"circular overlapping 12x8", circular(12, 8, false, strn), circular(12, 8, false, `{"type":"integer"}`)},
		{"circular overlapping 16x8", circular(16, 8, false, str), circular(16, 8, false, strn)},
		{"contains 4", `{"type":"array",` + d20[:len(d20)-1] + `,"allOf":[` + joined(4, func(i int) string {
			return fmt.Sprintf(`{"contains":{"multipleOf":%d},"minContains":10,"maxContains":20}`, i+2)
		}, ",") + `],"minItems":50}`, `{"maxItems":3,"type":"string"}`},
		{"contains 4 hard", `{"type":"array",` + d20[:len(d20)-1] + `,"items":{"enum":[0,1,2,3,4,5,6,7]},"allOf":[` + joined(4, func(i int) string {
			return fmt.Sprintf(`{"contains":{"enum":[%d,%d,%d]},"minContains":7,"maxContains":7}`, i, i+1, i+3)
		}, ",") + `],"minItems":20,"maxItems":13}`, `false`},
		{"contains 4 hard 2", `{"type":"array",` + d20[:len(d20)-1] + `,"items":{"enum":[0,1,2,3,4,5,6,7]},"allOf":[` + joined(4, func(i int) string {
			return fmt.Sprintf(`{"contains":{"enum":[%d,%d,%d]},"minContains":7,"maxContains":7}`, i, i+1, i+3)
		}, ",") + `],"minItems":30,"maxItems":33}`, `false`},
		{"unevaluated nested", `{` + d20 + `"allOf":[` + joined(3, func(i int) string { return unevaluated(6) }, ",") + `]}`, unevaluated(5)},
		{"deep allOf 28", strings.Repeat(`{"allOf":[`, 28) + str + strings.Repeat(`]}`, 28), strn},
		{"propertyNames", `{"propertyNames":{"anyOf":[` + joined(20, func(i int) string { return fmt.Sprintf(`{"pattern":"^a.{%d}b"}`, i) }, ",") + `]},"minProperties":3}`, `{"propertyNames":{"maxLength":9},"minProperties":3}`},
		{"dependents", `{"type":"object",` + `"dependencies":{` + joined(300, func(i int) string { return fmt.Sprintf(`"k%d":["k%d"]`, i, (i*7+1)%300) }, ",") + `},"minProperties":2}`, `{"type":"object",` + `"dependencies":{` + joined(300, func(i int) string { return fmt.Sprintf(`"k%d":["k%d"]`, i, (i*11+1)%300) }, ",") + `}}`},
		{"demands", `{"type":"object","maxProperties":4}`, `{"anyOf":[` + joined(6, func(i int) string {
			return fmt.Sprintf(`{"additionalProperties":{"multipleOf":%d,"type":["integer","string"]}}`, i+2)
		}, ",") + `]}`},
		{"demands patterns", `{"type":"object","maxProperties":4}`, `{"anyOf":[` + joined(6, func(i int) string {
			return fmt.Sprintf(`{"patternProperties":{"^.{%d}a":{"multipleOf":%d,"type":["integer","string"]}}}`, i, i+2)
		}, ",") + `]}`},
		{"not unique", `{"type":"array","maxItems":40}`, `{"anyOf":[` + joined(6, func(i int) string { return fmt.Sprintf(`{"uniqueItems":true,"minItems":%d}`, i+2) }, ",") + `]}`},
		{"differ", `{"type":"array","items":{"type":"object"}}`, `{"not":{"enum":[` + joined(2000, func(i int) string { return fmt.Sprintf(`[{"a":%d}]`, i) }, ",") + `]}}`},
	}
}
