package event

import "time"

// Customer is who ordered.
type Customer struct {
	ID         string `json:"id"`
	GivenName  string `json:"givenName"`
	FamilyName string `json:"familyName"`
	Email      string `json:"email,omitempty"`
}

// PlaceOrder is the body of POST /orders. Total is what the customer was shown; nil = not said.
type PlaceOrder struct {
	Customer        Customer `json:"customer"`
	Lines           []Line   `json:"lines"`
	Total           *Money   `json:"total,omitempty"`
	Channel         string   `json:"channel,omitempty"`
	ShippingAddress *Address `json:"shippingAddress,omitempty"`
}

// CancelOrder asks for an order to end.
type CancelOrder struct {
	OrderID string `json:"orderId"`
	Reason  string `json:"reason,omitempty"`
}

// PricedLine is a line with the price that the server computed.
type PricedLine struct {
	SKU       string `json:"sku"`
	Quantity  int64  `json:"quantity"`
	UnitPrice Money  `json:"unitPrice"`
}

// OrderPlaced is the first fact of an order.
type OrderPlaced struct {
	OrderID         string       `json:"orderId"`
	Customer        Customer     `json:"customer"`
	Lines           []PricedLine `json:"lines"`
	Total           Money        `json:"total"`
	Channel         string       `json:"channel,omitempty"`
	ShippingAddress *Address     `json:"shippingAddress,omitempty"`
	PlacedAt        time.Time    `json:"placedAt"`
}

// Status is a state of an order.
type Status string

// The states of an order. Reserved and Paid may come in either order; Completed and Cancelled end it.
const (
	Placed      Status = "PLACED"
	Reserved    Status = "RESERVED"
	Paid        Status = "PAID"
	ReadyToShip Status = "READY_TO_SHIP"
	Shipped     Status = "SHIPPED"
	Completed   Status = "COMPLETED"
	Cancelled   Status = "CANCELLED"
	OnHold      Status = "ON_HOLD" // a cancellation is asked for, shipping has not yet answered
)

// OrderStatusChanged is one step of an order.
type OrderStatusChanged struct {
	OrderID   string    `json:"orderId"`
	To        Status    `json:"to"`
	From      Status    `json:"from,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	UpdatedAt time.Time `json:"updatedAt"`
	SKU       string    `json:"sku,omitempty"`
}

// Reasons of OrderCancelled.
const (
	OutOfStock      = "OUT_OF_STOCK"
	PaymentRefused  = "PAYMENT_FAILED"
	ShipmentRefused = "SHIPMENT_FAILED"
	CustomerRequest = "CUSTOMER_REQUEST"
)

// OrderCancelled ends an order without delivery. Refund is nil unless the order had been paid.
type OrderCancelled struct {
	OrderID string `json:"orderId"`
	Lines   []Line `json:"lines"`
	Reason  string `json:"reason"`
	Refund  *Money `json:"refund,omitempty"`
}

// OrderCompleted ends an order that was delivered.
type OrderCompleted struct {
	OrderID     string    `json:"orderId"`
	Total       Money     `json:"total"`
	CompletedAt time.Time `json:"completedAt"`
}
