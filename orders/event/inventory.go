package event

import "time"

// MainWarehouse is the only warehouse of the demo.
const MainWarehouse = "MAIN"

// ReservedLine is a line that was set aside.
type ReservedLine struct {
	SKU       string `json:"sku"`
	Quantity  int64  `json:"quantity"`
	Warehouse string `json:"warehouse"`
}

// InventoryReserved says that all lines of an order are set aside. ExpiresAt is nil: reservations do not expire.
type InventoryReserved struct {
	OrderID       string         `json:"orderId"`
	ReservationID string         `json:"reservationId"` // res- and the order's id
	Lines         []ReservedLine `json:"lines"`
	ReservedAt    time.Time      `json:"reservedAt"`
	ExpiresAt     *time.Time     `json:"expiresAt,omitempty"`
}

// InventoryReleased undoes InventoryReserved.
type InventoryReleased struct {
	OrderID       string    `json:"orderId"`
	ReservationID string    `json:"reservationId"`
	Lines         []Line    `json:"lines"`
	Reason        string    `json:"reason"`
	ReleasedAt    time.Time `json:"releasedAt"`
}

// StockLevel is how much of a product there is.
type StockLevel struct {
	OnHand   int64 `json:"onHand"`   // can still be reserved
	Reserved int64 `json:"reserved"` // set aside, not yet shipped
}

// InventoryUpdated is the stock of one product after a change.
type InventoryUpdated struct {
	SKU       string     `json:"sku"`
	Quantity  StockLevel `json:"quantity"`
	UpdatedAt time.Time  `json:"updatedAt"`
}

// A Shortage is a product that is short. Requested and Available are nil in events of the first version.
type Shortage struct {
	SKU       string `json:"sku"`
	Requested *int64 `json:"requested,omitempty"`
	Available *int64 `json:"available,omitempty"`
}

// ProductOutOfStock says that nothing of an order was set aside, and lists all that is short.
type ProductOutOfStock struct {
	OrderID    string     `json:"orderId"`
	Shortages  []Shortage `json:"shortages"`
	NotifiedAt time.Time  `json:"notifiedAt"`
}
