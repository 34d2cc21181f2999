package catalog_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/validator"
	"github.com/google/go-cmp/cmp"
)

func TestSnapshot(t *testing.T) {
	r, name := newRegistry(t), subject("payments-value")
	awaitListening(t, r)
	if s := r.Snapshot(); s == nil || s.Revision != 0 || s.Binding("payments") != nil {
		t.Fatalf("Snapshot before anything = %+v", s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	rings := make(chan *validator.Snapshot, 100)
	done := make(chan error, 1)
	go func() { done <- r.Watch(ctx, func(s *validator.Snapshot) { rings <- s }) }()
	await := func(what string, good func(*validator.Snapshot) bool) *validator.Snapshot {
		t.Helper()
		deadline := time.After(10 * time.Second)
		for {
			select {
			case s := <-rings:
				if good(s) {
					return s
				}
			case <-deadline:
				t.Fatalf("no snapshot with %s", what)
			}
		}
	}
	latest := func(n int32) func(*validator.Snapshot) bool {
		return func(s *validator.Snapshot) bool {
			l, ok := s.Latest("payments-value")
			return n == 0 && !ok || ok && l.Version == n
		}
	}
	v1 := register(t, r, name, catalog.Registration{Text: `{"type":"object"}`})
	s := await("version 1", latest(1))
	want := &validator.Binding{
		Topic: "payments", Values: []validator.Promise{{Subject: "payments-value", Versions: []int32{1}}},
		Enforce: []byte(`{"policy":"reject","tombstones":"auto","unknown":"retry"}`),
	}
	if diff := cmp.Diff(want, s.Binding("payments")); diff != "" {
		t.Errorf("Binding (-want +got):\n%s", diff)
	}
	guid, err := validator.ParseGUID(v1.Schema.GUID)
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []validator.Ref{{GUID: guid}, {ID: int32(v1.Schema.ID)}, {Subject: "payments-value", Version: 1}, {Subject: "payments-value"}} {
		e, err := r.Fetch(t.Context(), ref)
		if err != nil || e.GUID != guid || !e.Schema.Valid([]byte(`{}`)) || e.Schema.Valid([]byte(`1`)) || e.In("payments-value") != 1 {
			t.Errorf("Fetch(%s) = %+v, %v", ref, e, err)
		}
	}
	if e, ok := s.Entry(validator.Ref{Subject: "payments-value"}); !ok || e.GUID != guid {
		t.Errorf("Entry(latest) = %+v, %t, want it at hand after Fetch", e, ok)
	}
	for _, ref := range []validator.Ref{{ID: 99}, {ID: 1, Context: ".x"}, {Subject: "nothing"}, {Subject: "payments-value", Version: 9}, {GUID: validator.GUID{1}}} {
		if _, err := r.Fetch(t.Context(), ref); !errors.Is(err, validator.ErrUnknownSchema) {
			t.Errorf("Fetch(%s) = %v, want ErrUnknownSchema", ref, err)
		}
	}

	register(t, r, name, catalog.Registration{Text: `{"type":["object","null"]}`})
	if s = await("version 2", latest(2)); !cmp.Equal(s.Binding("payments").Values[0].Versions, []int32{2, 1}) {
		t.Errorf("versions = %v, want the newest first", s.Binding("payments").Values[0].Versions)
	}
	put := func(kind, name, body string) {
		t.Helper()
		if _, err := r.PutDocument(t.Context(), kind, name, []byte(body), nil); err != nil {
			t.Fatal(err)
		}
	}
	put("Channel", "pay", `{"apiVersion":"accord/v1","kind":"Channel","name":"pay","kafka":{"topic":"payments","cleanup":"compact"},"enforce":{"policy":"mark"}}`)
	put("State", "payments.Balance", `{"apiVersion":"accord/v1","kind":"State","name":"payments.Balance","channel":"pay","key":"/id"}`)
	put("Service", "payments", `{"apiVersion":"accord/v1","kind":"Service","name":"payments","principals":["User:pay"],"sends":[{"event":"payments.Balance"}]}`)
	s = await("a declared channel with its sender", func(s *validator.Snapshot) bool { return s.Service("User:pay") == "payments" })
	want = &validator.Binding{
		Topic: "payments", Declared: true, Compacted: true,
		Values:  []validator.Promise{{Subject: "payments.Balance", State: true, KeyPointer: "/id", Senders: []string{"payments"}}},
		Enforce: []byte(`{"policy":"mark","tombstones":"auto","unknown":"retry"}`),
	}
	if diff := cmp.Diff(want, s.Binding("payments")); diff != "" {
		t.Errorf("Binding of a declared channel (-want +got):\n%s", diff)
	}
	over, err := r.Bindings(t.Context())
	if err != nil || len(over.Topics) != 1 || over.Services["User:pay"] != "payments" || over.Latest["payments-value"].Version != 2 {
		t.Errorf("Bindings = %+v, %v", over, err)
	}

	for _, permanent := range []bool{false, true} {
		if _, err := r.DeleteSubject(t.Context(), name, permanent); err != nil {
			t.Fatal(err)
		}
	}
	await("nothing left", latest(0))
	for deadline := time.Now().Add(10 * time.Second); ; {
		_, err := r.Fetch(t.Context(), validator.Ref{GUID: guid})
		if errors.Is(err, validator.ErrUnknownSchema) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("Fetch of a purged schema = %v, want ErrUnknownSchema", err)
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch = %v", err)
	}
}
