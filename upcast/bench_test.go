package upcast_test

import (
	"encoding/json"
	"testing"

	"github.com/accordhq/accord/upcast"
)

// BenchmarkRun takes the reference order through both its lenses; BenchmarkPlain is the yardstick: the same bytes through
// encoding/json and back.
func BenchmarkRun(b *testing.B) {
	var chain []*upcast.Lens
	for _, doc := range []string{
		`{"from":1,"ops":[{"op":"nest","members":{"shipStreet":"street","shipCity":"city","shipState":"state","shipZip":"zipCode"},"to":"/shippingAddress"},{"op":"add","at":"/currency","value":"USD"}]}`,
		`{"from":2,"ops":[{"op":"move","from":"/customerId","to":"/customer/id"},{"op":"split","from":"/customerName","sep":" ","to":["/customer/givenName","/customer/familyName"]},{"op":"move","from":"/email","to":"/customer/email"},{"op":"rename","from":"/items","to":"/lines"},
		{"op":"each","at":"/lines","ops":[{"op":"rename","from":"/productId","to":"/sku"},{"op":"rename","from":"/price","to":"/unitPrice"},{"op":"scale","at":"/unitPrice","exp10":2},{"op":"wrapAs","at":"/unitPrice","key":"amountMinor"}]},
		{"op":"rename","from":"/totalAmount","to":"/total"},{"op":"scale","at":"/total","exp10":2},{"op":"wrapAs","at":"/total","key":"amountMinor"},{"op":"move","from":"/currency","to":"/total/currency"},{"op":"inherit","from":"/total/currency","each":"/lines","to":"/unitPrice/currency"},
		{"op":"map","at":"/channel","table":{"web":"WEB","app":"MOBILE_APP"},"back":{"MARKETPLACE":"web","OTHER":"web"}},{"op":"in","at":"/shippingAddress","ops":[{"op":"rename","from":"/state","to":"/region"},{"op":"rename","from":"/zipCode","to":"/postalCode"},{"op":"add","at":"/country","value":"US"}]},
		{"op":"add","at":"/placedAt","from":"ce:time"}]}`,
	} {
		l, err := upcast.Parse([]byte(doc))
		if err != nil {
			b.Fatal(err)
		}
		chain = append(chain, l)
	}
	p, err := upcast.Compile(upcast.Up, chain...)
	if err != nil {
		b.Fatal(err)
	}
	event, env := []byte(placedV1), upcast.Envelope{"time": "2026-03-04T05:06:07Z"}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := p.Run(nil, event, env); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPlain(b *testing.B) {
	event := []byte(placedV1)
	b.ReportAllocs()
	for b.Loop() {
		var v any
		if err := json.Unmarshal(event, &v); err != nil {
			b.Fatal(err)
		}
		if _, err := json.Marshal(v); err != nil {
			b.Fatal(err)
		}
	}
}
