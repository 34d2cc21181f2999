package orders

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/accordhq/accord/orders/event"
	"github.com/accordhq/accord/orders/notifications"
	"github.com/accordhq/accord/orders/ordering"
	"github.com/accordhq/accord/orders/views"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"money": func(m event.Money) string {
		return fmt.Sprintf("%d.%02d %s", m.AmountMinor/100, m.AmountMinor%100, m.Currency)
	},
	"words": func(s event.Status) string { return strings.ToLower(strings.ReplaceAll(string(s), "_", " ")) },
	"over":  func(s event.Status) bool { return s == event.Completed || s == event.Cancelled },
	"short": func(typ string) string { return typ[strings.LastIndexByte(typ, '.')+1:] },
}).Parse(pageText))

// pageOrders is how many orders the page lists.
const pageOrders = 20

// A pageView is all that the page shows.
type pageView struct {
	Prices   []pagePrice
	Orders   []views.Order
	Stock    []views.Product
	Chosen   *views.Order
	Steps    []ordering.Step
	Messages []notifications.Message
	Problem  string
	Refresh  bool // the chosen order is under way
}

type pagePrice struct {
	SKU   string
	Price event.Money
}

// page shows a form, the newest orders, the stock and, with ?order=, one order with its history and messages. It works
// without JavaScript; while the chosen order is under way the browser is asked to come back every second.
func (s *System) page(w http.ResponseWriter, r *http.Request) error {
	v := pageView{Problem: r.URL.Query().Get("problem")}
	prices := s.ordering.Prices
	for _, sku := range slices.Sorted(maps.Keys(prices)) {
		v.Prices = append(v.Prices, pagePrice{sku, event.Money{AmountMinor: prices[sku], Currency: ordering.Currency}})
	}
	var err error
	if v.Orders, err = s.views.List(r.Context(), views.Filter{}); err != nil {
		return err
	}
	v.Orders = v.Orders[:min(len(v.Orders), pageOrders)]
	if v.Stock, err = s.views.Stock(r.Context()); err != nil {
		return err
	}
	if id := r.URL.Query().Get("order"); id != "" {
		if err := s.choose(r, &v, id); err != nil {
			return err
		}
	}
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, v); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'")
	_, err = out.WriteTo(w)
	return err
}

func (s *System) choose(r *http.Request, v *pageView, id string) error {
	order, err := s.awaitOrder(r.Context(), id, 1)
	if errors.Is(err, views.ErrNotFound) {
		v.Problem = "There is no order " + id + "."
		return nil
	} else if err != nil {
		return err
	}
	v.Chosen = &order
	v.Refresh = order.Status != event.Completed && order.Status != event.Cancelled
	if _, v.Steps, err = s.ordering.History(r.Context(), id, 0); err != nil && !errors.Is(err, ordering.ErrNotFound) {
		return err
	}
	if s.notifications != nil {
		if v.Messages, err = s.notifications.Box(r.Context(), id); err != nil {
			return err
		}
		slices.Reverse(v.Messages)
	}
	return nil
}

// pagePlace places an order from the form: quantities by product, and a name.
func (s *System) pagePlace(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
	if err := r.ParseForm(); err != nil {
		return fault(http.StatusBadRequest, "the form cannot be read")
	}
	given, family, _ := strings.Cut(strings.TrimSpace(r.PostForm.Get("name")), " ")
	cmd := event.PlaceOrder{Customer: event.Customer{ID: "CUST-" + strings.ToUpper(given), GivenName: given, FamilyName: family}, Channel: "WEB"}
	for _, sku := range slices.Sorted(maps.Keys(s.ordering.Prices)) {
		if n, err := strconv.ParseInt(r.PostForm.Get(sku), 10, 64); err == nil && n > 0 {
			cmd.Lines = append(cmd.Lines, event.Line{SKU: sku, Quantity: n})
		}
	}
	if given == "" || len(cmd.Lines) == 0 {
		return s.back(w, r, url.Values{"problem": {"An order needs a name and at least one product."}})
	}
	receipt, err := s.ordering.Place(r.Context(), "", cmd)
	if err != nil {
		return s.back(w, r, url.Values{"problem": {problemOf(err).Detail}})
	}
	return s.back(w, r, url.Values{"order": {receipt.OrderID}})
}

func (s *System) pageCancel(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
	id := r.PostFormValue("order")
	back := url.Values{"order": {id}}
	if err := s.ordering.Cancel(r.Context(), id, ""); err != nil {
		back.Set("problem", problemOf(err).Detail)
	}
	return s.back(w, r, back)
}

func (s *System) back(w http.ResponseWriter, r *http.Request, q url.Values) error {
	http.Redirect(w, r, "/?"+q.Encode(), http.StatusSeeOther)
	return nil
}
