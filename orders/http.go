package orders

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/accordhq/accord/orders/event"
	"github.com/accordhq/accord/orders/inventory"
	"github.com/accordhq/accord/orders/views"
)

const (
	// MaxBody bounds a request, in bytes.
	MaxBody = 256 << 10
	// MaxKey bounds an Idempotency-Key, in bytes.
	MaxKey = 255
	// MaxWait is how long GET /orders/{id} waits for ?min-version.
	MaxWait = 2 * time.Second

	lookEvery = 20 * time.Millisecond
)

// routes puts together the routes of the services that run here.
func (s *System) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, do answer) { mux.HandleFunc(pattern, s.answering(do)) }
	if s.ordering != nil {
		handle("POST /orders", s.placeOrder)
		handle("POST /orders/{id}/cancel", s.cancelOrder)
		handle("GET /orders/{id}/history", s.orderHistory)
	}
	if s.views != nil {
		handle("GET /orders", s.listOrders)
		handle("GET /orders/{id}", s.getOrder)
		handle("GET /stock", s.listStock)
	}
	if s.inventory != nil {
		handle("POST /stock/{sku}", s.restock)
	}
	if s.customers != nil {
		handle("POST /customers", s.registerCustomer)
	}
	if s.notifications != nil {
		handle("GET /notifications", s.listNotifications)
	}
	handle("GET /parked", s.listParked)
	handle("POST /parked/{consumer}/release", s.releaseParked)
	if s.ordering != nil && s.views != nil {
		handle("GET /{$}", s.page)
		handle("POST /page/place", s.pagePlace)
		handle("POST /page/cancel", s.pageCancel)
	}
	handle("GET /healthz", func(w http.ResponseWriter, _ *http.Request) error {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
		return nil
	})
	handle("GET /readyz", func(w http.ResponseWriter, r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), MaxWait)
		defer cancel()
		if err := s.Ready(ctx); err != nil {
			return fault(http.StatusServiceUnavailable, err.Error())
		}
		writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
		return nil
	})
	registry := prometheus.NewRegistry()
	registry.MustRegister(s.collector)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	// The page has no sign-in: a form on somebody else's page must not be able to order.
	return http.NewCrossOriginProtection().Handler(mux)
}

// body reads a JSON body, bounded.
func body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if typ := r.Header.Get("Content-Type"); typ != "" {
		if media, _, err := mime.ParseMediaType(typ); err != nil || media != "application/json" {
			return nil, fault(http.StatusUnsupportedMediaType, "the body must be application/json")
		}
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
}

// placeOrder: the body is the registered command orders.PlaceOrder, so the schema in the catalog is the contract.
func (s *System) placeOrder(w http.ResponseWriter, r *http.Request) error {
	key := r.Header.Get("Idempotency-Key")
	if len(key) > MaxKey {
		return fault(http.StatusBadRequest, fmt.Sprintf("Idempotency-Key is longer than %d bytes", MaxKey))
	}
	text, err := body(w, r)
	if err != nil {
		return err
	}
	cmd, err := command[event.PlaceOrder](r.Context(), s.codec, text)
	if err != nil {
		return err
	}
	receipt, err := s.ordering.Place(r.Context(), key, *cmd)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/orders/"+receipt.OrderID)
	writeJSON(w, http.StatusCreated, receipt)
	return nil
}

// cancelOrder: the body may be left out; of orders.CancelOrder the path says the order.
func (s *System) cancelOrder(w http.ResponseWriter, r *http.Request) error {
	text, err := body(w, r)
	if err != nil {
		return err
	}
	var cmd struct {
		Reason string `json:"reason"`
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &cmd); err != nil {
			return fault(http.StatusBadRequest, "the body must be an object with a text reason")
		}
	}
	full, err := json.Marshal(event.CancelOrder{OrderID: r.PathValue("id"), Reason: cmd.Reason})
	if err != nil {
		return err
	}
	cancel, err := command[event.CancelOrder](r.Context(), s.codec, full)
	if err != nil {
		return err
	}
	if err := s.ordering.Cancel(r.Context(), cancel.OrderID, cancel.Reason); err != nil {
		return err
	}
	writeJSON(w, http.StatusAccepted, map[string]string{"orderId": r.PathValue("id")})
	return nil
}

// orderHistory folds the event store: ?at= is a version or a time.
func (s *System) orderHistory(w http.ResponseWriter, r *http.Request) error {
	id, at := r.PathValue("id"), r.URL.Query().Get("at")
	version, err := strconv.ParseInt(cmp.Or(at, "0"), 10, 64)
	if err != nil || version < 0 {
		moment, err := time.Parse(time.RFC3339, at)
		if err != nil {
			return fault(http.StatusBadRequest, "at must be a version or a time as in RFC 3339")
		}
		if version, err = s.ordering.VersionAt(r.Context(), id, moment); err != nil {
			return err
		}
	}
	order, steps, err := s.ordering.History(r.Context(), id, version)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"order": order, "events": steps})
	return nil
}

// getOrder reads the view, which lags behind: ?min-version= waits for it.
func (s *System) getOrder(w http.ResponseWriter, r *http.Request) error {
	least, err := strconv.ParseInt(cmp.Or(r.URL.Query().Get("min-version"), "0"), 10, 64)
	if err != nil {
		return fault(http.StatusBadRequest, "min-version must be a number")
	}
	order, err := s.awaitOrder(r.Context(), r.PathValue("id"), least)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%d"`, order.Version))
	writeJSON(w, http.StatusOK, order)
	return nil
}

// awaitOrder waits up to MaxWait for a version and returns what there is then.
func (s *System) awaitOrder(ctx context.Context, id string, version int64) (views.Order, error) {
	deadline := time.Now().Add(MaxWait)
	for {
		order, err := s.views.Order(ctx, id)
		if err != nil && !errors.Is(err, views.ErrNotFound) {
			return order, err
		}
		if order.Version >= max(version, 1) || version == 0 || time.Now().After(deadline) {
			return order, err
		}
		select {
		case <-ctx.Done():
			return order, ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

func (s *System) listOrders(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	list, err := s.views.List(r.Context(), views.Filter{Customer: q.Get("customer"), Status: q.Get("status"), After: q.Get("after")})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

func (s *System) listStock(w http.ResponseWriter, r *http.Request) error {
	list, err := s.views.Stock(r.Context())
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

// restock takes {"quantity": n}.
func (s *System) restock(w http.ResponseWriter, r *http.Request) error {
	text, err := body(w, r)
	if err != nil {
		return err
	}
	var more struct {
		Quantity int64 `json:"quantity"`
	}
	if err := json.Unmarshal(text, &more); err != nil || more.Quantity < 1 || more.Quantity > inventory.MaxRestock {
		return fault(http.StatusBadRequest, fmt.Sprintf("quantity must be a whole number from 1 to %d", inventory.MaxRestock))
	}
	level, err := s.inventory.Restock(r.Context(), r.PathValue("sku"), more.Quantity)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, level)
	return nil
}

// registerCustomer: the body is customers.CustomerRegistered.
func (s *System) registerCustomer(w http.ResponseWriter, r *http.Request) error {
	text, err := body(w, r)
	if err != nil {
		return err
	}
	c, err := command[event.CustomerRegistered](r.Context(), s.codec, text)
	if err != nil {
		return err
	}
	if err := s.customers.Register(r.Context(), *c); err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, map[string]string{"id": c.ID})
	return nil
}

func (s *System) listNotifications(w http.ResponseWriter, r *http.Request) error {
	box, err := s.notifications.Box(r.Context(), r.URL.Query().Get("order"))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, box)
	return nil
}

func (s *System) listParked(w http.ResponseWriter, r *http.Request) error {
	type row struct {
		Consumer string    `json:"consumer"`
		Stream   string    `json:"stream"`
		Version  int64     `json:"version"`
		Type     string    `json:"type"`
		Tries    int       `json:"tries"`
		Since    time.Time `json:"since"`
		Reason   string    `json:"reason"`
	}
	rows := []row{}
	for _, u := range s.units {
		if u.consumer == nil {
			continue
		}
		parked, err := u.consumer.Parked(r.Context())
		if err != nil {
			return err
		}
		for _, p := range parked {
			rows = append(rows, row{u.name, p.Stream, p.Version, p.Type, p.Tries, p.Since, p.Reason})
		}
	}
	writeJSON(w, http.StatusOK, rows)
	return nil
}

// releaseParked takes {"stream": "/services/orders ORD-…"}.
func (s *System) releaseParked(w http.ResponseWriter, r *http.Request) error {
	text, err := body(w, r)
	if err != nil {
		return err
	}
	var what struct {
		Stream string `json:"stream"`
	}
	if err := json.Unmarshal(text, &what); err != nil || what.Stream == "" {
		return fault(http.StatusBadRequest, "stream must name a parked stream")
	}
	for _, u := range s.units {
		if u.name != r.PathValue("consumer") || u.consumer == nil {
			continue
		}
		released, err := u.consumer.Release(r.Context(), what.Stream)
		if err != nil {
			return err
		}
		if released {
			writeJSON(w, http.StatusOK, map[string]string{"released": what.Stream})
			return nil
		}
	}
	return fault(http.StatusNotFound, "nothing of this stream is parked there")
}
