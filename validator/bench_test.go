package validator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	jsonschema "github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/accordhq/accord/validator"
)

const orderSchema = `{
"$schema": "https://json-schema.org/draft/2020-12/schema",
"type": "object",
"additionalProperties": false,
"required": ["eventId", "eventType", "occurredAt", "trace", "orderId", "customer", "lines", "total", "shipTo"],
"properties": {
  "eventId": {"type": "string", "format": "uuid"},
  "eventType": {"const": "orders.OrderPlaced"},
  "occurredAt": {"type": "string", "format": "date-time"},
  "trace": {"type": "object", "required": ["traceId", "spanId"], "properties": {
    "traceId": {"type": "string", "pattern": "^[0-9a-f]{32}$"}, "spanId": {"type": "string", "pattern": "^[0-9a-f]{16}$"}}},
  "orderId": {"type": "string", "minLength": 5, "maxLength": 32},
  "customer": {"type": "object", "required": ["id", "name", "email"], "additionalProperties": false, "properties": {
    "id": {"type": "string", "minLength": 1}, "name": {"type": "string", "maxLength": 200}, "email": {"type": "string", "format": "email"},
    "tier": {"enum": ["basic", "silver", "gold"]}}},
  "lines": {"type": "array", "minItems": 1, "maxItems": 100, "items": {"$ref": "#/$defs/line"}},
  "total": {"$ref": "#/$defs/money"},
  "rate": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
  "note": {"type": ["string", "null"], "maxLength": 500},
  "shipTo": {"$ref": "#/$defs/address"},
  "billTo": {"$ref": "#/$defs/address"}
},
"$defs": {
  "money": {"type": "object", "required": ["amountMinor", "currency"], "additionalProperties": false, "properties": {
    "amountMinor": {"type": "integer", "minimum": 0}, "currency": {"enum": ["EUR", "USD", "GBP", "CHF", "SEK"]}}},
  "line": {"type": "object", "required": ["sku", "quantity", "unitPrice"], "additionalProperties": false, "properties": {
    "sku": {"type": "string", "pattern": "^[A-Z]{2,5}-[0-9]{3,8}$"}, "title": {"type": "string"},
    "quantity": {"type": "integer", "minimum": 1, "maximum": 1000}, "unitPrice": {"$ref": "#/$defs/money"},
    "tags": {"type": "array", "uniqueItems": true, "items": {"type": "string"}}}},
  "address": {"type": "object", "required": ["street", "city", "country"], "properties": {
    "street": {"type": "string", "minLength": 1}, "city": {"type": "string", "minLength": 1},
    "postcode": {"type": "string", "maxLength": 12}, "country": {"type": "string", "pattern": "^[A-Z]{2}$"}}}
}}`

// orderEvents are distinct valid events of about 1 KB, the same ones for the same seed, so that no branch predictor
// learns one by heart.
func orderEvents(n int) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	var out [][]byte
	for range n {
		var lines bytes.Buffer
		for i := range 3 + r.IntN(3) {
			if i > 0 {
				lines.WriteByte(',')
			}
			fmt.Fprintf(&lines, `{"sku":"PROD-%d","title":"%s","quantity":%d,"unitPrice":{"amountMinor":%d,"currency":"EUR"},"tags":["%s-%d","new"]}`,
				100+r.IntN(900), pick("Crème brûlée torch", "Desk lamp", "Ångström ruler"), 1+r.IntN(9), r.IntN(100_000), pick("a", "b"), r.IntN(100))
		}
		out = append(out, fmt.Appendf(nil, `{"eventId":"%08x-1111-4222-8333-%012x","eventType":"orders.OrderPlaced","occurredAt":"2026-%02d-%02dT10:%02d:00.%03dZ",`+
			`"trace":{"traceId":"%016x%016x","spanId":"%016x"},"orderId":"ORD-%d","customer":{"id":"CUST-%d","name":"%s","email":"%s@example.com","tier":"%s"},`+
			`"lines":[%s],"total":{"amountMinor":%d,"currency":"EUR"},"rate":0.%d,"note":%s,`+
			`"shipTo":{"street":"%d Main Street","city":"%s","postcode":"%d","country":"DE"}}`,
			r.Uint32(), r.Uint64()>>16, 1+r.IntN(12), 1+r.IntN(28), r.IntN(60), r.IntN(1000), r.Uint64(), r.Uint64(), r.Uint64(), 10_000+r.IntN(90_000),
			r.IntN(1000), pick("Grace Hopper", "José Ñandú", "Ada Lovelace"), pick("grace", "jose", "ada.l"), pick("basic", "silver", "gold"),
			lines.Bytes(), r.IntN(1_000_000), 1+r.IntN(98), pick(`null`, `"ring \"twice\"\nthen wait"`), 1+r.IntN(200), pick("Köln", "Berlin"), 10_000+r.IntN(80_000)))
	}
	return out
}

func compileV5(tb testing.TB, text string) *jsonschema.Schema {
	tb.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat = true
	if err := c.AddResource("accord:///order", bytes.NewReader([]byte(text))); err != nil {
		tb.Fatal(err)
	}
	s, err := c.Compile("accord:///order")
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// validV5 judges an event as a program does that hands its payloads to the library.
func validV5(s *jsonschema.Schema, event []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(event))
	dec.UseNumber()
	var v any
	return dec.Decode(&v) == nil && s.Validate(v) == nil
}

// BenchmarkValid judges raw bytes; make bench prints v5 ÷ own.
func BenchmarkValid(b *testing.B) {
	events := orderEvents(64)
	own, err := validator.Compile(validator.Document{Text: []byte(orderSchema)}, validator.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	v5 := compileV5(b, orderSchema)
	for _, engine := range []struct {
		name  string
		valid func([]byte) bool
	}{
		{"own/order", own.Valid},
		{"v5/order", func(event []byte) bool { return validV5(v5, event) }},
		{"parse/order", json.Valid},
	} {
		b.Run(engine.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if !engine.valid(events[i%len(events)]) {
					b.Fatalf("refused: %s", events[i%len(events)])
				}
			}
		})
	}
}

func TestValidAllocatesNothing(t *testing.T) {
	s := compile(t, orderSchema)
	events := orderEvents(8)
	i := 0
	if n := testing.AllocsPerRun(200, func() {
		if !s.Valid(events[i%len(events)]) {
			t.Fatalf("refused: %s", events[i%len(events)])
		}
		i++
	}); n > 0 {
		t.Errorf("Valid allocates %v times an event", n)
	}
}

func compile(tb testing.TB, text string) *validator.Schema {
	tb.Helper()
	s, err := validator.Compile(validator.Document{Text: []byte(text)}, validator.Limits{})
	if err != nil {
		tb.Fatalf("Compile(%s): %v", text, err)
	}
	return s
}
