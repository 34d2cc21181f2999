package validator_test

import (
	"bytes"
	"embed"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

//go:embed testdata/bench
var benchFolder embed.FS

//go:embed testdata/bench/order.json
var orderSchema string

// benchKinds are the kinds of the benchmark set, smallest first; testdata/bench has a schema for each.
var benchKinds = []string{"small", "variant", "order", "large"}

func benchSchema(tb testing.TB, kind string) string {
	tb.Helper()
	text, err := benchFolder.ReadFile("testdata/bench/" + kind + ".json")
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// maker makes realistic events: the same ones for the same seed, all of them different, so that no branch predictor
// learns one by heart.
type maker struct{ *rand.Rand }

// benchEvents are n valid events of a kind.
func benchEvents(kind string, n int) [][]byte {
	m := maker{rand.New(rand.NewPCG(1, 2))}
	make := map[string]func() string{"small": m.small, "variant": m.variant, "order": m.order, "large": m.large}[kind]
	var out [][]byte
	for range n {
		out = append(out, []byte(make()))
	}
	return out
}

func (m maker) pick(s ...string) string { return s[m.IntN(len(s))] }
func (m maker) uuid() string {
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", m.Uint32(), m.IntN(1<<16), m.IntN(1<<12), m.IntN(1<<12), m.Uint64()>>16)
}

func (m maker) time() string {
	return fmt.Sprintf("2026-%02d-%02dT%02d:%02d:%02d.%03dZ", 1+m.IntN(12), 1+m.IntN(28), m.IntN(24), m.IntN(60), m.IntN(60), m.IntN(1000))
}

func (m maker) letters(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[m.IntN(len(alphabet))]
	}
	return string(b)
}

func (m maker) small() string {
	return fmt.Sprintf(`{"eventId":%q,"type":"payments.PaymentProcessed","occurredAt":%q,"paymentId":"PAY-%d","amountMinor":%d,"currency":%q}`,
		m.uuid(), m.time(), m.IntN(1_000_000_000), 1+m.IntN(1_000_000), m.pick("EUR", "USD", "GBP", "CHF", "SEK"))
}

const (
	digits       = "0123456789"
	upper        = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	alphanumeric = digits + upper + "abcdefghijklmnopqrstuvwxyz"
)

func (m maker) variant() string {
	method := ""
	switch m.IntN(4) {
	case 0:
		method = fmt.Sprintf(`{"kind":"card","network":%q,"last4":%q,"token":"tok_%s","expires":"%02d/%02d"}`,
			m.pick("visa", "mastercard", "amex"), m.letters(digits, 4), m.letters(alphanumeric, 24), 1+m.IntN(12), 26+m.IntN(6))
	case 1:
		method = fmt.Sprintf(`{"kind":"transfer","iban":"DE%s","bic":"%sDE%s","reference":"Invoice %s of order %s, thank you"}`,
			m.letters(digits, 20), m.letters(upper, 4), m.letters(upper, 2), m.letters(digits, 6), m.letters(digits, 6))
	case 2:
		method = fmt.Sprintf(`{"kind":"wallet","provider":%q,"account":"%s@mail.example"}`, m.pick("pay-fast", "purse", "coin-box"), m.letters("abcdefgh", 9))
	case 3:
		method = fmt.Sprintf(`{"kind":"invoice","dueOn":"2026-%02d-%02d","number":"INV-%s"}`, 1+m.IntN(12), 1+m.IntN(28), m.letters(digits, 8))
	}
	flags := []string{`"new_device"`, `"night"`, `"high_amount"`, `"foreign"`, `"velocity"`}
	m.Shuffle(len(flags), func(i, j int) { flags[i], flags[j] = flags[j], flags[i] })
	return fmt.Sprintf(`{"eventId":%q,"at":%q,"merchant":{"id":"M-%s","country":%q,"category":%q,"site":"https://shop-%s.example/checkout?lang=%s","contact":"help.%s@shop.example"},`+
		`"method":%s,"risk":{"score":%d,"flags":[%s],"ip":"%d.%d.%d.%d"}}`,
		m.uuid(), m.time(), m.letters(digits, 6), m.pick("DE", "FR", "SE"), m.letters(digits, 4), m.letters("abcdefgh", 7), m.pick("de", "en"), m.letters("abc", 3),
		method, m.IntN(101), strings.Join(flags[:1+m.IntN(4)], ","), m.IntN(256), m.IntN(256), m.IntN(256), m.IntN(256))
}

func (m maker) order() string {
	var lines []string
	for range 3 + m.IntN(3) {
		lines = append(lines, fmt.Sprintf(`{"sku":"PROD-%d","title":%q,"quantity":%d,"unitPrice":{"amountMinor":%d,"currency":"EUR"},"tags":["%s-%d","new"]}`,
			100+m.IntN(900), m.pick("Crème brûlée torch", "Desk lamp", "Ångström ruler"), 1+m.IntN(9), m.IntN(100_000), m.pick("a", "b"), m.IntN(100)))
	}
	return fmt.Sprintf(`{"eventId":%q,"eventType":"orders.OrderPlaced","occurredAt":%q,`+
		`"trace":{"traceId":"%016x%016x","spanId":"%016x"},"orderId":"ORD-%d","customer":{"id":"CUST-%d","name":%q,"email":"%s@example.com","tier":%q},`+
		`"lines":[%s],"total":{"amountMinor":%d,"currency":"EUR"},"rate":0.%d,"note":%s,`+
		`"shipTo":{"street":"%d Main Street","city":%q,"postcode":"%d","country":"DE"},"billTo":{"street":"%d Side Street","city":%q,"postcode":"%d","country":"FR"}}`,
		m.uuid(), m.time(), m.Uint64(), m.Uint64(), m.Uint64(), 10_000+m.IntN(90_000),
		m.IntN(1000), m.pick("Grace Hopper", "José Ñandú", "Ada Lovelace"), m.pick("grace", "jose", "ada.l"), m.pick("basic", "silver", "gold"),
		strings.Join(lines, ","), m.IntN(1_000_000), 1+m.IntN(98), m.pick(`null`, `"ring \"twice\"\nthen wait"`),
		1+m.IntN(200), m.pick("Köln", "Berlin"), 10_000+m.IntN(80_000), 1+m.IntN(200), m.pick("Paris", "Orléans"), 10_000+m.IntN(80_000))
}

func (m maker) large() string {
	var items, packages, history, notes []string
	for i := range 20 + m.IntN(5) {
		items = append(items, fmt.Sprintf(`{"sku":"SKU-%d-%d","name":%q,"quantity":%d,"weightKg":%d.%03d,"price":{"amount":%d.%02d,"currency":%q,"tax":0.%02d},`+
			`"tags":["t%d","t%d-%s","fragile"],"attributes":{"color":%q,"sizeCm":%d,"giftWrap":%s,"material":%q},"hazardous":%s}`,
			i, m.IntN(100_000), m.pick("Wooden chair, oak", "Espresso machine", "Câble électrique 3 m", "Garden hose"), 1+m.IntN(40), m.IntN(30), 1+m.IntN(999), m.IntN(2000), m.IntN(100),
			m.pick("EUR", "USD", "GBP"), m.IntN(100), m.IntN(50), m.IntN(1000), m.pick("a", "b", "c"), m.pick("red", "green", "deep blue"), m.IntN(200), m.pick("true", "false"), m.pick("wood", "steel", "cotton"), m.pick("true", "false")))
	}
	for range 3 {
		var content []string
		for k := range 8 {
			content = append(content, fmt.Sprint(3*k+m.IntN(3)))
		}
		packages = append(packages, fmt.Sprintf(`{"id":"PKG-%s","dimensions":[%d.5,%d,%d.25],"content":[%s]}`,
			m.letters(alphanumeric, 10), m.IntN(90), m.IntN(90), m.IntN(90), strings.Join(content, ",")))
	}
	for _, status := range []string{"created", "packed", "handed_over", "in_transit", "in_transit", "in_transit", "delivered"} {
		history = append(history, fmt.Sprintf(`{"at":%q,"status":%q,"place":%s,"by":"scanner-%d"}`, m.time(), status, m.pick(`null`, `"Köln"`, `"Leipzig"`), m.IntN(100)))
	}
	for range 4 {
		notes = append(notes, fmt.Sprintf("%q", m.pick("Leave at the door if nobody is at home, please ring twice.", "Fragile: glass inside. This side up.", "Der Empfänger möchte am Nachmittag beliefert werden.")))
	}
	return fmt.Sprintf(`{"shipmentId":%q,"carrier":%q,"createdAt":%q,"items":[%s],"packages":[%s],"history":[%s],"notes":[%s],"labels":{"x-route":%q,"x-depot-code":"D%d","priority":%d,"insured":%s}}`,
		m.uuid(), m.pick("dhl", "ups", "fedex", "dpd", "post"), m.time(), strings.Join(items, ","), strings.Join(packages, ","), strings.Join(history, ","), strings.Join(notes, ","),
		m.pick("north", "south"), m.IntN(1000), m.IntN(10), m.pick("true", "false"))
}

// rewrite are the ways in which a producer may write the same event.
var rewrite = map[string]func(m maker, event []byte) []byte{
	"shuffled": func(m maker, event []byte) []byte { return m.shuffled(event) },
	"pretty": func(_ maker, event []byte) []byte {
		var b bytes.Buffer
		if err := json.Indent(&b, event, "", "  "); err != nil {
			panic(err)
		}
		return b.Bytes()
	},
	"escaped": func(_ maker, event []byte) []byte {
		var b []byte
		for _, r := range string(event) {
			switch {
			case r < 0x80:
				b = append(b, byte(r))
			case r < 0x10000:
				b = fmt.Appendf(b, `\u%04x`, r)
			default:
				high, low := utf16.EncodeRune(r)
				b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
			}
		}
		return b
	},
}

// shuffled writes the members of every object in a random order.
func (m maker) shuffled(text []byte) []byte {
	switch text = bytes.TrimSpace(text); text[0] {
	case '[':
		var items []json.RawMessage
		if err := json.Unmarshal(text, &items); err != nil {
			panic(err)
		}
		parts := make([][]byte, len(items))
		for i, item := range items {
			parts[i] = m.shuffled(item)
		}
		return fmt.Appendf(nil, "[%s]", bytes.Join(parts, []byte(",")))
	case '{':
		var members map[string]json.RawMessage
		if err := json.Unmarshal(text, &members); err != nil {
			panic(err)
		}
		var parts [][]byte
		for _, name := range sortedKeys(members) {
			parts = append(parts, fmt.Appendf(nil, "%q:%s", name, m.shuffled(members[name])))
		}
		m.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		return fmt.Appendf(nil, "{%s}", bytes.Join(parts, []byte(",")))
	}
	return text
}

// spoil breaks an event of a kind in one realistic way.
var spoil = map[string][][2]string{
	"small":   {{`"amountMinor":`, `"amountMinor":-`}, {`"paymentId"`, `"paymentID"`}, {`"currency":"`, `"currency":"x`}},
	"variant": {{`"score":`, `"score":-1`}, {`"id":"M-`, `"id":"M+`}, {`"ip":"`, `"ip":"256.`}},
	"order":   {{`"quantity":`, `"quantity":-`}, {`"sku":"PROD-`, `"sku":"PROD-x`}, {`"country":"FR"`, `"country":"Fr"`}},
	"large":   {{`"weightKg":`, `"weightKg":-`}, {`"status":"delivered"`, `"status":"deliverd"`}, {`"shipmentId"`, `"shipmentID"`}},
}

func spoiled(kind string, events [][]byte) [][]byte {
	var out [][]byte
	for i, event := range events {
		s := spoil[kind][i%len(spoil[kind])]
		out = append(out, bytes.Replace(event, []byte(s[0]), []byte(s[1]), 1))
	}
	return out
}

var eventsFolder = flag.String("events", "", "folder that TestWriteBenchEvents writes the benchmark's events to")

// broken has a violation for every item of the event's longest list, or all that the kind allows.
var broken = map[string][][2]string{
	"small":   {{`"eventId":"`, `"eventId":"x`}, {`"type":"`, `"type":"x`}, {`"occurredAt":"`, `"occurredAt":"x`}, {`"paymentId":"`, `"paymentId":"x`}, {`"amountMinor":`, `"amountMinor":-`}, {`"currency":"`, `"currency":"x`}},
	"variant": {{`"eventId":"`, `"eventId":"x`}, {`"at":"`, `"at":"x`}, {`"id":"M-`, `"id":"M+`}, {`"score":`, `"score":-1`}, {`"ip":"`, `"ip":"256.`}, {`"category":"`, `"category":"x`}},
	"order":   {{`"quantity":`, `"quantity":-`}, {`"sku":"PROD-`, `"sku":"PROD-x`}, {`"country":"`, `"country":"x`}, {`"amountMinor":`, `"amountMinor":-1`}, {`"eventId":"`, `"eventId":"x`}},
	"large":   {{`"weightKg":`, `"weightKg":-1`}, {`"quantity":`, `"quantity":-`}, {`"status":"`, `"status":"x`}, {`"sku":"`, `"sku":0,"sku2":"`}, {`"tax":`, `"tax":-1`}, {`"currency":"`, `"currency":"x`}, {`"giftWrap":`, `"giftWrap":0,"other":`}},
}

func allBroken(kind string, events [][]byte) [][]byte {
	var out [][]byte
	for _, event := range events {
		for _, b := range broken[kind] {
			event = bytes.ReplaceAll(event, []byte(b[0]), []byte(b[1]))
		}
		out = append(out, event)
	}
	return out
}

// benchForm is a form in which the benchmark's events may come.
type benchForm struct {
	Name   string              `json:"name"`
	Valid  bool                `json:"valid"`
	Events map[string][]string `json:"events"` // by kind
}

// benchForms are all forms of n events of each kind.
func benchForms(n int) []benchForm {
	texts := func(events [][]byte) []string {
		var out []string
		for _, event := range events {
			out = append(out, string(event))
		}
		return out
	}
	var forms []benchForm
	for _, name := range sortedKeys(rewrite) {
		f := benchForm{name, true, map[string][]string{}}
		for _, kind := range benchKinds {
			random := maker{rand.New(rand.NewPCG(3, 4))}
			for _, event := range benchEvents(kind, n) {
				f.Events[kind] = append(f.Events[kind], string(rewrite[name](random, event)))
			}
		}
		forms = append(forms, f)
	}
	for name, spoil := range map[string]func(kind string, events [][]byte) [][]byte{"one fault": spoiled, "all broken": allBroken} {
		f := benchForm{name, false, map[string][]string{}}
		for _, kind := range benchKinds {
			f.Events[kind] = texts(spoil(kind, benchEvents(kind, n)))
		}
		forms = append(forms, f)
	}
	return forms
}

// TestWriteBenchEvents writes what testdata/engines measures: a file of JSON lines for each kind, their other forms, and
// hostile events.
func TestWriteBenchEvents(t *testing.T) {
	if *eventsFolder == "" {
		t.Skip("no folder given (-events)")
	}
	if err := os.MkdirAll(*eventsFolder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, kind := range benchKinds {
		lines := bytes.Join(benchEvents(kind, 64), []byte("\n"))
		if err := os.WriteFile(filepath.Join(*eventsFolder, kind+".jsonl"), lines, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	type hostile struct {
		Name   string `json:"name"`
		Schema string `json:"schema"`
		Event  string `json:"event"`
	}
	var cases []hostile
	for _, c := range hostileCases(2) {
		cases = append(cases, hostile{c.name, c.schema, c.event})
	}
	for name, v := range map[string]any{"forms.json": benchForms(64), "hostile.json": cases} {
		text, err := json.Marshal(v)
		if err == nil {
			err = os.WriteFile(filepath.Join(*eventsFolder, name), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestBenchEvents holds the set to what it promises: valid under both engines, or invalid in both, and of its size.
func TestBenchEvents(t *testing.T) {
	sizes := map[string]int{"small": 190, "variant": 500, "order": 1300, "large": 7700}
	for _, kind := range benchKinds {
		s := compile(t, benchSchema(t, kind))
		events := benchEvents(kind, 64)
		total := 0
		for _, event := range events {
			total += len(event)
		}
		if mean := total / len(events); mean < sizes[kind]*8/10 || mean > sizes[kind]*12/10 {
			t.Errorf("%s: %d bytes an event, want about %d", kind, mean, sizes[kind])
		}
		for _, event := range events {
			if !s.Valid(event) {
				t.Errorf("%s: %v: %s", kind, s.Check(event), event)
			}
		}
	}
	most := 0
	for _, f := range benchForms(64) {
		for _, kind := range benchKinds {
			s := compile(t, benchSchema(t, kind))
			for _, event := range f.Events[kind] {
				if v5, asked := s.AskV5([]byte(event)); s.Valid([]byte(event)) != f.Valid || asked && v5 != f.Valid {
					t.Errorf("%s %s: Valid = %v, jsonschema v5 says %v: %s\n%v", kind, f.Name, s.Valid([]byte(event)), v5, event, s.Check([]byte(event)))
				}
				most = max(most, len(s.Explain([]byte(event), 0)))
			}
		}
	}
	if most < 90 {
		t.Errorf("no event has more than %d violations", most)
	}
}
