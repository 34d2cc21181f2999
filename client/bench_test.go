package client_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/accordhq/accord/client"
	"github.com/accordhq/accord/schemas"
	"github.com/accordhq/accord/validator"
)

// BenchmarkDecode reads an event of the reader's own version; BenchmarkByHand is the yardstick: validating and
// unmarshalling the same bytes, with nothing around it.
func BenchmarkDecode(b *testing.B) {
	lock, guid := benchLock(b)
	r, err := client.Open("", client.WithLock(lock))
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	d, err := client.NewDecoder(r, client.For[OrderPlaced](orderPlaced, 3))
	if err != nil {
		b.Fatal(err)
	}
	rec := record(guid, orderPlaced, placed[3])
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Decode(b.Context(), rec); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkByHand(b *testing.B) {
	schema := benchSchema(b)
	event := []byte(placed[3])
	b.ReportAllocs()
	for b.Loop() {
		if err := schema.Check(event); err != nil {
			b.Fatal(err)
		}
		if err := json.Unmarshal(event, new(OrderPlaced)); err != nil {
			b.Fatal(err)
		}
	}
}

func benchTexts(b *testing.B) (order, money []byte) {
	b.Helper()
	order, err := fs.ReadFile(schemas.FS(), "events/orders.OrderPlaced/v3.json")
	if err != nil {
		b.Fatal(err)
	}
	money, err = fs.ReadFile(schemas.FS(), "shared/common.Money/v1.json")
	if err != nil {
		b.Fatal(err)
	}
	return order, money
}

func benchSchema(b *testing.B) *validator.Schema {
	b.Helper()
	order, money := benchTexts(b)
	s, err := validator.Compile(validator.Document{
		Text: order, References: map[string][]byte{"https://schemas.example.com/common.Money/1": money},
	}, validator.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func benchLock(b *testing.B) ([]byte, validator.GUID) {
	b.Helper()
	order, moneyText := benchTexts(b)
	guid := validator.GUID{7}
	l := client.Lock{Subjects: []client.LockSubject{
		{Subject: money, Versions: []client.LockVersion{{Version: 1, GUID: validator.GUID{1}, Schema: moneyText}}},
		{Subject: orderPlaced, Versions: []client.LockVersion{{
			Version: 3, GUID: guid, Schema: order,
			References: []client.Reference{{Name: "https://schemas.example.com/common.Money/1", Subject: money, Version: 1}},
		}}},
	}}
	var out bytes.Buffer
	if err := client.WriteLock(&out, l); err != nil {
		b.Fatal(err)
	}
	return out.Bytes(), guid
}
