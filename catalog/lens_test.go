package catalog_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/schemas"
	"github.com/google/go-cmp/cmp"
)

// applyReference registers the reference system's whole folder, as the gate would.
func applyReference(t *testing.T, r *catalog.Registry) {
	t.Helper()
	tree, problems, err := catalog.ReadTree(schemas.FS())
	if err != nil || len(problems) > 0 {
		t.Fatalf("ReadTree = %v, %v", problems, err)
	}
	for _, d := range tree.Documents() {
		if _, err := r.PutDocument(t.Context(), d.Kind, d.Name, d.Body, nil); err != nil {
			t.Fatalf("PutDocument(%s %s) = %v", d.Kind, d.Name, err)
		}
	}
	order, err := tree.Order()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range order {
		level, err := catalog.ParseLevel(tree.Compatibility(f))
		if err != nil {
			t.Fatal(err)
		}
		set(t, r, subject(f.Subject), catalog.Config{Compatibility: level})
		for _, v := range f.Versions {
			refs, err := tree.References(v.Text)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			got, err := r.Register(t.Context(), subject(f.Subject), catalog.Registration{Text: string(v.Text), References: refs, Lens: v.Lens})
			if err != nil {
				if refused, ok := errors.AsType[*catalog.RefutedLens](err); ok {
					t.Logf("event %s", refused.Event)
					t.Logf("result %s", refused.Result)
				}
				t.Errorf("Register(%s v%d) = %v", f.Subject, v.Number, err)
				break
			}
			if got.Number != v.Number {
				t.Errorf("Register(%s v%d) gave number %d", f.Subject, v.Number, got.Number)
			}
			if took := time.Since(began); took > time.Second {
				t.Logf("%s v%d took %s", f.Subject, v.Number, took)
			}
		}
	}
}

func TestReferenceSystem(t *testing.T) {
	r := newRegistry(t)
	applyReference(t, r)
	ctx, name := t.Context(), subject("orders.OrderPlaced")

	stored, err := r.Lens(ctx, name, 3)
	if err != nil {
		t.Fatal(err)
	}
	var report catalog.LensReport
	if err := json.Unmarshal(stored.Report, &report); err != nil {
		t.Fatal(err)
	}
	t.Logf("report %s", stored.Report)
	if report.Up.Verdict != catalog.LensTested || report.Up.Samples < catalog.ProofSamples || report.Down.Verdict != catalog.LensTested ||
		!cmp.Equal(report.Chain, map[string]string{"1": catalog.LensTested, "2": catalog.LensTested}) {
		t.Errorf("report = %s", stored.Report)
	}

	v1 := `{"orderId":"o-1","customerId":"c-1","customerName":"Ada Lovelace","email":"ada@example.com","items":[{"productId":"p","quantity":2,"price":19.99}],"totalAmount":39.98,"channel":"web","shipStreet":"1 Road","shipZip":"12345"}`
	v3 := `{"orderId":"o-1","customer":{"id":"c-1","givenName":"Ada","familyName":"Lovelace","email":"ada@example.com"},"lines":[{"quantity":2,"sku":"p","unitPrice":{"amountMinor":1999,"currency":"USD"}}],"total":{"amountMinor":3998,"currency":"USD"},"channel":"WEB","shippingAddress":{"street":"1 Road","postalCode":"12345","country":"US"},"placedAt":"2026-05-01T10:00:00Z"}`
	env := []map[string]string{{"time": "2026-05-01T10:00:00Z"}}
	casts, err := r.Upcast(ctx, name, 1, catalog.Latest, []json.RawMessage{json.RawMessage(v1), json.RawMessage(`{"orderId":1}`)}, env)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(asValue(t, v3), asValue(t, string(casts[0].Event))); casts[0].Err != nil || diff != "" {
		t.Errorf("Upcast 1 to 3 = %s, %v (-want +got):\n%s", casts[0].Event, casts[0].Err, diff)
	}
	if casts[1].Err == nil || !strings.Contains(casts[1].Err.Error(), "customerId") {
		t.Errorf("Upcast of an invalid event = %v, want why", casts[1].Err)
	}
	down, err := r.Downcast(ctx, name, 3, 1, []json.RawMessage{casts[0].Event}, env)
	if err != nil || down[0].Err != nil {
		t.Fatalf("Downcast = %+v, %v", down, err)
	}
	if diff := cmp.Diff(asValue(t, v1), asValue(t, string(down[0].Event))); diff != "" {
		t.Errorf("Downcast 3 to 1 (-want +got):\n%s", diff)
	}
	_, err = r.Upcast(ctx, name, 3, 1, nil, nil)
	wantErr(t, "Upcast downwards", err, catalog.WrongDirection)
	_, err = r.Upcast(ctx, name, 1, 9, nil, nil)
	wantErr(t, "Upcast to nothing", err, catalog.VersionNotFound)

	if err := r.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	b := r.Snapshot().Binding("orders.events")
	if b == nil || !b.Declared || len(b.Values) == 0 {
		t.Fatalf("Binding(orders.events) = %+v", b)
	}
	for _, promise := range b.Values {
		if promise.Subject == "orders.OrderPlaced" && (!cmp.Equal(promise.Versions, []int32{3, 2, 1}) || promise.KeyPointer != "/orderId" || !cmp.Equal(promise.Senders, []string{"orders"})) {
			t.Errorf("promise = %+v", promise)
		}
	}
}

func asValue(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

// person is a schema of an object with required string members.
func person(members ...string) string {
	properties, required := "", ""
	for i, m := range members {
		if i > 0 {
			properties, required = properties+",", required+","
		}
		properties += `"` + m + `":{"type":"string"}`
		required += `"` + m + `"`
	}
	return `{"type":"object","additionalProperties":false,"properties":{` + properties + `},"required":[` + required + `]}`
}

var renamed = json.RawMessage(`{"ops":[{"op":"rename","from":"/name","to":"/fullName"}]}`)

func TestLensRefuted(t *testing.T) {
	r, ctx := newRegistry(t), t.Context()
	for _, c := range []struct {
		what, old, next, lens string
		law, event            string
	}{
		{
			"the result is not valid",
			person("name"), `{"type":"object","properties":{"name":{"type":"string","minLength":1}},"required":["name"]}`,
			`{"ops":[]}`, "valid", `{"name":""}`,
		},
		{
			"an op refuses", person("n"), `{"type":"object","properties":{"n":{"type":"number"}},"required":["n"]}`,
			`{"ops":[{"op":"cast","at":"/n","was":"string","now":"number"}]}`, "up", "",
		},
		{
			"the way back is not valid",
			`{"type":"object","additionalProperties":false,"properties":{"n":{"type":"integer"}},"required":["n"]}`,
			`{"type":"object","additionalProperties":false,"properties":{"n":{"type":"number"}},"required":["n"]}`,
			`{"ops":[]}`, "down valid", "",
		},
		{
			"what is new is not said to get lost",
			person("name"), `{"type":"object","additionalProperties":false,"properties":{"name":{"type":"string"},"note":{"type":"string"}},"required":["name"]}`,
			`{"ops":[]}`, "down valid", `{"name":"","note":""}`,
		},
	} {
		name := subject(strings.ReplaceAll(c.what, " ", "-"))
		set(t, r, name, catalog.Config{Compatibility: catalog.None})
		register(t, r, name, catalog.Registration{Text: c.old})
		_, err := r.Register(ctx, name, catalog.Registration{Text: c.next, Lens: json.RawMessage(c.lens)})
		refused, ok := errors.AsType[*catalog.RefutedLens](err)
		if !ok || refused.Law != c.law || refused.Detail == "" {
			t.Errorf("%s: Register = %v, want the law %q refuted", c.what, err, c.law)
			continue
		}
		if len(refused.Event) > 60 || c.event != "" && string(refused.Event) != c.event {
			t.Errorf("%s: smallest event %s, want %s", c.what, refused.Event, c.event)
		}
		if v, err := r.Version(ctx, name, catalog.Latest, catalog.LiveOnly); err != nil || v.Number != 1 {
			t.Errorf("%s: a refused lens left version %d, %v", c.what, v.Number, err)
		}
	}
}

func TestUpcastableLevels(t *testing.T) {
	r, ctx := newRegistry(t), t.Context()
	for _, level := range []catalog.Level{catalog.Upcastable, catalog.UpcastableTransitive} {
		name := subject(string(level))
		set(t, r, name, catalog.Config{Compatibility: level})
		register(t, r, name, catalog.Registration{Text: person("name")})
		_, err := r.Register(ctx, name, catalog.Registration{Text: person("fullName")})
		if _, ok := errors.AsType[*catalog.Incompatible](err); !ok {
			t.Errorf("%s without a lens = %v, want Incompatible", level, err)
		}
		check, err := r.Check(ctx, name, 0, catalog.Registration{Text: person("fullName"), Lens: renamed})
		if err != nil || !check.Passes || !cmp.Equal(check.Carried, []int{1}) || check.Report.Passes {
			t.Errorf("%s: Check with a lens = %+v, %v, want it carried", level, check, err)
		}
		v2 := register(t, r, name, catalog.Registration{Text: person("fullName"), Lens: renamed})
		if v2.Number != 2 || v2.Lens == nil || v2.Lens.Rev != 1 {
			t.Errorf("%s with a lens = %+v", level, v2)
		}
		// The next one is plainly compatible with version 2; version 1 comes up through the lens.
		v3 := register(t, r, name, catalog.Registration{Text: strings.Replace(person("fullName"), `"required":["fullName"]`, `"required":[]`, 1)})
		if v3.Number != 3 || v3.Lens != nil {
			t.Errorf("%s after a lens = %+v", level, v3)
		}
		casts, err := r.Upcast(ctx, name, 1, 3, []json.RawMessage{json.RawMessage(`{"name":"Ada"}`)}, nil)
		if err != nil || string(casts[0].Event) != `{"fullName":"Ada"}` {
			t.Errorf("%s: Upcast = %+v, %v", level, casts, err)
		}
		// A gap: nothing carries what version 4 asks for.
		_, err = r.Register(ctx, name, catalog.Registration{Text: person("fullName", "email")})
		if _, ok := errors.AsType[*catalog.Incompatible](err); !ok {
			t.Errorf("%s with a gap = %v, want Incompatible", level, err)
		}
		if _, err := r.DeleteVersion(ctx, name, 2, false); err != nil {
			t.Fatal(err)
		}
		_, err = r.DeleteVersion(ctx, name, 2, true)
		wantErr(t, "purging a link of the chain", err, catalog.ChainNeeded)
		if casts, err = r.Upcast(ctx, name, 1, 3, []json.RawMessage{json.RawMessage(`{"name":"Ada"}`)}, nil); err != nil || casts[0].Err != nil {
			t.Errorf("%s: Upcast over a deleted version = %+v, %v", level, casts, err)
		}
	}
	plain := subject("plain")
	register(t, r, plain, catalog.Registration{Text: person("name")})
	_, err := r.Register(ctx, plain, catalog.Registration{Text: person("fullName"), Lens: renamed})
	if _, ok := errors.AsType[*catalog.Incompatible](err); !ok {
		t.Errorf("BACKWARD with a lens = %v, want Incompatible still", err)
	}
}

func TestSetLens(t *testing.T) {
	r, ctx, name := newRegistry(t), t.Context(), subject("a")
	set(t, r, name, catalog.Config{Compatibility: catalog.None})
	register(t, r, name, catalog.Registration{Text: person("name")})
	register(t, r, name, catalog.Registration{Text: person("fullName")})
	events := []json.RawMessage{json.RawMessage(`{"name":"Ada"}`)}
	_, err := r.Upcast(ctx, name, 1, 2, events, nil)
	wantErr(t, "Upcast over a gap", err, catalog.NoLensPath)
	_, err = r.Lens(ctx, name, 2)
	wantErr(t, "Lens of a version without", err, catalog.LensNotFound)
	if report, err := r.CheckLens(ctx, name, 2, renamed, nil); err != nil || report.Up.Verdict != catalog.LensTested {
		t.Errorf("CheckLens = %+v, %v", report, err)
	}
	_, err = r.Lens(ctx, name, 2)
	wantErr(t, "Lens after a check alone", err, catalog.LensNotFound)
	_, err = r.SetLens(ctx, name, 2, 0, json.RawMessage(`{"ops":[]}`), nil)
	if _, ok := errors.AsType[*catalog.RefutedLens](err); !ok {
		t.Errorf("SetLens of a wrong lens = %v, want RefutedLens", err)
	}
	_, err = r.SetLens(ctx, name, 2, 0, json.RawMessage(`{"from":2,"ops":[]}`), nil)
	wantErr(t, "SetLens from another version", err, catalog.InvalidLens)
	oneWay := json.RawMessage(`{"ops":[{"op":"rename","from":"/name","to":"/fullName"}],"down":"none"}`)
	if got, err := r.SetLens(ctx, name, 2, 0, oneWay, nil); err != nil || got.Rev != 1 {
		t.Fatalf("SetLens = %+v, %v", got, err)
	}
	_, err = r.SetLens(ctx, name, 2, 0, renamed, nil)
	wantErr(t, "SetLens with an old revision", err, catalog.PreconditionFailed)
	casts, err := r.Upcast(ctx, name, 1, 2, events, nil)
	if err != nil || string(casts[0].Event) != `{"fullName":"Ada"}` {
		t.Errorf("Upcast = %+v, %v", casts, err)
	}
	up := []json.RawMessage{casts[0].Event}
	_, err = r.Downcast(ctx, name, 2, 1, up, nil)
	wantErr(t, "Downcast over a one-way lens", err, catalog.NoLensPath)
	if got, err := r.SetLens(ctx, name, 2, 1, renamed, nil); err != nil || got.Rev != 2 {
		t.Fatalf("SetLens again = %+v, %v", got, err)
	}
	if down, err := r.Downcast(ctx, name, 2, 1, up, nil); err != nil || string(down[0].Event) != `{"name":"Ada"}` {
		t.Errorf("Downcast = %+v, %v", down, err)
	}
}
