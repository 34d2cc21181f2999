// Package event holds the reference system's messages as Go values: the newest version of each, one file per domain.
// The schemas stand in the schemas folder and are the contract; these structs follow them by hand, and a test decodes
// and encodes every example with unknown members refused, so that the two cannot part.
//
// The package also says which subject, version and topic a message has (Kinds). Every other place asks here, so that a
// producer and a consumer can never spell a topic in two ways.
package event

import (
	"reflect"
	"slices"
	"time"
)

// TypePrefix stands before the subject in the CloudEvents type: com.example.orders.OrderPlaced.
const TypePrefix = "com.example."

// A Kind is one message that the services know.
type Kind struct {
	Subject string // orders.OrderPlaced; also the schema's title and the registry's subject
	Version int    // the schema version that the struct was written for
	Topic   string // where it is sent
	New     func() any
	typ     reflect.Type
}

// Type returns the CloudEvents type of the kind.
func (k Kind) Type() string { return TypePrefix + k.Subject }

func kind[T any](subject string, version int, topic string) Kind {
	return Kind{Subject: subject, Version: version, Topic: topic, New: func() any { return new(T) }, typ: reflect.TypeFor[T]()}
}

// Topics that carry more than one subject.
const (
	OrderEvents        = "orders.events"
	OrderCommands      = "orders.commands"
	PaymentEvents      = "payments.events"
	InventoryEvents    = "inventory.events"
	InventoryStock     = "inventory.stock"
	ShippingEvents     = "shipping.events"
	NotificationEvents = "notifications.events"
	CustomerEvents     = "customers.events"
)

// Compacted says whether a topic keeps only the last record of each key, so that a reader must expect gaps.
func Compacted(topic string) bool { return topic == InventoryStock || topic == CustomerEvents }

// Kinds returns every message that a service sends, in the order of the domains. The caller owns the slice.
func Kinds() []Kind { return slices.Clone(kinds) }

var kinds = []Kind{
	kind[PlaceOrder]("orders.PlaceOrder", 1, OrderCommands),
	kind[CancelOrder]("orders.CancelOrder", 1, OrderCommands),
	kind[OrderPlaced]("orders.OrderPlaced", 3, OrderEvents),
	kind[OrderStatusChanged]("orders.OrderStatusChanged", 3, OrderEvents),
	kind[OrderCancelled]("orders.OrderCancelled", 3, OrderEvents),
	kind[OrderCompleted]("orders.OrderCompleted", 2, OrderEvents),
	kind[PaymentProcessed]("payments.PaymentProcessed", 3, PaymentEvents),
	kind[PaymentFailed]("payments.PaymentFailed", 3, PaymentEvents),
	kind[PaymentRefunded]("payments.PaymentRefunded", 2, PaymentEvents),
	kind[RefundFailed]("payments.RefundFailed", 2, PaymentEvents),
	kind[InventoryReserved]("inventory.InventoryReserved", 3, InventoryEvents),
	kind[InventoryReleased]("inventory.InventoryReleased", 2, InventoryEvents),
	kind[ProductOutOfStock]("inventory.ProductOutOfStock", 2, InventoryEvents),
	kind[InventoryUpdated]("inventory.InventoryUpdated", 2, InventoryStock),
	kind[OrderShipped]("shipping.OrderShipped", 2, ShippingEvents),
	kind[ShipmentDelivered]("shipping.ShipmentDelivered", 2, ShippingEvents),
	kind[ShipmentFailed]("shipping.ShipmentFailed", 2, ShippingEvents),
	kind[NotificationSent]("notifications.NotificationSent", 3, NotificationEvents),
	kind[NotificationFailed]("notifications.NotificationFailed", 2, NotificationEvents),
	kind[CustomerRegistered]("customers.CustomerRegistered", 3, CustomerEvents),
}

// KindOf returns the kind of a message, given as a struct or a pointer to one; false if no service sends such a thing.
func KindOf(data any) (Kind, bool) {
	t := reflect.TypeOf(data)
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for _, k := range kinds {
		if k.typ == t {
			return k, true
		}
	}
	return Kind{}, false
}

// Meta is what the CloudEvents attributes of a message say. The zero Meta as a cause means: nothing before it.
type Meta struct {
	ID          string // of this message, a UUIDv7
	Type        string // com.example.orders.OrderPlaced
	Source      string // /services/orders
	Subject     string // of the aggregate: order, sku or customer id
	Time        time.Time
	Correlation string // id of the command at the root of the chain
	Causation   string // id of the message that this one answers
	Version     int64  // of the aggregate, from 1; 0 = not said
	Replay      bool   // history, sent again: nothing outside may be touched
}

// Money is an amount in the smallest unit of its currency.
type Money struct {
	AmountMinor int64  `json:"amountMinor"`
	Currency    string `json:"currency"` // ISO 4217
}

// A Line is a quantity of one product.
type Line struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

// Address is where an order goes.
type Address struct {
	Street     string `json:"street,omitempty"`
	City       string `json:"city,omitempty"`
	Region     string `json:"region,omitempty"`
	PostalCode string `json:"postalCode,omitempty"`
	Country    string `json:"country"` // ISO 3166-1, two letters
}
