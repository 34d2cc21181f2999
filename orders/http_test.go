package orders_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/accordhq/accord/orders"
	"github.com/accordhq/accord/orders/event"
)

const sampleOrder = `{"customer":{"id":"CUST-6789","givenName":"Ada","familyName":"Lovelace","email":"ada@example.com"},
	"lines":[{"sku":"PROD-101","quantity":2},{"sku":"PROD-205","quantity":1}],"total":{"amountMinor":11197,"currency":"USD"}}`

// B12, B22: what a client sends is judged by the registered schema and then by the shop's own rules.
func TestOrdersThatAreRefused(t *testing.T) {
	inShop(t, orders.Simulators{}, nil, func(s *shop) {
		for _, c := range []struct {
			name, body, typ string
			status          int
			want            string
		}{
			{"not JSON", `{"customer":`, "application/json", 400, "not JSON"},
			{"no lines", `{"customer":{"id":"C","givenName":"A","familyName":"B"},"lines":[]}`, "application/json", 400, `"pointer":"/lines"`},
			{"a price of its own", `{"customer":{"id":"C","givenName":"A","familyName":"B"},"lines":[{"sku":"PROD-101","quantity":1,"price":0.01}]}`, "application/json", 400, `"pointer":"/lines/0`},
			{"quantity as text", `{"customer":{"id":"C","givenName":"A","familyName":"B"},"lines":[{"sku":"PROD-101","quantity":"1"}]}`, "application/json", 400, `"pointer":"/lines/0/quantity"`},
			{"wrong type", sampleOrder, "text/plain", 415, "application/json"},
			{"too large", `{"x":"` + strings.Repeat("x", orders.MaxBody) + `"}`, "application/json", 413, "256 KiB"},
			{"unknown product", `{"customer":{"id":"C","givenName":"A","familyName":"B"},"lines":[{"sku":"PROD-999","quantity":1}]}`, "", 422, "PROD-999"},
			{"another total", strings.Replace(sampleOrder, "11197", "1", 1), "application/json", 422, `"computed":{"amountMinor":11197,"currency":"USD"}`},
			{"too many pieces", `{"customer":{"id":"C","givenName":"A","familyName":"B"},"lines":[{"sku":"PROD-101","quantity":100000},{"sku":"PROD-101","quantity":1}]}`, "", 422, "too large"},
		} {
			w := s.do("POST", "/orders", c.body, "Content-Type", c.typ)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%s: POST /orders = %d %s, want %d with %s", c.name, w.Code, w.Body, c.status, c.want)
			}
			if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("%s: Content-Type = %s, want application/problem+json", c.name, got)
			}
		}
		if list := s.do("GET", "/orders", "").Body.String(); strings.TrimSpace(list) != "[]" {
			t.Errorf("GET /orders = %s, want none: nothing may be stored of a refused order", list)
		}
	})
}

// I6: a client that did not hear the answer may ask again.
func TestIdempotencyKeyGivesTheSameOrder(t *testing.T) {
	inShop(t, orders.Simulators{}, nil, func(s *shop) {
		first := s.do("POST", "/orders", sampleOrder, "Idempotency-Key", "k1")
		again := s.do("POST", "/orders", sampleOrder, "Idempotency-Key", "k1")
		if first.Code != http.StatusCreated || again.Code != http.StatusCreated || first.Body.String() != again.Body.String() {
			t.Errorf("twice with one key = %d %s and %d %s, want the same", first.Code, first.Body, again.Code, again.Body)
		}
		other := s.do("POST", "/orders", strings.Replace(sampleOrder, "Ada", "Eve", 1), "Idempotency-Key", "k1")
		if other.Code != http.StatusUnprocessableEntity {
			t.Errorf("another body with the key = %d %s, want 422", other.Code, other.Body)
		}
		if w := s.do("POST", "/orders", sampleOrder, "Idempotency-Key", strings.Repeat("k", orders.MaxKey+1)); w.Code != http.StatusBadRequest {
			t.Errorf("a key that is too long = %d, want 400", w.Code)
		}
		var receipt struct{ OrderID string }
		s.read(first, &receipt)
		if first.Header().Get("Location") != "/orders/"+receipt.OrderID {
			t.Errorf("Location = %s, want /orders/%s", first.Header().Get("Location"), receipt.OrderID)
		}
		s.await(receipt.OrderID, event.Cancelled)
		s.rest(time.Minute, time.Second)
	})
}

func TestUnknownOrders(t *testing.T) {
	inShop(t, orders.Simulators{}, nil, func(s *shop) {
		for _, target := range []string{"GET /orders/ORD-X", "GET /orders/ORD-X?min-version=1", "GET /orders/ORD-X/history", "POST /orders/ORD-X/cancel", "POST /stock/PROD-999"} {
			method, path, _ := strings.Cut(target, " ")
			body := ""
			if strings.Contains(path, "stock") {
				body = `{"quantity":1}`
			}
			if w := s.do(method, path, body); w.Code != http.StatusNotFound {
				t.Errorf("%s = %d %s, want 404", target, w.Code, w.Body)
			}
		}
	})
}

// Until the parcels are handed over a cancellation ends the order; the customer's money and the stock come back.
func TestCancelBeforeAndAfterShipping(t *testing.T) {
	sims := orders.Simulators{PaymentLatency: [2]time.Duration{time.Second, time.Second}, Handing: 5 * time.Second, Transit: time.Minute}
	inShop(t, sims, nil, func(s *shop) {
		early := s.place(`{"sku":"PROD-101","quantity":1}`)
		s.await(early, event.Reserved) // the card is being charged just now
		s.cancel(early)
		if o := s.await(early, event.Cancelled); o.Reason != event.CustomerRequest {
			t.Errorf("reason = %s, want %s", o.Reason, event.CustomerRequest)
		}
		late := s.place(`{"sku":"PROD-101","quantity":1}`)
		s.await(late, event.ReadyToShip)
		time.Sleep(time.Second) // the carrier takes five to take the parcel
		s.cancel(late)
		s.await(late, event.OnHold)
		s.await(late, event.Shipped) // too late: shipping says so
		if w := s.do("POST", "/orders/"+late+"/cancel", `{"reason":"changed my mind"}`); w.Code != http.StatusConflict {
			t.Errorf("cancel after shipping = %d %s, want 409", w.Code, w.Body)
		}
		s.await(late, event.Completed)
		s.rest(3*time.Minute, time.Second)
	})
}

func TestHistoryAtAVersionAndAtATime(t *testing.T) {
	inShop(t, orders.Simulators{Transit: time.Minute}, nil, func(s *shop) {
		id := s.place(`{"sku":"PROD-101","quantity":1}`)
		s.await(id, event.Shipped)
		moment := time.Now().UTC().Format(time.RFC3339Nano)
		s.await(id, event.Completed)
		for at, want := range map[string]event.Status{"1": event.Placed, moment: event.Shipped, "": event.Completed} {
			var history struct {
				Order  struct{ Status event.Status }
				Events []struct{ Version int64 }
			}
			s.read(s.do("GET", "/orders/"+id+"/history?at="+at, ""), &history)
			if history.Order.Status != want || len(history.Events) == 0 {
				t.Errorf("history at %q = %+v, want %s", at, history, want)
			}
		}
		if w := s.do("GET", "/orders/"+id+"/history?at=yesterday", ""); w.Code != http.StatusBadRequest {
			t.Errorf("history at yesterday = %d, want 400", w.Code)
		}
		if w := s.do("GET", "/orders/"+id+"/history?at=1999-01-01T00:00:00Z", ""); w.Code != http.StatusNotFound {
			t.Errorf("history before the order = %d, want 404", w.Code)
		}
	})
}

func TestRestockAndCustomersAndMessages(t *testing.T) {
	inShop(t, orders.Simulators{}, map[string]int64{"PROD-101": 1}, func(s *shop) {
		if w := s.do("POST", "/customers", `{"id":"CUST-7","givenName":"Grace","familyName":"Hopper","contacts":[{"email":"grace@example.com","phone":"+49 30 1234"}]}`); w.Code != http.StatusCreated {
			t.Fatalf("POST /customers = %d %s, want 201", w.Code, w.Body)
		}
		if w := s.do("POST", "/customers", `{"id":"CUST-7","givenName":"Grace","familyName":"Hopper","contacts":[{"email":"nonsense"}]}`); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "/contacts/0/email") {
			t.Errorf("POST /customers without a mail address = %d %s, want 400 with the pointer", w.Code, w.Body)
		}
		if w := s.do("POST", "/stock/PROD-101", `{"quantity":4}`); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"onHand":5`) {
			t.Errorf("POST /stock = %d %s, want 5 on hand", w.Code, w.Body)
		}
		time.Sleep(5 * time.Second) // the address book has been read
		w := s.do("POST", "/orders", `{"customer":{"id":"CUST-7","givenName":"Grace","familyName":"Hopper"},"lines":[{"sku":"PROD-101","quantity":5}]}`)
		var receipt struct{ OrderID string }
		s.read(w, &receipt)
		s.await(receipt.OrderID, event.Completed)
		s.rest(time.Minute, time.Second)
		if box := s.do("GET", "/notifications?order="+receipt.OrderID, "").Body.String(); !strings.Contains(box, "grace@example.com") {
			t.Errorf("notifications = %s, want the address from the address book", box)
		}
	})
}

func TestHealthAndMetricsAndReadiness(t *testing.T) {
	inShop(t, orders.Simulators{}, nil, func(s *shop) {
		s.await(s.place(`{"sku":"PROD-101","quantity":1}`), event.Completed)
		for target, want := range map[string]string{
			"/healthz": `"ok"`, "/readyz": `"ready"`, "/parked": "[]",
			"/metrics": `accord_orders_handled_total{consumer="inventory"}`,
		} {
			if w := s.do("GET", target, ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
				t.Errorf("GET %s = %d %.300s, want %s", target, w.Code, w.Body, want)
			}
		}
	})
}

func TestPagePlacesAndShowsAnOrder(t *testing.T) {
	inShop(t, orders.Simulators{}, nil, func(s *shop) {
		form := []string{"Content-Type", "application/x-www-form-urlencoded"}
		w := s.do("POST", "/page/place", "name=Ada+Lovelace&PROD-101=2", form...)
		target := w.Header().Get("Location")
		if w.Code != http.StatusSeeOther || !strings.HasPrefix(target, "/?order=ORD-") {
			t.Fatalf("POST /page/place = %d to %s, want 303 to the order", w.Code, target)
		}
		s.await(strings.TrimPrefix(target, "/?order="), event.Completed)
		s.rest(time.Minute, time.Second)
		page := s.do("GET", target, "").Body.String()
		for _, want := range []string{"completed", "2 × PROD-101", "OrderPlaced", "Order confirmation #ORD-", "51.98 USD"} {
			if !strings.Contains(page, want) {
				t.Errorf("page lacks %q:\n%s", want, page)
			}
		}
		if w := s.do("POST", "/page/place", "name=Ada", form...); !strings.Contains(w.Header().Get("Location"), "problem=") {
			t.Errorf("an empty order leads to %s, want a problem", w.Header().Get("Location"))
		}
		if w := s.do("POST", "/page/place", "name=Eve&PROD-101=1", append(form, "Sec-Fetch-Site", "cross-site")...); w.Code != http.StatusForbidden {
			t.Errorf("a form on another site's page = %d, want 403", w.Code)
		}
	})
}

func TestUnknownServiceIsRefused(t *testing.T) {
	c := newShop(t, orders.Config{Store: "sqlite:" + t.TempDir(), Brokers: []string{"127.0.0.1:1"}, Services: []string{"billing"}}).config
	if _, err := orders.New(t.Context(), c); err == nil || !strings.Contains(err.Error(), "billing") {
		t.Errorf("New with service billing = %v, want an error that names it", err)
	}
}
