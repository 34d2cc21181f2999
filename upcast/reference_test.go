package upcast_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/accordhq/accord/schemas"
	"github.com/accordhq/accord/upcast"
)

// lensOf reads a lens written in YAML.
func lensOf(t *testing.T, doc []byte) *upcast.Lens {
	t.Helper()
	l, err := upcast.Parse(fromYAML(t, doc))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func fromYAML(t *testing.T, doc []byte) []byte {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(doc, &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// chainOf reads the lenses of a subject of the reference system from one version to another.
func chainOf(t *testing.T, subject string, from, to int) []*upcast.Lens {
	t.Helper()
	var chain []*upcast.Lens
	for v := from + 1; v <= to; v++ {
		doc, err := fs.ReadFile(schemas.FS(), path.Join("events", subject, fmt.Sprintf("v%d.lens.yaml", v)))
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, lensOf(t, doc))
	}
	return chain
}

func compile(t *testing.T, dir upcast.Direction, chain ...*upcast.Lens) *upcast.Program {
	t.Helper()
	p, err := upcast.Compile(dir, chain...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func compact(t *testing.T, s string) string {
	t.Helper()
	var b strings.Builder
	inString := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' && (i == 0 || s[i-1] != '\\'):
			inString = !inString
			b.WriteByte(c)
		case !inString && (c == ' ' || c == '\n' || c == '\t'):
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

const placedV1 = `{
	"orderId": "ORD-1", "customerId": "C-7", "customerName": "Ada King Lovelace", "email": "ada@example.com",
	"items": [ {"productId": "PROD-101", "quantity": 2, "price": 19.99}, {"productId": "PROD-103", "quantity": 1, "price": 1e1} ],
	"totalAmount": 49.98, "channel": "app", "shipStreet": "1 Main St", "shipZip": "12345" }`

const placedV2 = `{
	"orderId": "ORD-1", "customerId": "C-7", "customerName": "Ada King Lovelace", "email": "ada@example.com",
	"items": [ {"productId": "PROD-101", "quantity": 2, "price": 19.99}, {"productId": "PROD-103", "quantity": 1, "price": 1e1} ],
	"totalAmount": 49.98, "channel": "app", "shippingAddress": {"street": "1 Main St", "zipCode": "12345"}, "currency": "USD" }`

const placedV3 = `{
	"orderId": "ORD-1",
	"lines": [
		{"sku": "PROD-101", "quantity": 2, "unitPrice": {"amountMinor": 1999, "currency": "USD"}},
		{"sku": "PROD-103", "quantity": 1, "unitPrice": {"amountMinor": 1000, "currency": "USD"}} ],
	"total": {"amountMinor": 4998, "currency": "USD"}, "channel": "MOBILE_APP",
	"shippingAddress": {"street": "1 Main St", "postalCode": "12345", "country": "US"},
	"customer": {"id": "C-7", "givenName": "Ada", "familyName": "King Lovelace", "email": "ada@example.com"},
	"placedAt": "2026-03-04T05:06:07Z" }`

func TestReferenceLensUp(t *testing.T) {
	env := upcast.Envelope{"time": "2026-03-04T05:06:07Z"}
	for _, c := range []struct {
		from, to int
		in, out  string
		inferred []string
	}{
		{1, 2, placedV1, placedV2, []string{"/currency"}},
		{2, 3, placedV2, placedV3, []string{"/lines/*/unitPrice/currency", "/placedAt", "/shippingAddress/country"}},
		{1, 3, placedV1, placedV3, []string{"/lines/*/unitPrice/currency", "/placedAt", "/shippingAddress/country", "/total/currency"}},
	} {
		p := compile(t, upcast.Up, chainOf(t, "orders.OrderPlaced", c.from, c.to)...)
		for range 2 { // the second time on a used state
			out, trace, err := p.Run(nil, []byte(c.in), env)
			if err != nil {
				t.Fatalf("v%d to v%d: %v", c.from, c.to, err)
			}
			if diff := cmp.Diff(compact(t, c.out), string(out)); diff != "" {
				t.Errorf("v%d to v%d (-want +got):\n%s", c.from, c.to, diff)
			}
			if diff := cmp.Diff(upcast.Trace{Inferred: c.inferred}, trace); diff != "" {
				t.Errorf("v%d to v%d: trace (-want +got):\n%s", c.from, c.to, diff)
			}
		}
	}
}

func TestReferenceLensDown(t *testing.T) {
	p := compile(t, upcast.Down, chainOf(t, "orders.OrderPlaced", 1, 3)...)
	out, trace, err := p.Run([]byte("kept "), []byte(placedV3), nil)
	if err != nil {
		t.Fatal(err)
	}
	const want = `kept {"orderId":"ORD-1",
		"items":[{"productId":"PROD-101","quantity":2,"price":19.99},{"productId":"PROD-103","quantity":1,"price":10}],
		"totalAmount":49.98,"channel":"app","email":"ada@example.com","customerName":"Ada King Lovelace","customerId":"C-7",
		"shipStreet":"1 Main St","shipZip":"12345"}`
	if diff := cmp.Diff(strings.Replace(compact(t, want), "kept", "kept ", 1), string(out)); diff != "" {
		t.Errorf("v3 to v1 (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(upcast.Trace{Lost: []string{"/placedAt"}}, trace); diff != "" {
		t.Errorf("trace (-want +got):\n%s", diff)
	}
	odd := strings.NewReplacer("MOBILE_APP", "OTHER", `"country": "US"`, `"country": "FR"`,
		`"amountMinor": 1000, "currency": "USD"`, `"amountMinor": 1000, "currency": "EUR"`).Replace(placedV3)
	_, trace, err = p.Run(nil, []byte(odd), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/channel", "/lines/*/unitPrice/currency", "/placedAt", "/shippingAddress/country"}, trace.Lost); diff != "" {
		t.Errorf("lost of another event (-want +got):\n%s", diff)
	}
}

func TestReferenceLosses(t *testing.T) {
	got := chainOf(t, "orders.OrderPlaced", 2, 3)[0].Losses()
	all := []string{"/lines/*/unitPrice/currency", "/placedAt", "/shippingAddress/country"}
	want := upcast.Losses{
		Up:   upcast.Trace{Inferred: all},
		Down: upcast.Trace{Lost: append([]string{"/channel"}, all...)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Losses (-want +got):\n%s", diff)
	}
}

// Every example of the reference system goes up to the newest version and down to every older one, through every
// version between, and the same in one fused program.
func TestReferenceSystemFusedIsStepByStep(t *testing.T) {
	env := upcast.Envelope{"time": "2026-03-04T05:06:07Z"}
	examples, err := fs.Glob(schemas.FS(), "events/*/examples/v*/*.json")
	if err != nil || len(examples) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	runs := 0
	for _, file := range examples {
		subject := strings.Split(file, "/")[1]
		var at, newest int
		if _, err := fmt.Sscanf(strings.Split(file, "/")[3], "v%d", &at); err != nil {
			t.Fatal(err)
		}
		for newest = at; ; newest++ {
			if _, err := fs.Stat(schemas.FS(), fmt.Sprintf("events/%s/v%d.json", subject, newest+1)); err != nil {
				break
			}
		}
		event, err := fs.ReadFile(schemas.FS(), file)
		if err != nil {
			t.Fatal(err)
		}
		for to := 1; to <= newest; to++ {
			if to == at {
				continue
			}
			dir, low, high := upcast.Up, at, to
			if to < at {
				dir, low, high = upcast.Down, to, at
			}
			chain := chainOf(t, subject, low, high)
			fused, _, err := compile(t, dir, chain...).Run(nil, event, env)
			if err != nil {
				t.Errorf("%s to v%d: %v", file, to, err)
				continue
			}
			stepped := event
			for i := range chain {
				l := chain[i]
				if dir == upcast.Down {
					l = chain[len(chain)-1-i]
				}
				if stepped, _, err = compile(t, dir, l).Run(nil, stepped, env); err != nil {
					t.Fatal(err)
				}
			}
			if string(fused) != string(stepped) {
				t.Errorf("%s to v%d: fused %s, step by step %s", file, to, fused, stepped)
			}
			runs++
		}
	}
	t.Logf("%d examples, %d runs", len(examples), runs)
}
