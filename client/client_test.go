package client_test

import (
	"bytes"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/accordhq/accord/client"
	"github.com/accordhq/accord/schemas"
	"github.com/accordhq/accord/validator"
)

const money = "common.Money"

// lockOf makes the lock of some subjects of the reference system, and of common.Money. A GUID is the MD5 of the text;
// ids count from 1.
func lockOf(t *testing.T, subjects ...string) client.Lock {
	t.Helper()
	var l client.Lock
	id := int32(0)
	for _, subject := range append([]string{money}, subjects...) {
		folder := path.Join("events", subject)
		if subject == money {
			folder = path.Join("shared", subject)
		}
		s := client.LockSubject{Subject: subject}
		for n := 1; ; n++ {
			text, err := fs.ReadFile(schemas.FS(), path.Join(folder, fmt.Sprintf("v%d.json", n)))
			if err != nil {
				break
			}
			id++
			v := client.LockVersion{Version: n, GUID: md5.Sum(text), ID: id, Schema: text}
			if bytes.Contains(text, []byte(`common.Money/1"`)) && subject != money {
				v.References = []client.Reference{{Name: "https://schemas.example.com/common.Money/1", Subject: money, Version: 1}}
			}
			if lens, err := fs.ReadFile(schemas.FS(), path.Join(folder, fmt.Sprintf("v%d.lens.yaml", n))); err == nil {
				v.Lens, v.Rev = fromYAML(t, lens), 1
			}
			s.Versions = append(s.Versions, v)
		}
		if len(s.Versions) == 0 {
			t.Fatalf("no schema of %s", subject)
		}
		l.Subjects = append(l.Subjects, s)
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

func lockBytes(t *testing.T, l client.Lock) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := client.WriteLock(&b, l); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(t *testing.T, url string, options ...client.Option) *client.Registry {
	t.Helper()
	r, err := client.Open(url, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func decoder(t *testing.T, r *client.Registry, options ...client.DecoderOption) *client.Decoder {
	t.Helper()
	d, err := client.NewDecoder(r, options...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Money, OrderPlaced and OrderPlacedV1 are what a program would write by hand.
type Money struct {
	AmountMinor int64  `json:"amountMinor"`
	Currency    string `json:"currency"`
}

type OrderPlaced struct {
	OrderID  string `json:"orderId"`
	Customer struct {
		ID         string `json:"id"`
		GivenName  string `json:"givenName"`
		FamilyName string `json:"familyName"`
		Email      string `json:"email,omitempty"`
	} `json:"customer"`
	Lines []struct {
		SKU       string `json:"sku"`
		Quantity  int    `json:"quantity"`
		UnitPrice Money  `json:"unitPrice"`
	} `json:"lines"`
	Total    Money  `json:"total"`
	Channel  string `json:"channel,omitempty"`
	PlacedAt string `json:"placedAt"`
}

type OrderPlacedV1 struct {
	OrderID      string `json:"orderId"`
	CustomerName string `json:"customerName"`
	Items        []struct {
		ProductID string      `json:"productId"`
		Quantity  int         `json:"quantity"`
		Price     json.Number `json:"price"`
	} `json:"items"`
	TotalAmount json.Number `json:"totalAmount"`
}

// placed holds the same order in all three versions.
var placed = map[int]string{
	1: `{"orderId":"ORD-1","customerId":"C-7","customerName":"Ada Lovelace","items":[{"productId":"PROD-101","quantity":2,"price":19.99}],"totalAmount":39.98,"channel":"app"}`,
	2: `{"orderId":"ORD-1","customerId":"C-7","customerName":"Ada Lovelace","items":[{"productId":"PROD-101","quantity":2,"price":19.99}],"totalAmount":39.98,"currency":"EUR","channel":"app"}`,
	3: `{"orderId":"ORD-1","customer":{"id":"C-7","givenName":"Ada","familyName":"Lovelace"},"lines":[{"sku":"PROD-101","quantity":2,"unitPrice":{"amountMinor":1999,"currency":"EUR"}}],"total":{"amountMinor":3998,"currency":"EUR"},"channel":"MOBILE_APP","placedAt":"2026-03-04T05:06:07Z"}`,
}

const orderPlaced = "orders.OrderPlaced"

// guidOf finds the GUID of a version in a lock.
func guidOf(t *testing.T, l client.Lock, subject string, version int) validator.GUID {
	t.Helper()
	for _, s := range l.Subjects {
		for _, v := range s.Versions {
			if s.Subject == subject && v.Version == version {
				return v.GUID
			}
		}
	}
	t.Fatalf("%s v%d is not in the lock", subject, version)
	return validator.GUID{}
}

// record makes a record as an Encoder would, of an event that no Go type stands for.
func record(guid validator.GUID, subject, value string) client.Record {
	return client.Record{
		Topic: "orders.events", Partition: 3, Offset: 42, Key: []byte("ORD-1"), Value: []byte(value),
		Headers: client.Headers{
			{Key: "ce_specversion", Value: []byte("1.0")},
			{Key: "ce_id", Value: []byte("e-1")},
			{Key: "ce_type", Value: []byte("com.example." + subject)},
			{Key: "ce_source", Value: []byte("/services/orders")},
			{Key: "ce_time", Value: []byte("2026-03-04T05:06:07Z")},
			{Key: "ce_subject", Value: []byte("ORD-1")},
			{Key: "ce_correlationid", Value: []byte("c-1")},
			{Key: "ce_aggregateversion", Value: []byte("1")},
			{Key: "content-type", Value: []byte("application/json")},
			{Key: "__value_schema_id", Value: validator.AppendGUID(nil, guid)},
		},
	}
}

// number is a header's value as a number.
func number(t *testing.T, h client.Headers, name string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(h.Get(name)))
	if err != nil {
		t.Fatalf("header %s = %q: %v", name, h.Get(name), err)
	}
	return n
}
