package event

import "time"

// A Parcel is on its way.
type Parcel struct {
	TrackingNumber string `json:"trackingNumber"`
	Carrier        string `json:"carrier,omitempty"`
}

// OrderShipped says that the parcels left the warehouse; from here on an order cannot be cancelled.
type OrderShipped struct {
	OrderID string   `json:"orderId"`
	Parcels []Parcel `json:"parcels"`
}

// ShipmentDelivered says that the customer has the parcels.
type ShipmentDelivered struct {
	OrderID     string    `json:"orderId"`
	DeliveredAt time.Time `json:"deliveredAt"`
}

// Codes of ShipmentFailed.
const (
	ShipmentCancelled = "CANCELLED"
	CarrierRefused    = "CARRIER_REFUSED"
)

// A Fault is a code to act on and a text to read.
type Fault struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// ShipmentFailed says that an order will not be shipped.
type ShipmentFailed struct {
	OrderID string `json:"orderId"`
	Error   Fault  `json:"error"`
}
